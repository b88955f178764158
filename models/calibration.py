"""Whether a confidence means what it says: of the answers given with 70 %, seven in ten should be right.

``confidence`` holds the probability given to each case's first answer, ``correct`` whether it was right: 1 or 0,
or anything between where ties leave it to chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats

BINS = 15


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table: the cases with a confidence in (``low``, ``high``]."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and accuracy in equal-width bins of [0, 1]; empty bins are left out.

    Raises:
        ValueError: if shapes differ or a value lies outside [0, 1].
    """
    given, right = _checked(confidence, correct)
    index = np.clip(np.ceil(given * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for i in np.unique(index):
        inside = index == i
        mean, accuracy = float(given[inside].mean()), float(right[inside].mean())
        rows.append(Bin(i / bins, (i + 1) / bins, int(inside.sum()), mean, accuracy))
    return tuple(rows)


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by cases (Guo et al., ICML 2017).

    NaN without cases. With few cases most bins hold one or two, and the figure errs upwards.
    """
    rows = reliability(confidence, correct, bins=bins)
    total = sum(row.count for row in rows)
    if not total:
        return float("nan")
    return sum(row.count * abs(row.confidence - row.accuracy) for row in rows) / total


def brier(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Mean squared distance between confidence and outcome (Brier, 1950); NaN without cases."""
    given, right = _checked(confidence, correct)
    return float(np.mean((given - right) ** 2)) if len(given) else float("nan")


def accuracy_when_answering(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> Floats:
    """Accuracy of the surest 1, 2, ..., n cases: one less the risk at each coverage (El-Yaniv and Wiener, JMLR 2010).

    Which of equally sure cases are answered is left to chance: their expectation counts. Shape (n,).
    """
    given, right = _checked(confidence, correct)
    expected = right.copy()
    for sure in np.unique(given):
        expected[given == sure] = right[given == sure].mean()
    order = np.argsort(-given, kind="stable")
    return np.asarray(np.cumsum(expected[order]) / np.arange(1, len(given) + 1))


def fit_temperature(scores: list[Floats], answers: list[int], *, low: float = 0.02, high: float = 50.0) -> float:
    """The temperature that makes ``softmax(scores / temperature)`` most likely to have named each answer.

    Args:
        scores: one array of logits a case, of whatever length.
        answers: the index of the true candidate in each.
        low, high: the range searched. The negative log-likelihood is convex in 1 / temperature, so golden-section
            search over that finds its least.

    Raises:
        ValueError: without cases, or if their numbers differ.
    """
    if not scores or len(scores) != len(answers):
        raise ValueError(f"need as many answers as score arrays, and at least one: {len(answers)}, {len(scores)}")

    def loss(inverse: float) -> float:
        return float(sum(-_log_softmax(s * inverse)[a] for s, a in zip(scores, answers, strict=True)))

    return 1.0 / _golden_section(loss, 1.0 / high, 1.0 / low)


def softmax(scores: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities that sum to one; a higher temperature spreads them."""
    return np.asarray(np.exp(_log_softmax(np.asarray(scores, dtype=float) / temperature)))


def _log_softmax(scores: Floats) -> Floats:
    shifted = scores - np.max(scores)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted))))


def _golden_section(loss: Callable[[float], float], low: float, high: float, steps: int = 80) -> float:
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(steps):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return float((low + high) / 2)


def _checked(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[Floats, Floats]:
    given, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if given.shape != right.shape or given.ndim != 1:
        raise ValueError(f"need one confidence and one outcome a case, not shapes {given.shape} and {right.shape}")
    for name, values in (("confidence", given), ("correct", right)):
        if not np.all((values >= 0) & (values <= 1)):
            raise ValueError(f"{name} must lie in [0, 1]")
    return given, right
