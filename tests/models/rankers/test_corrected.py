"""Corrections: they learn what labels tell, keep what they do not, and stay data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.base import Channel
from models.rankers import Ranker, boosted, linear
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.corrected import Corrected, correct
from models.rankers.examples import Example
from models.rankers.held import answered, macro
from models.rankers.linear import MONOTONE
from models.rankers.packed import Packed, pack
from models.rankers.prior import Prior
from models.rankers.state import dump, read
from models.rankers.table import NAMES


def incidents(telling: Channel, count: int = 40, seed: int = 0) -> list[Example]:
    """The culprit stands out in ``telling``; all else is noise."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        size = int(rng.integers(4, 8))
        signs = np.where(rng.random((size, len(CHANNELS))) < 0.2, rng.gamma(1.0, 3.0, (size, len(CHANNELS))), 0.0)
        guilty = np.arange(size) == rng.integers(size)
        signs[:, CHANNELS.index(telling)] = np.where(guilty, 12.0, 0.5)
        changes = rng.gamma(1.0, 2.0, (2, size, len(KINDS)))
        board = Board(tuple(map(str, range(size))), signs, np.ones_like(signs), changes[0], changes[1],
                      np.full(size, np.nan), np.empty((0, 2), np.intp), 0, 0, np.ones(4, bool))  # fmt: skip
        found.append(Example(board, number, number, 1.0, 0, guilty))
    return found


@pytest.fixture(scope="module")
def data() -> Packed:
    return pack({"new": incidents(Channel.lost_logs)})


def learned(kind: str, data: Packed) -> Ranker:
    if kind == "prior":
        return Prior()
    return linear.fit(data) if kind == "linear" else boosted.fit(data, trees=8)


@pytest.mark.parametrize(("kind", "becomes"), [("prior", "linear"), ("linear", "linear"), ("boosted", "corrected")])
def test_what_labels_tell_is_learned_and_survives_the_disk(
    kind: str, becomes: str, data: Packed, tmp_path: Path
) -> None:
    ranker = learned(kind, pack({"old": incidents(Channel.latency, seed=1)}))
    unseen = pack({"new": incidents(Channel.lost_logs, seed=2)})
    now_kind, better = correct(kind, ranker, data, ridge=0.01)
    assert now_kind == becomes
    before, after = (macro(answered(unseen, r.scores(unseen.table))) for r in (ranker, better))
    assert after > before + 0.2
    dump(tmp_path / "r.json", now_kind, better, None, {})
    again = read(tmp_path / "r.json")[1]
    assert np.allclose(again.scores(unseen.table), better.scores(unseen.table), rtol=1e-4, atol=1e-4)


def test_the_ridge_pulls_to_no_correction(data: Packed) -> None:
    ranker = linear.fit(pack({"old": incidents(Channel.latency, seed=1)}))
    _, hardly = correct("linear", ranker, data, ridge=1e6)
    assert np.allclose(hardly.scores(data.table), ranker.scores(data.table), atol=1e-3)


def test_more_evidence_never_speaks_for_innocence(data: Packed) -> None:
    """Labels that say the one with the sign is innocent may take the sign's worth away, and no more."""
    poisoned = replace(data, guilty=_next_row_of_the_same_table(data))
    ranker = linear.fit(data, ridge=0.01)
    _, corrected = correct("linear", ranker, poisoned, ridge=1e-4)
    weights = dict(zip(NAMES, corrected.arrays()["weights"], strict=True))
    total = weights["share:lost_logs"] + 0.35 * ranker.scale * 0.5
    assert total >= -1e-9
    assert all(w >= -1e-9 for n, w in weights.items() if n.partition(":")[0] in MONOTONE[1:])


def test_contributions_add_up(data: Packed) -> None:
    ranker = boosted.fit(data, trees=5)
    kind, corrected = correct("boosted", ranker, data)
    assert isinstance(corrected, Corrected)
    assert kind == "corrected"
    more = corrected.scores(data.table) - ranker.scores(data.table)
    given = (corrected.contributions(data.table) - ranker.contributions(data.table)).sum(axis=1)
    assert np.allclose(more, given)


def _next_row_of_the_same_table(data: Packed) -> np.ndarray:
    moved = data.guilty.copy()
    for start, end in zip(data.starts, np.append(data.starts[1:], len(data.group)), strict=True):
        moved[start:end] = np.roll(data.guilty[start:end], 1)
    return moved
