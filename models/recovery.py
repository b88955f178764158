"""Is it well again after something was done, and did that do harm? Judged from each series' past before the trouble.

What is usual is learned from before the onset alone: compared with the trouble itself, anything looks like recovery.
Between the onset and the last moments nothing is used but how bad it was just before the write.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from data.telemetry import Floats, Metrics, SeriesKey, to_datetime64
from models.detect import ALARM, FILLS, HELD, is_felt, is_symptom
from models.features import LEVEL_SHARE, Period, as_rates, change_scores
from models.indicators import Kind, direction_of, kind_of

# What counts as "now": half a minute, or this many samples where they come more slowly.
RECENT = timedelta(seconds=30)
SAMPLES = 4
# One sample in four may stray without the rest counting less: percentiles of few requests do.
WITHIN = 0.75
# What alerted is worse when it is this many times as far from its usual level as it was before the write.
MUCH_WORSE = 2.0


@dataclass(frozen=True)
class Span:
    """When what was: the trouble began at ``onset``, something was done at ``applied``, and it is ``as_of`` now.

    ``onset`` lies ahead of the estimate by its uncertainty, so that what is usual holds none of the trouble.
    """

    onset: datetime
    applied: datetime
    as_of: datetime


@dataclass(frozen=True)
class Level:
    """One series before the trouble, just before the write, and now; each in its own unit, None where unknown.

    Attributes:
        limit: what it has to be within to be back; above ``usual`` where a rise harms, below where a fall does.
        back: whether it is back and has stayed; None where there are too few samples since the write to tell.
    """

    key: SeriesKey
    usual: float
    limit: float
    then: float | None
    now: float | None
    back: bool | None

    @property
    def is_much_worse(self) -> bool:
        """Whether it is much farther from its usual level than it was just before the write."""
        if self.then is None or self.now is None or self.back is not False:
            return False
        sign = 1.0 if self.limit >= self.usual else -1.0
        was, is_now = sign * (self.then - self.usual), sign * (self.now - self.usual)
        return is_now >= MUCH_WORSE * max(was, abs(self.limit - self.usual))

    @property
    def words(self) -> str:
        """Where it stands, as a clause."""
        unit = f" {self.key.unit}" if self.key.unit else ""
        name = f"{self.key.metric} of {self.key.service}"
        if self.now is None or self.back is None:
            return f"{name} has too few samples since"
        was = f", {self.then:.3g} before" if self.then is not None else ""
        return f"{name} is {self.now:.3g}{unit} (usually {self.usual:.3g}{was})"


def levels(metrics: Metrics, keys: Collection[SeriesKey], span: Span) -> tuple[Level, ...]:
    """Where the series among ``keys`` stand; those without a past before the trouble are left out."""
    wanted = [i for i, key in enumerate(metrics.keys) if key in keys]
    if not wanted:
        return ()
    chosen = Metrics(metrics.timestamps, tuple(metrics.keys[i] for i in wanted), metrics.values[:, wanted])
    counters = _counters(chosen, span)
    steady = [i for i in range(len(wanted)) if i not in counters]
    found = _compared(_only(chosen, steady), span)
    for i in counters:
        own = _without_gaps(_only(chosen, [i]))
        is_filling = kind_of(own.keys[0].metric, own.keys[0].unit) in FILLS
        found += _filled(own, span) if is_filling else _compared(_as_growth(own, span), span)
    return tuple(sorted(found, key=lambda level: level.key))


def _compared(metrics: Metrics, span: Span) -> list[Level]:
    """Every series against its usual range, as the detectors draw it."""
    if not metrics.keys:
        return []
    scores = change_scores(metrics, Period(before=span.onset, onset=span.onset, end=span.as_of))
    found = []
    for i, key in enumerate(metrics.keys):
        usual = float(scores.base[i])
        if not np.isfinite(usual):
            continue
        then = _median(_recent(metrics, i, span.applied, since=span.onset))
        towards = _harmful(key, usual, then)
        limit = usual + towards * HELD * float(scores.scale[i])
        recent = _recent(metrics, i, span.as_of, since=span.applied)
        found.append(Level(key, usual, limit, then, _median(recent), _is_within(recent, limit, towards)))
    return found


def _filled(metrics: Metrics, span: Span) -> list[Level]:
    """What fills up and only ever rose before the trouble, as a counter does: judged by the most it ever was."""
    past = metrics.values[metrics.timestamps < to_datetime64(span.onset), 0]
    if not len(past):
        return []
    usual = float(np.median(past))
    limit = float(past.max()) + LEVEL_SHARE * abs(usual)
    then = _median(_recent(metrics, 0, span.applied, since=span.onset))
    recent = _recent(metrics, 0, span.as_of, since=span.applied)
    return [Level(metrics.keys[0], usual, limit, then, _median(recent), _is_within(recent, limit, 1.0))]


def _counters(metrics: Metrics, span: Span) -> list[int]:
    """The series that only ever rose before the trouble: as they stand, they would never be back."""
    before = int(np.searchsorted(metrics.timestamps, to_datetime64(span.onset)))
    values = np.ascontiguousarray(metrics.values.T)
    rates = as_rates(values, before)
    same = (rates == values) | (np.isnan(rates) & np.isnan(values))
    return np.flatnonzero(~same.all(axis=1)).tolist()


def _as_growth(metrics: Metrics, span: Span) -> Metrics:
    before = int(np.searchsorted(metrics.timestamps, to_datetime64(span.onset)))
    return replace(metrics, values=as_rates(np.ascontiguousarray(metrics.values.T), before).T)


def _only(metrics: Metrics, columns: Sequence[int]) -> Metrics:
    keys = tuple(metrics.keys[i] for i in columns)
    return Metrics(metrics.timestamps, keys, metrics.values[:, list(columns)])


def _without_gaps(metrics: Metrics) -> Metrics:
    """A single series at its own samples: others on the same grid would leave none to grow from."""
    known = np.isfinite(metrics.values[:, 0])
    return replace(metrics, timestamps=metrics.timestamps[known], values=metrics.values[known])


def newly_troubled(metrics: Metrics, span: Span, suffering: Collection[str]) -> tuple[Level, ...]:
    """What users feel of services not among ``suffering``, where it was well just before the write and is not now.

    They have to stand out over twice the time that counts as now, so that the blip of a restart is none of them.
    """
    candidates = {key for key in metrics.keys if is_symptom(key) and key.service not in suffering}
    out = []
    for level in levels(metrics, candidates, span):
        if level.back is not False or level.now is None:
            continue
        if _stands_out(level) and not _was_out(level) and _lasts(metrics, level, span):
            out.append(level)
    return tuple(sorted(out, key=lambda level: level.key))


def symptoms_of(metrics: Metrics, service: str) -> tuple[SeriesKey, ...]:
    """The series of a service that its users feel."""
    return tuple(key for key in metrics.keys if key.service == service and is_symptom(key))


def _stands_out(level: Level) -> bool:
    assert level.now is not None
    variation = abs(level.limit - level.usual) / HELD
    is_far = abs(level.now - level.usual) >= ALARM * max(variation, 1e-12)
    return is_far and is_felt(level.key, level.usual, level.now)


def _was_out(level: Level) -> bool:
    """Whether it was out of its usual range just before the write already; unknown counts as well."""
    if level.then is None:
        return False
    return level.then > level.limit if level.limit >= level.usual else level.then < level.limit


def _lasts(metrics: Metrics, level: Level, span: Span) -> bool:
    """Whether nearly every sample of the last moments, and of those before them, lies outside: harm has to be plain."""
    column = metrics.keys.index(level.key)
    towards = 1.0 if level.limit >= level.usual else -1.0
    ends = (span.as_of, span.as_of - _window(metrics, column))
    parts = [_recent(metrics, column, end, since=span.applied) for end in ends]
    return all(len(part) >= SAMPLES - 1 and (towards * (part - level.limit) > 0).mean() >= WITHIN for part in parts)


def _harmful(key: SeriesKey, usual: float, then: float | None) -> float:
    """The direction that harms: as its name says, else the one it went."""
    said = direction_of(key.metric, key.unit)
    if said:
        return float(said)
    if kind_of(key.metric, key.unit) is Kind.availability:
        return -1.0
    return -1.0 if then is not None and then < usual and not is_symptom(key) else 1.0


def _window(metrics: Metrics, column: int) -> timedelta:
    """How long "now" is for a series: longer where its samples are further apart."""
    at = metrics.timestamps[np.isfinite(metrics.values[:, column])][-60:]
    if len(at) < 2:
        return RECENT
    apart = float(np.median(np.diff(at).astype("timedelta64[us]").astype(float))) / 1e6
    return max(RECENT, timedelta(seconds=SAMPLES * apart))


def _recent(metrics: Metrics, column: int, end: datetime, *, since: datetime) -> Floats:
    """The samples of the moments before ``end`` and after ``since``; none where that is not long enough to tell."""
    window = _window(metrics, column)
    start = end - window
    if start < since:
        return np.empty(0)
    first = int(np.searchsorted(metrics.timestamps, to_datetime64(start), side="right"))
    last = int(np.searchsorted(metrics.timestamps, to_datetime64(end), side="right"))
    values = metrics.values[first:last, column]
    return np.asarray(values[np.isfinite(values)])


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _is_within(values: Sequence[float] | Floats, limit: float, towards: float) -> bool | None:
    if len(values) < SAMPLES - 1:
        return None
    inside = towards * (np.asarray(values) - limit) <= 0
    return bool(inside.mean() >= WITHIN)
