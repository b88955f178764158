"""Calibration: fitted without a system, judged on it; over-confidence is found and undone."""

import json

import numpy as np
import pytest

from data.errors import InputError
from models.confidence import SHIPPED, Confidence
from pipelines.calibrate import LICENCES, Ranked, calibrate, judge, most, ranked


def incidents(count: int, right: float, margin: float, seed: int) -> list[Ranked]:
    """Of ``count`` answers that lead by ``margin``, the share ``right`` is right."""
    rng = np.random.default_rng(seed)
    return [
        Ranked(((1.0, {"a": 1.0 + margin, "b": 1.0}),), 0, frozenset("a" if rng.random() < right else "b"))
        for _ in range(count)
    ]


def test_a_ranker_surer_than_it_is_right_is_made_less_sure() -> None:
    systems = {name: incidents(200, 0.6, 1.0, seed) for seed, name in enumerate(("bundles", "petshop", "nezha"))}
    before = judge(systems["nezha"], Confidence(0.2, 0.0, 0.05, 0.98))
    fitted, held_back = calibrate(systems)
    assert before["ece"] > 0.3
    assert fitted.temperature > 0.5
    assert max(row["ece"] for row in held_back.values()) < 0.15
    assert all(row["accuracy"] == pytest.approx(0.6, abs=0.1) for row in held_back.values())


def test_a_system_is_judged_by_what_the_others_taught() -> None:
    """The one that is always right must not be judged by numbers it helped to fit."""
    systems = {"bundles": incidents(100, 1.0, 1.0, 0), "petshop": incidents(100, 0.5, 1.0, 1)}
    _, held_back = calibrate(systems)
    assert held_back["petshop"]["temperature"] < held_back["bundles"]["temperature"]
    assert held_back["petshop"]["ece"] > 0.3


def test_a_cause_without_evidence_counts_for_what_nobody_saw() -> None:
    absent = Ranked(((1.0, {"a": 1.0}),), 0, frozenset("z"))
    wide, narrow = Confidence(0.5, 1.0, 0.05, 0.95), Confidence(0.5, 0.0, 0.05, 0.95)
    assert absent.surprise(wide) < absent.surprise(narrow)


def test_an_average_over_onsets_weighs_each_by_its_share() -> None:
    torn = Ranked(((0.75, {"a": 5.0}), (0.25, {"b": 5.0})), 0, frozenset("a"))
    found = torn.probabilities(Confidence(0.2, 0.0, 0.05, 1.0))
    assert found == pytest.approx({"a": 0.75, "b": 0.25}, abs=1e-6)


def test_few_incidents_bear_out_little_confidence() -> None:
    assert most({"bundles": incidents(6, 1.0, 1.0, 0)}) == 0.5
    assert most({"bundles": incidents(60, 1.0, 1.0, 0)}) == 0.95
    assert most({"nezha": incidents(180, 1.0, 1.0, 0)}) == 0.95, "three delays of one incident are one incident"
    assert most({"synthetic": incidents(999, 1.0, 1.0, 0), "bundles": incidents(60, 1.0, 1.0, 0)}) == 0.95


def test_sets_for_benchmarks_alone_are_refused() -> None:
    with pytest.raises(InputError, match="may not be learned from"):
        next(ranked("dycause", "anywhere"))
    with pytest.raises(InputError, match="at least two systems"):
        calibrate({"bundles": incidents(3, 1.0, 1.0, 0)})


def test_made_incidents_are_ranked_for_it() -> None:
    rows = list(ranked("synthetic", "3"))
    assert len(rows) == 3
    assert all(sum(share for share, _ in row.views) == pytest.approx(1.0) for row in rows)


def test_what_ships_says_what_it_was_learned_from() -> None:
    report = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert set(report["learned_from"]) <= set(LICENCES)
    assert set(report["held_back"]) == set(report["learned_from"])
    assert Confidence(**report["confidence"]).most < 1.0
