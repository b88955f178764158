"""How good a ranking is, when scores may tie and several answers may be right.

A ranking is a mapping from candidate to score, higher meaning more suspicious. Tied candidates have no order of
their own, so every figure is the exact expectation over all orders of the ties: an alphabetical or stable sort
would reward whoever named the services. A true cause that is not among the candidates is a miss at every depth.

With several true causes AC@k is that of RCAEval (Pham et al., 2024) and PyRCA: the share of the causes found
in the top k, out of as many as could be, ``|top k ∩ true| / min(k, |true|)``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import comb

import numpy as np

Ranking = Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """A point estimate with its confidence interval."""

    value: float
    low: float
    high: float


def ac_at_k(scores: Ranking, true: Collection[str], k: int) -> float:
    """Expected share of the true causes within the top ``k``.

    Raises:
        ValueError: if nothing is true or ``k`` is below 1.
    """
    wanted = _checked(true, k)
    above = 0
    expected = 0.0
    for group, hits in _tied_groups(scores, wanted):
        seats = min(max(k - above, 0), group)
        expected += hits * seats / group
        above += group
    return expected / min(k, len(wanted))


def avg_at_k(scores: Ranking, true: Collection[str], k: int = 5) -> float:
    """Mean of AC@1 to AC@k."""
    return sum(ac_at_k(scores, true, depth) for depth in range(1, k + 1)) / k


def reciprocal_rank(scores: Ranking, true: Collection[str]) -> float:
    """Expected 1/rank of the best-placed true cause; 0 where none is ranked."""
    wanted = _checked(true, 1)
    above = 0
    for group, hits in _tied_groups(scores, wanted):
        if hits:
            # P(best hit at place p) = C(group - p, hits - 1) / C(group, hits): the other hits come after it.
            ways = comb(group, hits)
            places = range(1, group - hits + 2)
            return sum(comb(group - p, hits - 1) / ways / (above + p) for p in places)
        above += group
    return 0.0


def bootstrap(values: Sequence[float], *, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of ``values`` with its percentile bootstrap interval (Efron, 1979); the same for the same seed.

    With no values everything is NaN; a single value is its own interval, which says nothing of its error.
    """
    sample = np.asarray(values, dtype=float)
    if not len(sample):
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(0, len(sample), size=(resamples, len(sample)))
    low, high = np.quantile(sample[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sample.mean()), float(low), float(high))


def _checked(true: Collection[str], k: int) -> set[str]:
    if not true:
        raise ValueError("a case without a true cause cannot be scored")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return set(true)


def _tied_groups(scores: Ranking, wanted: set[str]) -> list[tuple[int, int]]:
    """(size, number of true causes) of each group of equal scores, best first; an undefined score is the worst."""
    graded = [(score if score == score else -np.inf, name in wanted) for name, score in scores.items()]
    graded.sort(key=lambda pair: -pair[0])
    groups = []
    for _, members in groupby(graded, key=lambda pair: pair[0]):
        hits = [hit for _, hit in members]
        groups.append((len(hits), sum(hits)))
    return groups
