"""Answers about incidents of systems that were not learned from: what rankers are judged and calibrated by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.rankers.packed import Packed
from models.rankers.table import supported


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


def hits(answers: list[Answered]) -> Floats:
    """Whether the first answer is right (AC@1), one number a showing with a culprit; ties by expectation."""
    return np.array([_hit(a) for a in answers if a.told])


def _hit(answer: Answered) -> float:
    total = sum(share * _softmax(scores) for share, scores in answer.views)
    best = np.asarray(total >= np.max(total) - 1e-9)
    return float(answer.guilty[best].mean())


def macro(systems: Mapping[str, list[Answered]]) -> float:
    """AC@1 with every system counting the same; NaN without any."""
    means = [float(hits(answers).mean()) for answers in systems.values() if len(hits(answers))]
    return float(np.mean(means)) if means else float("nan")


def _softmax(scores: Floats) -> Floats:
    top = scores.max()
    powers = np.exp(scores - top) if np.isfinite(top) else np.ones(len(scores))
    return np.asarray(powers / powers.sum())
