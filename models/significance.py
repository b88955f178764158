"""Shares of small counts: how well they are known, whether one is larger than another, and many questions at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.metrics import Interval


def share(hits: int, of: int, *, level: float = 0.95) -> Interval:
    """The share with its score interval (Wilson, 1927), which holds for few cases and near 0 and 1; NaN without any."""
    if not of:
        return Interval(float("nan"), float("nan"), float("nan"))
    from scipy.stats import binomtest

    found = binomtest(hits, of).proportion_ci(confidence_level=level, method="wilson")
    return Interval(hits / of, float(found.low), float(found.high))


def chance_of_more(hits: int, of: int, other_hits: int, of_others: int) -> float:
    """How likely a share this much larger than the others' is if both come from the same (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    table = [[hits, of - hits], [other_hits, of_others - other_hits]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down, valid however the tests depend (Holm, 1979)."""
    order = np.argsort(p)
    scaled = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in corrected]
