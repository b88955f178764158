"""Answers about incidents of systems that were not learned from: what rankers are judged and calibrated by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.confidence import Confidence, probabilities, sharpened
from models.rankers.packed import Packed
from models.rankers.table import supported

# Rankers are compared before how sure to be of them is fitted; onsets are averaged then as is usual afterwards.
USUAL = Confidence(power=6.0, floor=0.5, unseen=0.0, blind=0.1, most=0.97)
# Probabilities that differ by less are the same.
TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Answered:
    """One incident as it was shown once: the scores from each likely onset, and who did it.

    Attributes:
        views: (probability of the onset, scores of all services), each of shape (S,); -inf for those without any sign.
        guilty: shape (S,); none where nothing was wrong, or where ``lost``.
        lost: the culprit is none of the services.
        case: number of the incident; showings of the same one share it.
    """

    views: tuple[tuple[float, Floats], ...]
    blind_spots: int
    guilty: npt.NDArray[np.bool_]
    lost: bool
    case: int

    @property
    def told(self) -> bool:
        """Whether there is a culprit to be found at all."""
        return bool(self.guilty.any()) or self.lost


def answered(data: Packed, scores: Floats) -> dict[str, list[Answered]]:
    """The showings of each system, from the scores of all rows of ``data``."""
    ends = np.append(data.starts[1:], len(data.group))
    scores = np.where(supported(data.table), scores, -np.inf)
    views: dict[int, list[int]] = {}
    for g, showing in enumerate(data.showing):
        views.setdefault(int(showing), []).append(g)
    found: dict[str, list[Answered]] = {}
    for tables in views.values():
        first = tables[0]
        found.setdefault(str(data.system[first]), []).append(
            Answered(
                tuple((float(data.share[g]), scores[data.starts[g] : ends[g]]) for g in tables),
                int(data.blind_spots[first]),
                data.guilty[data.starts[first] : ends[first]],
                bool(data.lost[first]),
                int(data.case[first]),
            )
        )
    return found


def hits(answers: Sequence[Answered], confidence: Confidence = USUAL) -> Floats:
    """Whether the first answer is right (AC@1), one number a showing with a culprit; ties by expectation."""
    return firsts([a for a in answers if a.told], confidence)[1]


def firsts(answers: Sequence[Answered], confidence: Confidence) -> tuple[Floats, Floats]:
    """:func:`first` of each of ``answers``: how probable, and how likely right; shapes (A,)."""
    found = np.array([first(a, confidence) for a in answers]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def first(answer: Answered, confidence: Confidence) -> tuple[float, float]:
    """The probability of the first answer, 0 where there is no candidate, and how likely it is right: ties by
    expectation, and nothing is right where all are zero."""
    mean = sum(share * _candidates(scores, answer.blind_spots, confidence) for share, scores in answer.views)
    found = sharpened(np.asarray(mean), confidence)
    sure = float(np.max(found, initial=0.0))
    best = found >= sure - TIE
    return sure, float(answer.guilty[best].mean()) if sure else 0.0


def _candidates(scores: Floats, blind_spots: int, confidence: Confidence) -> Floats:
    """Zero for services without any sign, which have no score."""
    found, known = np.zeros(len(scores)), np.isfinite(scores)
    found[known] = probabilities(scores[known], blind_spots, confidence)
    return found


def macro(systems: Mapping[str, list[Answered]]) -> float:
    """AC@1 with every system counting the same; NaN without any."""
    means = [float(hits(answers).mean()) for answers in systems.values() if len(hits(answers))]
    return float(np.mean(means)) if means else float("nan")
