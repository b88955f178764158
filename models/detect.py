"""Is something wrong right now, and is it over? Judged from each symptom's own past, without thresholds to set.

Symptoms are watched: latency, errors and availability, which users feel. Causes (CPU, memory, queues) are for the
investigation to find: alerting on them as well would wake people for what nobody notices (Ewaschuk, "My Philosophy on
Alerting"; Site Reliability Engineering, chapter 6). One kind of cause is a symptom to come, and worth being early for:
what fills up, steadily and beyond anything it was before (memory, disk, connections, queues).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats, Metrics, SeriesKey, to_datetime64
from models.features import LEVEL_SHARE, MAX_SCORE, Period, change_scores
from models.indicators import Kind, counts_failures, direction_of, kind_of, milliseconds, words_of

SYMPTOMS = frozenset({Kind.latency, Kind.error, Kind.availability})
# The last half minute is compared with what was usual until a minute ago: a short ramp shows in between.
RECENT = timedelta(seconds=30)
GUARD = timedelta(minutes=1)
# With less history than this, what is usual is not known yet, and nothing is said.
MIN_HISTORY = 12
# What stands out for this long is no passing blip, and by then what is worst has had time to show that it is.
SETTLE = timedelta(seconds=10)
# How many ordinary variations a symptom must have moved; and three of its last four samples by so much: errors that hit
# one request in three leave a sample of few requests untouched now and then.
ALARM, HELD = 6.0, 4.0
SAMPLES, OF_LAST = 3, 4
# What may fill up; and that it does: in each quarter of this time more than in the one before, and by so much in all.
FILLS = frozenset({Kind.memory, Kind.disk, Kind.saturation})
GROWTH, QUARTERS = timedelta(seconds=40), 4
GROWTH_SHARE = 0.25
# Users do not feel less than this: half as long again, or two in a hundred more failing. A tenth of a second is felt as
# at once (Nielsen, "Usability Engineering", 1993, chapter 5); a page is some calls, so that each has a part of it.
LATENCY_SHARE, LATENCY_MS = 0.5, 20.0
FAILING_SHARE = 0.02


@dataclass(frozen=True)
class Breach:
    """One series that has left its usual range, in its own unit.

    Attributes:
        usual, now: its level before, and over the last half minute.
        limit: what it must come back within; above ``usual`` where a rise harms, below where a fall does.
        score: how many ordinary variations it moved.
    """

    key: SeriesKey
    usual: float
    now: float
    limit: float
    score: float

    @property
    def rises(self) -> bool:
        return self.limit >= self.usual


def detect(metrics: Metrics, *, as_of: datetime) -> tuple[Breach, ...]:
    """What has left its usual range and stayed out, and what fills up; worst first, none without enough history."""
    period = Period(before=as_of - GUARD, onset=as_of - RECENT, end=as_of)
    history = int(np.searchsorted(metrics.timestamps, to_datetime64(period.before)))
    if history < MIN_HISTORY:
        return ()
    known = np.isfinite(metrics.values[:history]).sum(axis=0) >= MIN_HISTORY
    # What users feel goes before what fills up: a pool of threads stays full long after all is well again, and an
    # incident that opened with it would never be seen to end.
    return (*_worst_first(_felt(metrics, period, known)), *_worst_first(_filling(metrics, known, as_of)))


def _worst_first(breaches: Iterable[Breach]) -> list[Breach]:
    return sorted(breaches, key=lambda b: (-b.score, -abs(b.now - b.usual) / max(abs(b.usual), 1e-9), b.key))


def detect_lasting(metrics: Metrics, *, as_of: datetime) -> tuple[Breach, ...]:
    """What :func:`detect` finds now, once it has found something for :data:`SETTLE`; none before that.

    Which service breaches first is a matter of chance and of who is asked most. A little later the one that is hit
    hardest leads, and there is telemetry to tell by.
    """
    earlier = as_of - SETTLE
    if not detect(metrics.before(earlier), as_of=earlier):
        return ()
    return detect(metrics, as_of=as_of)


def has_recovered(metrics: Metrics, key: SeriesKey, *, limit: float, rises: bool, as_of: datetime) -> bool:
    """Whether a series that left its usual range is back and has stayed.

    Silence is not recovery, but for a count of failures at a service that tells of everything else: a counter that was
    never counted up is not reported, and after a restart it is a new one.
    """
    if key not in metrics.keys:
        return False
    recent = _last(metrics, metrics.keys.index(key), as_of, 2 * SAMPLES)
    if not len(recent) and rises and counts_failures(key.metric, key.unit):
        return any(
            len(_last(metrics, i, as_of, 2 * SAMPLES)) == 2 * SAMPLES
            for i, other in enumerate(metrics.keys)
            if other.service == key.service
        )
    if len(recent) < 2 * SAMPLES:
        return False
    return bool(np.all(recent <= limit) if rises else np.all(recent >= limit))


def is_symptom(key: SeriesKey) -> bool:
    """Whether users feel what ``key`` measures. Waiting for a processor is a cause, although it is a time."""
    kind = kind_of(key.metric, key.unit)
    return kind in SYMPTOMS and "cpu" not in words_of(key.metric)


def _harmful(kind: Kind, key: SeriesKey) -> int:
    return direction_of(key.metric, key.unit) or (-1 if kind is Kind.availability else 1)


def _last(metrics: Metrics, column: int, as_of: datetime, count: int) -> Floats:
    """The newest ``count`` samples of a series, of the last minute at most: older ones say nothing about now."""
    start = int(np.searchsorted(metrics.timestamps, to_datetime64(as_of - 2 * RECENT)))
    values = metrics.values[start:, column]
    return np.asarray(values[np.isfinite(values)][-count:])


def _felt(metrics: Metrics, period: Period, known: npt.NDArray[np.bool_]) -> Iterator[Breach]:
    """The symptoms that users feel."""
    scores = change_scores(metrics, period)
    for i in np.flatnonzero((scores.harm >= ALARM) & known).tolist():
        key, usual, now = scores.keys[i], float(scores.base[i]), float(scores.now[i])
        towards = _harmful(scores.kinds[i], key)
        limit = usual + towards * HELD * float(scores.scale[i])
        if is_symptom(key) and is_felt(key, usual, now):
            recent = _last(metrics, i, period.end, OF_LAST)
            if len(recent) == OF_LAST and (towards * (recent - limit) > 0).sum() >= SAMPLES:
                yield Breach(key, usual, now, limit, float(scores.harm[i]))


def _filling(metrics: Metrics, known: npt.NDArray[np.bool_], as_of: datetime) -> Iterator[Breach]:
    """What has grown all through the last :data:`GROWTH`, to more than it ever was before."""
    start = int(np.searchsorted(metrics.timestamps, to_datetime64(as_of - GROWTH)))
    for i in np.flatnonzero(known).tolist():
        key = metrics.keys[i]
        if kind_of(key.metric, key.unit) not in FILLS or direction_of(key.metric, key.unit) < 0:
            continue
        past, recent = _finite(metrics.values[:start, i]), _finite(metrics.values[start:, i])
        if len(recent) < 2 * QUARTERS or not len(past):
            continue
        quarters = np.array([part.mean() for part in np.array_split(recent, QUARTERS)])
        usual, now, grown = float(np.median(past)), float(quarters[-1]), float(quarters[-1] - quarters[0])
        limit = float(past.max()) + LEVEL_SHARE * abs(usual)
        # A step is no growth: each quarter has to bring a good part of what the four bring together.
        steady = bool(np.all(np.diff(quarters) >= grown / (2 * QUARTERS)))
        scale = max(float(past.std()), LEVEL_SHARE * abs(usual), 1e-9)
        if steady and grown >= max(GROWTH_SHARE * abs(usual), ALARM * scale) and now > limit:
            yield Breach(key, usual, now, limit, min(grown / scale, MAX_SCORE))


def _finite(values: Floats) -> Floats:
    return np.asarray(values[np.isfinite(values)])


def is_felt(key: SeriesKey, usual: float, now: float) -> bool:
    """Whether users feel that a symptom went from ``usual`` to ``now``."""
    if kind_of(key.metric, key.unit) is Kind.latency:
        in_ms = milliseconds(key.metric, key.unit)
        return now >= (1.0 + LATENCY_SHARE) * usual and (in_ms is None or (now - usual) * in_ms >= LATENCY_MS)
    whole = 100.0 if max(abs(usual), abs(now)) > 1.0 else 1.0
    return abs(now - usual) >= FAILING_SHARE * whole
