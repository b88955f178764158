"""The gate: better where people said, no fall anywhere else, and labels worth believing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.telemetry import Floats
from models.base import Channel
from models.confidence import Confidence
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.examples import Example
from models.rankers.packed import Packed, pack
from pipelines.promote import Answers, Judgement, judge, slices_of

SURE = Confidence(power=2.3, floor=0.6, unseen=0.3, blind=0.05, most=0.95, least=0.3)


def incidents(count: int, seed: int = 0, *, spans: bool = True) -> list[Example]:
    """Everybody shows something; who did it is drawn."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        size = int(rng.integers(4, 8))
        signs = rng.gamma(1.0, 3.0, (size, len(CHANNELS)))
        zero = np.zeros((size, len(KINDS)))
        seen = np.array([True, spans, True, True])
        board = Board(tuple(map(str, range(size))), signs, np.ones_like(signs), zero, zero, np.full(size, np.nan),
                      np.empty((0, 2), np.intp), 0, 0, seen)  # fmt: skip
        found.append(Example(board, number, number, 1.0, 0, np.arange(size) == rng.integers(size)))
    return found


def right(data: Packed, share: float, seed: int = 0) -> Floats:
    """Scores that name the culprit in ``share`` of the incidents, and another service in the rest."""
    told = np.random.default_rng(seed).permutation(len(data)) < share * len(data)
    other = np.roll(data.guilty, 1)
    other[data.starts] = data.guilty[np.append(data.starts[1:], len(data.group)) - 1]
    return np.asarray(np.where(told[data.group], data.guilty, other) * 1.5 + 0.1)


@pytest.fixture(scope="module")
def new() -> Packed:
    return pack({"labelled prod": incidents(40)})


@pytest.fixture(scope="module")
def old() -> Packed:
    return pack({"synthetic": incidents(100, 1), "prepared rcd": incidents(50, 2, spans=False)})


def judged(new: Packed, old: Packed, gains: tuple[float, float], losses: tuple[float, float]) -> Judgement:
    """``gains`` and ``losses``: accuracies of champion and challenger on new and on old incidents."""
    return judge(
        new, (Answers(right(new, gains[0]), SURE), Answers(right(new, gains[1]), SURE)),
        old, (Answers(right(old, losses[0]), SURE), Answers(right(old, losses[1]), SURE)),
    )  # fmt: skip


def test_better_and_nowhere_worse_is_promoted(new: Packed, old: Packed) -> None:
    found = judged(new, old, (0.4, 0.7), (0.6, 0.6))
    assert found.promote
    assert found.because.startswith("better: all: AC@1 0.40 -> 0.70, gain +0.300")
    assert {"with spans", "without spans", "system synthetic", "system prepared rcd"} <= {s.name for s in found.slices}
    assert {s.what for s in found.slices} == {"AC@1", "calibration"}


def test_a_gain_within_noise_is_no_gain(new: Packed, old: Packed) -> None:
    found = judged(new, old, (0.4, 0.4), (0.6, 0.6))
    assert not found.promote
    assert "not better beyond noise" in found.because


def test_a_fall_elsewhere_is_refused_however_large_the_gain(new: Packed, old: Packed) -> None:
    found = judged(new, old, (0.3, 0.9), (0.7, 0.5))
    assert not found.promote
    assert "falls on old incidents, all: AC@1" in found.because


def test_a_fall_on_one_slice_is_not_hidden_by_the_rest(new: Packed, old: Packed) -> None:
    before, after = right(old, 0.6), right(old, 0.6)
    mine = (old.system == "prepared rcd")[old.group]
    elsewhere = (old.system == "synthetic")[old.group]
    before[mine], after[mine] = right(old, 1.0)[mine], right(old, 0.0)[mine]
    before[elsewhere], after[elsewhere] = right(old, 0.0)[elsewhere], right(old, 1.0)[elsewhere]
    gain = (Answers(right(new, 0.3), SURE), Answers(right(new, 0.8), SURE))
    found = judge(new, gain, old, (Answers(before, SURE), Answers(after, SURE)))
    whole = next(s for s in found.slices if s.part == "old" and s.name == "all" and s.what == "AC@1")
    assert whole.gain.value > 0
    assert not found.promote
    assert "system prepared rcd: AC@1" in found.because
    assert "without spans: AC@1" in found.because


def test_confidence_that_means_less_is_a_fall(new: Packed, old: Packed) -> None:
    bold = replace(SURE, power=6.0, unseen=0.0, floor=0.1, most=1.0)
    same = right(old, 0.5)
    found = judge(
        new, (Answers(right(new, 0.3), SURE), Answers(right(new, 0.8), SURE)),
        old, (Answers(same, replace(SURE, power=0.8, unseen=1.0)), Answers(same, bold)),
    )  # fmt: skip
    assert not found.promote
    assert "calibration" in found.because
    assert "AC@1" not in found.because


def test_labels_of_services_without_any_sign_are_not_believed(new: Packed, old: Packed) -> None:
    silent = [replace(e, board=replace(e.board, signs=np.where(e.guilty[:, None], 0.0, e.board.signs)))
              if e.case < 20 else e for e in incidents(40)]  # fmt: skip
    found = judged(pack({"labelled prod": silent}), old, (0.4, 0.7), (0.6, 0.6))
    assert not found.promote
    assert "20 of 40 labels name a service that shows no sign" in found.because


def test_slices_that_hold_everything_say_nothing_new(new: Packed, old: Packed) -> None:
    assert slices_of(new) == {}
    assert set(slices_of(old)) == {"system synthetic", "system prepared rcd", "with spans", "without spans"}
    assert Channel.blame in CHANNELS
