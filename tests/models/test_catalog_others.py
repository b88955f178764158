"""The checks of the catalogue, for what is no detector: forecasters, the miner of log templates, severity and impact.

Each is one question with one answer, a number that is higher the worse things are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from data.domain import BlastRadius
from data.errors import ConfigError, ModelError
from data.reports import Report
from models.catalog import FORECASTERS, SHIPPED, forecaster, restore_shipped, shipped
from models.forecast.past import Past
from models.forecast.question import Question
from models.impact import Measured
from models.logs.miner import TemplateMiner

ROWS, HORIZON = 400, 24


@dataclass(frozen=True)
class Exam:
    """One question. ``calm`` and ``faulty`` are inputs; ``poor`` and ``constant`` lack what a model would like to have.

    ``judge`` makes a fresh answer each time it is asked.
    """

    judge: Callable[[Any], float]
    calm: Any
    faulty: Any
    poor: Any
    constant: Any


def noisy(values: np.ndarray) -> np.ndarray:
    return np.asarray(values + np.random.default_rng(0).normal(0, 1, len(values)))


def with_holes(values: np.ndarray) -> np.ndarray:
    holey = values.copy()
    holey[::7] = np.nan
    holey[50:90] = np.nan
    return holey


def breach(name: str) -> Callable[[np.ndarray], float]:
    """How likely a series is to reach 100 within the horizon after its last row."""

    def judge(values: np.ndarray) -> float:
        question = Question(100.0, HORIZON, period=24)
        past = Past(question.gap(values), question)
        return float(forecaster(name)(past, np.array([len(values) - 1]))[0])

    return judge


# It comes near its limit once a day, and at the end it is that time of day: each of the forecasters can tell that.
DAILY = 60 + 45 * np.maximum(np.sin(2 * np.pi * (np.arange(ROWS) - ROWS) / 24 + 0.2), 0)
SERIES = {
    "calm": noisy(np.full(ROWS, 50.0)),
    "faulty": noisy(np.where(np.arange(ROWS) < 300, 60.0, 60 + 0.38 * (np.arange(ROWS) - 300))),
    "poor": with_holes(noisy(np.full(ROWS, 50.0))),
    "constant": np.full(ROWS, 50.0),
}
RADIUS = BlastRadius(services=("db", "web"), symptomatic=("db",))
LINES = [f"GET /orders/{n} took {n % 37} ms" for n in range(60)]


def templates(messages: list[str]) -> float:
    """How many templates there are: a new kind of line is one more."""
    miner = TemplateMiner()
    for message in messages:
        miner.add(message)
    return float(len({shape.tokens for shape in miner.templates()}))


def worst(report: Report) -> float:
    found = shipped("severity").assess(report).probabilities
    return float(sum(p for severity, p in found.items() if severity.rank >= 2))


def badness(measured: Measured) -> float:
    return float(sum(p * s.rank for s, p in shipped("impact").probabilities(measured).items()))


EXAMS = {
    **{f"forecast: {name}": Exam(breach(name), **SERIES) for name in FORECASTERS if name != "seasonal frequency"},
    "forecast: seasonal frequency": Exam(breach("seasonal frequency"), **{**SERIES, "faulty": noisy(DAILY)}),
    "log templates": Exam(
        templates,
        LINES,
        [*LINES, "connection to db refused: out of file descriptors"],
        ["", " ", "\t", "\ud800", "x" * 100_000],
        ["same line"] * 60,
    ),
    "severity": Exam(
        worst,
        Report("Scheduled maintenance is complete", "There is no impact."),
        Report("Major outage", "All requests to Actions, Issues, Pull Requests and Pages fail. The database is down."),
        Report(),
        Report("down " * 500),
    ),
    "impact": Exam(
        badness,
        Measured(0.1, RADIUS, failing=0.0, slower=1.0, doors=(1, 2)),
        Measured(0.9, RADIUS, failing=0.4, slower=9.0, doors=(2, 2)),
        Measured(0.5, RADIUS),
        Measured(0.0, BlastRadius()),
    ),
}


@pytest.fixture(params=list(EXAMS))
def exam(request: pytest.FixtureRequest) -> Exam:
    return EXAMS[request.param]


def test_it_finds_a_planted_fault(exam: Exam) -> None:
    assert exam.judge(exam.faulty) > exam.judge(exam.calm) + 0.1


def test_the_same_question_has_the_same_answer(exam: Exam) -> None:
    assert exam.judge(exam.faulty) == exam.judge(copy.deepcopy(exam.faulty))


def test_it_changes_nothing_it_is_given(exam: Exam) -> None:
    before = copy.deepcopy(exam.faulty)
    exam.judge(exam.faulty)
    np.testing.assert_equal(exam.faulty, before)


@pytest.mark.parametrize("what", ["poor", "constant"])
def test_what_is_missing_or_never_changes_is_survived_and_no_cause_for_alarm(exam: Exam, what: str) -> None:
    given = getattr(exam, what)
    answer = exam.judge(given)
    assert np.isfinite(answer)
    if not isinstance(given, Report | list):  # a shout is one, and each odd line is of its own kind
        assert answer < exam.judge(exam.faulty)


@pytest.fixture(params=list(SHIPPED))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_ships_comes_back_from_its_state(name: str) -> None:
    model = shipped(name)
    again = restore_shipped(name, copy.deepcopy(model.as_json()))
    assert again.as_json() == model.as_json()


def test_a_foreign_state_is_refused(name: str) -> None:
    others = [other for other in SHIPPED if other != name]
    for state in ({}, *(shipped(other).as_json() for other in others)):
        with pytest.raises(ModelError, match=name):
            restore_shipped(name, state)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ConfigError, match="ETS"):
        forecaster("crystal-ball")
    with pytest.raises(ConfigError, match="impact"):
        shipped("crystal-ball")
