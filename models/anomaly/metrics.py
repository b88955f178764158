"""How good scores are when anomalies are stretches of time. Labels are 0 or 1 a row, scores higher = more suspicious.

VUS-PR is the headline (Paparrizos et al., "Volume Under the Surface", VLDB 2022, in the form TSB-AD uses; Liu and
Paparrizos, NeurIPS 2024). AUC-PR and the best point-wise F1 stand beside it. Point-adjusted F1, which calls a whole
stretch found when any of its points is, is left out on purpose: random scores do well on it (Kim et al., AAAI 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.anomaly.base import Floats

# TSB-AD's: the tolerance where a series has no period, the range a period is looked for in, thresholds tried.
_NO_PERIOD, _FIRST_LAG, _LAGS, _LONGEST_PERIOD = 125, 3, 400, 300
_THRESHOLDS = 250
_PERIOD_ROWS = 20_000


class Stretch(NamedTuple):
    """Rows ``first`` to ``last``, both included."""

    first: int
    last: int


def stretches(labels: npt.ArrayLike) -> list[Stretch]:
    """The runs of rows labelled 1."""
    edges = np.diff(np.concatenate([[0], np.asarray(labels, dtype=int) > 0, [0]]).astype(int))
    return [Stretch(int(a), int(b) - 1) for a, b in zip(*(np.flatnonzero(edges == e) for e in (1, -1)), strict=True)]


def tolerance_of(series: Floats) -> int:
    """The lag of the highest local maximum of the autocorrelation, TSB-AD's ``find_length_rank``; 125 where none is.

    It is the tolerance, in rows, that VUS-PR is given for a series.
    """
    values = np.asarray(series, dtype=float)[:_PERIOD_ROWS]
    lags = autocorrelation(values, _LAGS)[_FIRST_LAG:]
    peaks = np.flatnonzero((lags[1:-1] > lags[:-2]) & (lags[1:-1] > lags[2:])) + 1
    if not len(peaks):
        return _NO_PERIOD
    best = int(peaks[np.argmax(lags[peaks])])
    return best + _FIRST_LAG if _FIRST_LAG <= best <= _LONGEST_PERIOD else _NO_PERIOD


def autocorrelation(values: Floats, lags: int) -> Floats:
    """Of lags 0 to ``lags`` (fewer in a short series), by FFT; zeros for a constant series."""
    centred = values - values.mean() if len(values) else values
    power = float(centred @ centred)
    lags = min(lags, len(values) - 1)
    if power <= 0 or lags < 1:
        return np.zeros(max(lags, 0) + 1)
    spectrum = np.fft.rfft(centred, 2 * len(values))
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))[: lags + 1]
    return np.asarray(correlation / power)


def vus_pr(labels: npt.ArrayLike, scores: Floats, tolerance: int) -> float:
    """Area under the range-aware precision-recall curve, averaged over tolerances 0 to ``tolerance`` rows.

    Around each labelled stretch, hits and misses count by how near they are: the label fades to both sides by
    ``sqrt(1 - distance / tolerance)`` over half the tolerance.

    Raises:
        ValueError: where nothing or everything is labelled, or a score is not a number.
    """
    truth, scores = _checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    thresholds = descending[np.linspace(0, len(scores) - 1, _THRESHOLDS).astype(int)]
    flagged = np.searchsorted(-descending, -thresholds, side="right")
    true = stretches(truth)
    areas = [_area(truth, scores, true, order, thresholds, flagged, t) for t in range(tolerance + 1)]
    return float(np.mean(areas))


def _area(
    truth: Floats,
    scores: Floats,
    true: Sequence[Stretch],
    order: npt.NDArray[np.intp],
    thresholds: Floats,
    flagged: npt.NDArray[np.intp],
    tolerance: int,
) -> float:
    """The same for one tolerance."""
    faded = _faded(truth, true, tolerance)
    hits = np.cumsum(faded[order])[flagged - 1]
    near = np.cumsum(np.where(truth > 0, 0.0, faded)[order])[flagged - 1]
    positives = truth.sum() + near / 2
    recall = np.minimum(hits / positives, 1.0)
    best = np.sort([scores[s.first : s.last + 1].max() for s in _widened(true, tolerance // 2, len(truth))])
    found = 1.0 - np.searchsorted(best, thresholds, side="left") / len(best)
    steps = np.diff(np.concatenate([[0.0], recall * found]))
    return float(np.sum(steps * hits / flagged))


def _faded(truth: Floats, true: Sequence[Stretch], tolerance: int) -> Floats:
    """Labels that fade to both sides; where two fade into one another they add up to 1 at most."""
    faded = truth.copy()
    reach = tolerance // 2
    for stretch in true:
        after = np.arange(stretch.last + 1, min(stretch.last + reach + 1, len(truth)))
        faded[after] += np.sqrt(1 - (after - stretch.last) / max(tolerance, 1))
        before = np.arange(max(stretch.first - reach, 0), stretch.first)
        faded[before] += np.sqrt(1 - (stretch.first - before) / max(tolerance, 1))
    return np.minimum(faded, 1.0)


def _widened(true: Sequence[Stretch], reach: int, rows: int) -> list[Stretch]:
    """Stretches with ``reach`` rows to both sides; those that meet are one."""
    merged = []
    first = max(true[0].first - reach, 0)
    for here, following in pairwise(true):
        if here.last + reach < following.first - reach:
            merged.append(Stretch(first, here.last + reach))
            first = following.first - reach
    return [*merged, Stretch(first, min(true[-1].last + reach, rows - 1))]


def auc_pr(labels: npt.ArrayLike, scores: Floats) -> float:
    """Average precision over rows."""
    from sklearn.metrics import average_precision_score

    truth, scores = _checked(labels, scores)
    return float(average_precision_score(truth, scores))


def best_f1(labels: npt.ArrayLike, scores: Floats) -> float:
    """The highest point-wise F1 any threshold gives. No point is adjusted; the threshold is an oracle's."""
    from sklearn.metrics import precision_recall_curve

    truth, scores = _checked(labels, scores)
    precision, recall, _ = precision_recall_curve(truth, scores)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def _checked(labels: npt.ArrayLike, scores: Floats) -> tuple[Floats, Floats]:
    truth = (np.asarray(labels) > 0).astype(float)
    scores = np.asarray(scores, dtype=float)
    if truth.shape != scores.shape or truth.ndim != 1:
        raise ValueError(f"labels {truth.shape} and scores {scores.shape} must be one a row")
    if not 0 < truth.sum() < len(truth):
        raise ValueError("a series with no labelled or no unlabelled row cannot be scored")
    if not np.isfinite(scores).all():
        raise ValueError("every row needs a finite score")
    return truth, scores
