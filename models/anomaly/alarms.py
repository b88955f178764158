"""From scores to alarms at a rate an operator sets, such as one false alarm a week.

What counts is an episode, not a row: rows above the threshold that lie within a detector's span of one another
wake one person once. Peaks of episodes above a high level follow a generalised Pareto distribution (peaks over
threshold; Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017), which is fitted to
the history and gives the score that is passed that often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.anomaly.base import Floats

# The tail begins here; below this many episodes in it a distribution cannot be fitted and the highest stands in.
TAIL_QUANTILE, MIN_PEAKS = 0.95, 10
# In a record that may hold anomalies, this share of the highest scores is not taken for ordinary.
UNTRUSTED_SHARE = 0.05
# A tail is never assumed heavier than this: its mean would not exist at 1.
_HEAVIEST = 0.5


@dataclass(frozen=True)
class Threshold:
    """``value`` is passed ``rate`` times a row by chance. ``extrapolated`` where the history is too short to see
    one such alarm, so that the figure rests on the shape of the tail alone; ``text`` says so for people.
    """

    value: float
    rate: float
    extrapolated: bool
    text: str


def threshold_for(scores: Floats, rate: float, *, span: int = 1, trusted: bool = True) -> Threshold:
    """The score that ordinary rows pass in ``rate`` episodes a row.

    Args:
        scores: of the history.
        rate: false alarms a row, above 0; one a week at a row a minute is 1 / 10080.
        span: rows within which exceedances are one episode.
        trusted: whether the history is known to be normal. If not, its highest scores may be anomalies: the tail
            is then drawn on from what lies below them, as an exponential one.

    Raises:
        ValueError: if ``rate`` is not above 0.
    """
    if rate <= 0:
        raise ValueError(f"the false-alarm rate must be above 0, not {rate}")
    if not len(scores):
        return Threshold(float("inf"), rate, True, "no history: no alarm can be calibrated")
    if not trusted:
        return thresholds_for_each(scores[None], rate, span=span)[0]
    value = _above(_pareto(scores, rate, span), float(np.quantile(scores, TAIL_QUANTILE)))
    expected = rate * len(scores)
    return Threshold(value, rate, expected < 1, _told(expected, trusted))


def thresholds_for_each(scores: Floats, rate: float, *, span: int = 1) -> list[Threshold]:
    """The same for many histories of one length, (series, rows > 0), none of them known to be normal."""
    quantiles = np.quantile(scores, [1 - 4 * UNTRUSTED_SHARE, 1 - UNTRUSTED_SHARE, TAIL_QUANTILE], axis=1).T
    told = _told(rate * scores.shape[1], trusted=False)
    return [
        Threshold(_above(_exponential(row, middle, high, rate, span), tail), rate, True, told)
        for row, (middle, high, tail) in zip(scores, quantiles.tolist(), strict=True)
    ]


def alarms(scores: Floats, threshold: Threshold) -> npt.NDArray[np.bool_]:
    """Rows above the threshold."""
    return np.asarray(scores > threshold.value)


def peaks_above(scores: Floats, level: float, span: int) -> Floats:
    """The highest score of each episode: exceedances less than ``span`` rows apart are one."""
    rows = np.flatnonzero(scores > level)
    if not len(rows):
        return np.zeros(0)
    starts = np.flatnonzero(np.diff(rows, prepend=-span - 1) > span)
    return np.asarray(np.maximum.reduceat(scores[rows], starts))


def _pareto(scores: Floats, rate: float, span: int) -> float:
    level = float(np.quantile(scores, TAIL_QUANTILE))
    peaks = peaks_above(scores, level, span)
    if len(peaks) < MIN_PEAKS:
        return float(scores.max())
    excess = peaks - level
    # Probability-weighted moments (Hosking and Wallis, 1987): steady where there are few peaks.
    ordered = np.sort(excess)
    count = len(ordered)
    first = float(ordered.mean())
    second = float(np.mean(ordered * (count - 1 - np.arange(count)) / (count - 1)))
    shape = float(np.clip(2 - first / max(first - 2 * second, 1e-12), -_HEAVIEST, _HEAVIEST))
    scale = first * (1 - shape)
    often = (count / len(scores)) / rate
    if abs(shape) < 1e-6:
        return level + scale * float(np.log(often))
    return float(level + scale / shape * (often**shape - 1))


def _above(value: float, tail: float) -> float:
    # Where a history repeats itself exactly its scores hardly differ; what equals them is no alarm.
    return max(value, tail) * (1 + 1e-6) + 1e-9


def _exponential(scores: Floats, middle: float, high: float, rate: float, span: int) -> float:
    scale = (high - middle) / np.log(4.0)
    episodes = max(len(peaks_above(scores, high, span)), 1) / len(scores)
    return float(high + scale * max(np.log(episodes / rate), 0.0))


def _told(expected: float, trusted: bool) -> str:
    if not trusted:
        return "no rows were given as normal: the threshold assumes that at most 5 % of the record is abnormal"
    if expected < 1:
        return f"the history holds {expected:.2g} of one expected false alarm: the threshold is extrapolated"
    return f"the history holds {expected:.0f} expected false alarms"
