"""Drift: chance is none, what moved is named, and small samples do not make large indices."""

from __future__ import annotations

import numpy as np
import pytest

from models.base import Channel
from models.drift import RISK, TRAITS, drifts, modality_of, psi
from models.rankers.board import CHANNELS


def sample(seed: int, count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, (count, len(TRAITS)))


def test_chance_is_no_drift() -> None:
    alarms = sum(bool(drifts(sample(seed), sample(seed + 1000))) for seed in range(12))
    assert alarms <= 1, f"{alarms} of 12, where {12 * RISK:g} are to be expected"


def test_what_moved_is_named_by_modality() -> None:
    after = sample(2)
    column = CHANNELS.index(Channel.new_logs)
    after[:, column] += 3.0
    [found] = drifts(sample(1), after)
    assert (found.modality, found.trait) == ("logs", "the strongest sign of new logs")
    assert found.after > found.before + 2
    assert "PSI" in found.sentence


def test_what_is_always_the_same_is_left_out() -> None:
    same = np.ones((30, len(TRAITS)))
    assert drifts(same, same) == []


def test_a_trait_that_comes_to_be_there_is_drift() -> None:
    before, after = sample(1), sample(2)
    column = next(i for i, (_, trait) in enumerate(TRAITS) if trait == "whether there are spans")
    before[:, column], after[:, column] = 0.0, 1.0
    assert [d.modality for d in drifts(before, after)] == ["spans"]


@pytest.mark.parametrize("count", [20, 200])
def test_the_index_is_small_without_drift_whatever_the_count(count: int) -> None:
    rng = np.random.default_rng(0)
    found = [psi(rng.normal(size=count), rng.normal(size=count)) for _ in range(200)]
    assert np.median(found) < 0.05
    assert psi(rng.normal(size=count), rng.normal(3.0, 1.0, count)) > 1.0


def test_every_channel_has_a_modality() -> None:
    assert {modality_of(c) for c in Channel} == {"metrics", "logs", "spans", "changes"}
