"""The score of the Numenta Anomaly Benchmark, which rewards early detection and counts every false alarm.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015; the standard profile. One
threshold holds for the whole corpus. The first 15% of each record (750 rows at most) are for learning and do not
count. In each labelled window the earliest detection counts, more the earlier; a detection outside costs 0.11,
less just after a window; a window without one costs 1. 100 is perfect, 0 is what silence scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.anomaly.base import Floats
from models.anomaly.metrics import Stretch

FALSE_ALARM, MISS = 0.11, 1.0
PROBATION, PROBATION_ROWS = 0.15, 5000
_FAR = 3.0


@dataclass(frozen=True, eq=False)
class Record:
    """One series: its scores (rows,) and the labelled windows, in order of time."""

    scores: Floats
    windows: Sequence[Stretch]


@dataclass(frozen=True)
class NabScore:
    """``value`` at the best of all ``threshold``s, which NAB's own optimiser picks on the same corpus."""

    value: float
    threshold: float


def probation(rows: int) -> int:
    """How many of the first rows do not count."""
    return int(min(np.floor(PROBATION * rows), PROBATION * PROBATION_ROWS))


def nab_score(records: Iterable[Record]) -> NabScore:
    """The normalised score of a corpus: rows whose score is at least the threshold are detections.

    Raises:
        ValueError: if no record has a window that counts.
    """
    scores, gains, windows, count = [], [], [], 0
    for record in records:
        start = probation(len(record.scores))
        gain, window = _worth(len(record.scores), record.windows)
        scores.append(record.scores[start:])
        gains.append(gain[start:])
        windows.append(np.where(window >= 0, window + count, -1)[start:])
        count += len(record.windows)
    scored = np.unique(np.concatenate(windows))
    if not (scored >= 0).any():
        raise ValueError("no labelled window lies after the learning part of its record")
    return _best(np.concatenate(scores), np.concatenate(gains), np.concatenate(windows), int((scored >= 0).sum()))


def _best(scores: Floats, gains: Floats, windows: np.ndarray, count: int) -> NabScore:
    """Lowers the threshold row by row; a window counts its best detection so far, other rows add up."""
    order = np.argsort(-scores, kind="stable")
    best: dict[int, float] = {}
    total, value, threshold = -MISS * count, -MISS * count, np.inf
    for place, row in enumerate(order):
        window, gain = int(windows[row]), float(gains[row])
        if window < 0:
            total += gain
        elif gain > best.get(window, -MISS):
            total += gain - best.get(window, -MISS)
            best[window] = gain
        last_of_its_score = place + 1 == len(order) or scores[order[place + 1]] < scores[row]
        if last_of_its_score and total > value:
            value, threshold = total, float(scores[row])
    return NabScore(100.0 * (value + MISS * count) / ((1.0 + MISS) * count), threshold)


def _worth(rows: int, windows: Sequence[Stretch]) -> tuple[Floats, np.ndarray]:
    """What a detection at each row adds, and the window it lies in, -1 for none."""
    gain = np.full(rows, -FALSE_ALARM)
    member = np.full(rows, -1)
    for i, window in enumerate(windows):
        width = window.last - window.first + 1
        inside = np.arange(window.first, window.last + 1)
        gain[inside] = _sigmoid(-(window.last - inside + 1) / width) / _sigmoid(-1.0)
        member[inside] = i
        following = windows[i + 1].first if i + 1 < len(windows) else rows
        after = np.arange(window.last + 1, following)
        distance = (after - window.last) / max(width - 1, 1)
        gain[after] = FALSE_ALARM * np.where(distance >= _FAR, -1.0, _sigmoid(np.minimum(distance, _FAR)))
    return gain, member


def _sigmoid(position: Floats | float) -> Floats:
    return np.asarray(2.0 / (1.0 + np.exp(5.0 * np.asarray(position))) - 1.0)
