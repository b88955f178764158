"""How far each family of evidence is trusted, and how that is learned."""

from __future__ import annotations

import math
import random

import pytest

from models.changes.signal import Signal
from models.changes.weighing import BY_HAND, MOST, NONE, Judged, Weighing, fit, shipped


def incident(told: float, noise: float, right: str) -> Judged:
    """One change against none: ``told`` is evidence worth hearing, ``noise`` is not."""
    change = [Signal(told, "it tells", "telling"), Signal(noise, "it chatters", "chatter")]
    return Judged({"c1": change, NONE: [Signal(1.0, "few changes do harm", "none")]}, frozenset({right}))


@pytest.fixture
def incidents() -> list[Judged]:
    draw = random.Random(3)
    found = []
    for _ in range(300):
        told, noise = draw.uniform(-1, 2), draw.uniform(-2, 2)
        guilty = draw.random() < 1 / (1 + math.exp(-(3 * told - 1)))
        found.append(incident(told, noise, "c1" if guilty else NONE))
    return found


def test_what_tells_gains_trust_and_chatter_loses_it(incidents: list[Judged]) -> None:
    multipliers = fit(incidents, ridge=1.0).multipliers
    assert multipliers["telling"] > 2.0
    assert multipliers["chatter"] < 0.3


def test_a_strong_ridge_keeps_what_was_set_by_hand(incidents: list[Judged]) -> None:
    assert all(abs(m - 1) < 0.02 for m in fit(incidents, ridge=1e5).multipliers.values())


def test_no_multiplier_leaves_its_bounds() -> None:
    lies = [incident(3.0, 0.0, NONE) for _ in range(200)]
    truths = [incident(1.1, 0.0, "c1") for _ in range(200)]
    for told in (lies, truths):
        assert all(0 <= m <= MOST for m in fit(told, ridge=0.01).multipliers.values())


def test_incidents_whose_answer_was_never_recorded_teach_nothing(incidents: list[Judged]) -> None:
    unknown = Judged(incidents[0].evidence, frozenset({"somewhere else"}))
    assert fit([*incidents, unknown], ridge=3.0) == fit(incidents, ridge=3.0)


def test_a_share_of_two_is_an_incident_told_twice(incidents: list[Judged]) -> None:
    first = incidents[:40]
    twice = [Judged(i.evidence, i.right, 2.0) for i in first]
    once, doubled = fit([*first, *first], ridge=3.0).multipliers, fit(twice, ridge=3.0).multipliers
    assert once == pytest.approx(doubled, abs=0.01)


def test_weights_are_multiplied_by_family_and_reasons_stay() -> None:
    heard = Weighing({"place": 0.5}).of([Signal(2.0, "it acts there", "place"), Signal(1.0, "it is new", "time")])
    assert [(s.weight, s.reason) for s in heard] == [(1.0, "it acts there"), (1.0, "it is new")]
    assert BY_HAND.of(heard) == heard


def test_what_is_shipped_stays_near_what_was_set_by_hand() -> None:
    assert shipped().multipliers
    assert all(0.3 < m < 2.5 for m in shipped().multipliers.values())
