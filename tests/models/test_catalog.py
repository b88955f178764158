"""The same checks for every pluggable model: whoever adds one to the catalogue gets them for free."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from data.errors import ConfigError, ModelError
from models.anomaly.base import Fitted
from models.catalog import DETECTORS, make, restore

# Row by row and in a batch the same sums are added up in another order, in single precision.
TOLERANCE = {"rtol": 2e-3, "atol": 2e-3}


@pytest.fixture(params=list(DETECTORS))
def name(request: pytest.FixtureRequest) -> str:
    for package in DETECTORS[request.param].needs:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return str(request.param)


@cache
def fitted_on_rhythm(name: str) -> Any:
    """Fitting is what takes long; no check changes a fitted model."""
    return make(name).fit(rhythm())


def rhythm(rows: int = 400, columns: int = 1, seed: int = 0) -> np.ndarray:
    """A daily rhythm with noise; columns share it."""
    rng = np.random.default_rng(seed)
    daily = np.sin(2 * np.pi * np.arange(rows) / 24)
    return 100 + 10 * daily[:, None] + rng.normal(0, 1.5, (rows, columns))


def with_fault(values: np.ndarray, start: int = 300, length: int = 8) -> np.ndarray:
    faulty = values.copy()
    faulty[start : start + length] += 60
    return faulty


def test_it_finds_a_planted_fault(name: str) -> None:
    scores = fitted_on_rhythm(name).hindsight(with_fault(rhythm(seed=1)))
    outside = np.delete(scores, slice(300 - 50, 308 + 50))  # a long window reaches over its neighbours
    assert scores[300:308].max() > outside.max()


def test_it_finds_a_fault_that_shows_in_a_third_of_the_columns(name: str) -> None:
    faulty = rhythm(columns=6, seed=1)
    faulty[:, :2] = with_fault(faulty[:, :2])
    scores = make(name).fit(rhythm(columns=6)).hindsight(faulty)
    assert 250 <= int(np.argmax(scores)) <= 358


def test_the_same_history_gives_the_same_scores(name: str) -> None:
    first, second = (f.hindsight(rhythm(seed=1)) for f in (fitted_on_rhythm(name), make(name).fit(rhythm())))
    np.testing.assert_array_equal(first, second)


def test_it_changes_nothing_it_is_given(name: str) -> None:
    history, values = rhythm(), rhythm(seed=1)
    before = history.copy(), values.copy()
    make(name).fit(history).hindsight(values)
    np.testing.assert_array_equal(history, before[0])
    np.testing.assert_array_equal(values, before[1])


def test_missing_samples_are_survived(name: str) -> None:
    history, values = rhythm(columns=3), with_fault(rhythm(columns=3, seed=1))
    for table in (history, values):
        table[::7, 0] = np.nan
        table[5, 1] = np.inf
        table[:, 2] = np.nan
    scores = make(name).fit(history).hindsight(values)
    assert scores.shape == (400,)
    assert np.isfinite(scores).all()
    assert 250 <= int(np.argmax(scores)) <= 358


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_constant_record_is_nowhere_unusual(name: str, level: float) -> None:
    flat = np.full((200, 1), level)
    scores = make(name).fit(flat).hindsight(flat)
    assert np.isfinite(scores).all()
    assert np.ptp(scores[60:]) < 1e-3


@pytest.mark.parametrize("rows", [0, 1, 5, 30])
def test_a_short_record_gets_a_score_a_row(name: str, rows: int) -> None:
    values = rhythm()[:rows]
    fitted = make(name).fit(values)
    for scores in (fitted.score(values), fitted.hindsight(values)):
        assert scores.shape == (rows,)
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()


def test_stream_and_batch_agree(name: str) -> None:
    values = with_fault(rhythm(seed=1), start=90)[:160]
    values[40:44] = np.nan
    fitted = fitted_on_rhythm(name)
    stream = fitted.stream()
    np.testing.assert_allclose([stream.update(row) for row in values], fitted.score(values), **TOLERANCE)


def test_scores_of_a_stream_do_not_depend_on_what_comes_after(name: str) -> None:
    fitted = fitted_on_rhythm(name)
    values = with_fault(rhythm(seed=1))
    np.testing.assert_allclose(fitted.score(values)[:200], fitted.score(values[:200]), **TOLERANCE)


def test_it_comes_back_from_its_state(name: str) -> None:
    fitted = fitted_on_rhythm(name)
    again = restore(name, fitted.state())
    assert isinstance(again, Fitted)
    np.testing.assert_allclose(again.score(rhythm(seed=1)), fitted.score(rhythm(seed=1)), **TOLERANCE)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ConfigError, match="neighbours"):
        make("crystal-ball")


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(ModelError, match="neighbours"):
        restore("neighbours", {"centre": [0.0]})
