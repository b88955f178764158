"""Calibration: fitted without a system, judged on it; over-confidence is found and undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.errors import InputError
from models.confidence import Confidence, probabilities, sharpened
from models.rankers.held import Answered, first
from pipelines.calibrate import LEAST, Stacked, calibrate, judge, most

PLAIN = Confidence(4.0, 0.3, 0.1, 0.1, 0.98, LEAST, 1.5)


def incidents(count: int, right: float, margin: float, seed: int) -> list[Answered]:
    """Of ``count`` answers that lead by ``margin``, the share ``right`` is right."""
    rng = np.random.default_rng(seed)
    scores = np.array([margin, 0.0, -np.inf])
    return [
        Answered(((1.0, scores),), 0, np.arange(3) == (0 if rng.random() < right else 1), False, number)
        for number in range(count)
    ]


def test_a_ranker_surer_than_it_is_right_is_made_less_sure() -> None:
    systems = {name: incidents(150, 0.6, 5.0, seed) for seed, name in enumerate(("bundles", "petshop", "nezha"))}
    before = judge(systems["nezha"], PLAIN)
    fitted, held_back = calibrate(systems)
    assert before["ece"] > 0.3
    assert fitted.power < PLAIN.power
    assert max(row["ece"] for row in held_back.values()) < 0.15
    assert all(row["accuracy"] == pytest.approx(0.6, abs=0.1) for row in held_back.values())


def test_a_system_is_judged_by_what_the_others_taught() -> None:
    """The one that is always right must not be judged by numbers it helped to fit."""
    systems = {"bundles": incidents(100, 1.0, 3.0, 0), "petshop": incidents(100, 0.5, 3.0, 1)}
    _, held_back = calibrate(systems)
    assert held_back["petshop"]["mean_confidence"] > 0.8
    assert held_back["petshop"]["ece"] > 0.3


def test_a_culprit_without_a_sign_counts_for_what_nobody_saw() -> None:
    scores = np.array([2.0, 0.0, -np.inf])
    absent = [Answered(((1.0, scores),), 0, np.arange(3) == 2, False, i) for i in range(40)]
    found = [Answered(((1.0, scores),), 0, np.arange(3) == 0, False, i) for i in range(40)]
    wary, _ = calibrate({"a": absent, "b": absent})
    bold, _ = calibrate({"a": found, "b": found})
    assert first(absent[0], wary) < first(found[0], bold)
    assert wary.unseen > bold.unseen


def test_what_could_not_be_seen_always_costs_confidence() -> None:
    """Even where the answers given blind were the better ones."""
    scores = np.array([3.0, 0.0])
    blind = [Answered(((1.0, scores),), 3, np.arange(2) == 0, False, i) for i in range(40)]
    seeing = [Answered(((1.0, scores),), 0, np.arange(2) == i % 2, False, i) for i in range(40)]
    fitted, _ = calibrate({"a": blind, "b": seeing})
    unseen = Answered(((1.0, scores),), 3, np.arange(2) == 0, False, 0)
    assert first(unseen, fitted)[0] < first(seeing[0], fitted)[0]


def test_where_onsets_disagree_and_the_mean_is_right_it_is_made_surer() -> None:
    """Each of three onsets names another service; the culprit is named by two of them, every time."""
    one, other = np.array([4.0, 0.0, 0.0]), np.array([0.0, 4.0, 0.0])
    torn = [Answered(((0.4, one), (0.3, one), (0.3, other)), 0, np.arange(3) == 0, False, i) for i in range(40)]
    fitted, held_back = calibrate({"a": torn, "b": torn})
    blunt = replace(fitted, sharpen=1.0)
    assert fitted.sharpen > 1.5
    assert held_back["a"]["ece"] < judge(torn, blunt)["ece"] - 0.05
    assert first(torn[0], fitted)[0] > 0.8 > first(torn[0], blunt)[0]


def test_what_is_fitted_is_what_is_told() -> None:
    """The likelihood of many answers side by side is that of each one's probabilities."""
    rng = np.random.default_rng(0)
    answers = [
        Answered(((0.7, rng.random(n)), (0.3, rng.random(n))), n % 3, np.arange(n) == 0, False, n) for n in (1, 2, 5)
    ]
    mean = np.mean([-np.log(_given_to_the_first(a)) for a in answers])
    numbers = np.array([PLAIN.power, PLAIN.floor, PLAIN.unseen, PLAIN.blind, PLAIN.sharpen])
    assert Stacked.of(answers).surprise(numbers, PLAIN.most) == pytest.approx(mean)


def _given_to_the_first(answer: Answered) -> float:
    mean = sum(share * probabilities(scores, answer.blind_spots, PLAIN) for share, scores in answer.views)
    return float(sharpened(np.asarray(mean), PLAIN)[0])


def test_abstaining_leaves_out_the_answers_that_are_mostly_wrong() -> None:
    clear = incidents(50, 1.0, 8.0, 0)
    torn = [Answered(((1.0, np.zeros(10)),), 0, np.arange(10) == i % 10, False, 50 + i) for i in range(50)]
    figures = judge([*clear, *torn], PLAIN)
    assert figures["answered"] == 0.5
    assert figures["accuracy_answered"] == 1.0 > figures["accuracy"]


def test_few_incidents_bear_out_little_confidence() -> None:
    assert most({"bundles": incidents(6, 1.0, 1.0, 0)}) == 0.5
    assert most({"bundles": incidents(60, 1.0, 1.0, 0)}) == 0.95
    shown_thrice = [a for a in incidents(60, 1.0, 1.0, 0) for _ in range(3)]
    assert most({"nezha": shown_thrice}) == 0.95, "three delays of one incident are one incident"
    assert most({"synthetic": incidents(999, 1.0, 1.0, 0), "bundles": incidents(60, 1.0, 1.0, 0)}) == 0.95


def test_one_system_is_too_few() -> None:
    with pytest.raises(InputError, match="at least two systems"):
        calibrate({"bundles": incidents(3, 1.0, 1.0, 0)})
