"""How much each metric series changed, on a scale on which all series may be compared.

A series is compared with its own past: its level in the incident window against its level before the
onset, in units of its ordinary variation. Ordinary variation is where naive scores go wrong: from a quarter
to a half of real series have an inter-quartile range of zero while all is well, and dividing by that lets
any twitch win. The scale here is the largest of several, each of which fails elsewhere (see ``_scale``).

All arithmetic is on whole (K, T) arrays; the cost is linear in series x samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats, Metrics, SeriesKey, Times, to_datetime64
from models.indicators import TRAVELS, Kind, direction_of, kind_of

# Older samples say little about what is normal now, and bound the cost.
MAX_BASELINE_SAMPLES = 600
MAX_SAMPLED = 240
# Fewer samples than this are no baseline: the spread of two or three points is mostly luck.
MIN_BASELINE_SAMPLES = 4
# What was the case just before the onset: long enough for a median, short enough to be "just before".
RECENT_SAMPLES, RECENT_S = 3, 60.0
# A change of 3 % of the level is ordinary for any operational metric, however steady it was before.
LEVEL_SHARE = 0.03
# Beyond this a larger score only says that the baseline was quieter, not that the fault is nearer.
MAX_SCORE = 50.0


@dataclass(frozen=True)
class Period:
    """What is compared with what: the baseline ends at ``before``, the incident window is [``onset``, ``end``].

    ``before`` lies ahead of ``onset`` by the uncertainty of its estimate, so that neither holds the other's samples.
    """

    before: datetime
    onset: datetime
    end: datetime


@dataclass(frozen=True, eq=False)
class ChangeScores:
    """The change of every series. All arrays have shape (K,), in the order of ``keys``.

    Attributes:
        base, now: the level before the onset and in the incident window, in the series' own unit (a counter's
            is its growth between samples); NaN where there were too few samples to tell.
        change: how far ``now`` lies from ``base`` and from the minutes just before the onset, whichever is
            nearer: what had changed before the onset is not the incident. 0 where it lies between them.
        scale: ordinary variation, same unit.
        z: ``change / scale``, signed, within +-``MAX_SCORE``; 0 where it cannot be told.
        harm: ``z`` where the change is in the direction that harms (a fall of availability, a rise of
            latency), a discounted share of it where not; never negative.
        vanished: series that were regular before the onset and have no sample since.
        shift: the means since the onset and before, their difference over the larger of them, in [-1, 1]; 0 where it
            cannot be told.
    """

    keys: tuple[SeriesKey, ...]
    kinds: tuple[Kind, ...]
    base: Floats
    now: Floats
    change: Floats
    scale: Floats
    z: Floats
    harm: Floats
    vanished: npt.NDArray[np.bool_]
    shift: Floats = field(default_factory=lambda: np.empty(0))

    @cached_property
    def travelling(self) -> dict[str, npt.NDArray[np.intp]]:
        """The series of each metric that spreads from callee to caller: their places, by the metric's name."""
        found: dict[str, list[int]] = {}
        for i, (key, kind) in enumerate(zip(self.keys, self.kinds, strict=True)):
            if kind in TRAVELS:
                found.setdefault(key.metric, []).append(i)
        return {name: np.array(found[name], dtype=np.intp) for name in sorted(found)}


def change_scores(metrics: Metrics, period: Period) -> ChangeScores:
    """How far each series moved from its own past. Never mutates ``metrics``; K = 0 gives empty arrays."""
    times = metrics.timestamps
    cut = int(np.searchsorted(times, to_datetime64(period.before), side="left"))
    start = int(np.searchsorted(times, to_datetime64(period.onset), side="left"))
    end = int(np.searchsorted(times, to_datetime64(period.end), side="right"))
    first = max(0, cut - MAX_BASELINE_SAMPLES)
    # One row a series: sorting and summing then run along contiguous memory.
    series = as_rates(np.ascontiguousarray(metrics.values[first:end].T), cut - first)
    before, window = series[:, : cut - first], series[:, start - first :]

    sampled = _thinned(before)
    base, spread, deviation, mean_before, n_before = _summary(sampled)
    now, _, _, mean_now, n_now = _summary(window)
    enough = (n_before >= MIN_BASELINE_SAMPLES) & (n_now > 0)
    # Half median, half mean: faults that come in bursts leave the median alone, and one wild sample moves the mean.
    now = 0.5 * now + 0.5 * mean_now
    base = np.where(enough, base, np.nan)
    scale = _scale(now, base, spread, deviation, level_of(base, metrics.keys), metrics.keys)
    change = np.where(enough, _lasting_change(now, base, before, times[first:cut]), 0.0)
    z = change / scale
    z = np.clip(np.nan_to_num(z, nan=0.0, posinf=MAX_SCORE, neginf=-MAX_SCORE), -MAX_SCORE, MAX_SCORE)
    kinds = tuple(by_name(metrics.keys, kind_of, object))
    vanished = (n_now == 0) & (n_before >= max(MIN_BASELINE_SAMPLES, 0.8 * sampled.shape[1])) & (window.shape[1] >= 3)
    shift = np.where(enough, _shift(mean_before, mean_now), 0.0)
    return ChangeScores(metrics.keys, kinds, base, now, change, scale, z, _harm(z, metrics.keys), vanished, shift)


def by_name(keys: tuple[SeriesKey, ...], tell: Callable[[str, str], Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """What ``tell`` says of each series' metric and unit, asked once for each of these; shape (K,)."""
    pairs, which = _named(_Same(keys))
    said = np.empty(len(pairs), dtype=dtype)
    said[:] = [tell(*pair) for pair in pairs]
    return np.asarray(said[which])


def of_kind(keys: tuple[SeriesKey, ...], kind: Kind) -> npt.NDArray[np.bool_]:
    """Which series measure ``kind``; shape (K,)."""
    return by_name(keys, lambda metric, unit: kind_of(metric, unit) is kind, bool)


class _Same:
    """Keys that equal themselves alone: to compare thousands of names would cost what is saved."""

    __slots__ = ("keys",)

    def __init__(self, keys: tuple[SeriesKey, ...]) -> None:
        self.keys = keys

    def __hash__(self) -> int:
        return id(self.keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.keys is other.keys


@lru_cache(maxsize=8)
def _named(same: _Same) -> tuple[list[tuple[str, str]], npt.NDArray[np.intp]]:
    """The different metrics with their units, and the place of each series' own among them."""
    place: dict[tuple[str, str], int] = {}
    which = [place.setdefault((key.metric, key.unit), len(place)) for key in same.keys]
    return list(place), np.array(which, dtype=np.intp)


def level_of(middle: Floats, keys: tuple[SeriesKey, ...]) -> Floats:
    """How large a series usually is. An availability of 99.9 % is a failure share of 0.1 %."""
    level = np.abs(middle)
    share = of_kind(keys, Kind.availability)
    whole = np.where(level > 1.0, 100.0, 1.0)
    return np.asarray(np.where(share & (level <= whole), whole - level, level))


def _lasting_change(now: Floats, base: Floats, before: Floats, times: Times) -> Floats:
    """``now - base``, or ``now`` less the level just before the onset where that is nearer and of the same sign."""
    if not len(times):
        return np.zeros(len(now))
    recent_from = int(np.searchsorted(times, times[-1] - np.timedelta64(int(RECENT_S * 1e6), "us"), side="right"))
    recent = _summary(before[:, min(recent_from, len(times) - RECENT_SAMPLES) if len(times) > RECENT_SAMPLES else 0 :])[
        0
    ]
    far, near = now - base, now - np.where(np.isfinite(recent), recent, base)
    return np.asarray(
        np.nan_to_num(np.where(far * near > 0, np.sign(far) * np.minimum(np.abs(far), np.abs(near)), 0.0))
    )


def as_rates(series: Floats, n_before: int) -> Floats:
    """``series`` (K, T), where each counter that only grows is replaced by its growth between samples.

    A counter is told by its shape: before the onset it never falls and mostly rises. A fall later is a
    restart, whose growth is unknown.
    """
    if n_before < MIN_BASELINE_SAMPLES:
        return series
    # Hardly any series survives a look at a few samples, so that few are looked at in full.
    few = series[:, np.linspace(0, n_before - 1, min(n_before, 9)).astype(int)]
    maybe = np.flatnonzero(~(few[:, 1:] < few[:, :-1]).any(axis=1))
    steps = np.diff(series[maybe, :n_before], axis=1)
    known = np.isfinite(steps).sum(axis=1)
    counters = maybe[(known >= 8) & ~(steps < 0).any(axis=1) & ((steps > 0).sum(axis=1) > 0.6 * known)]
    if not len(counters):
        return series
    growth = np.diff(series[counters], axis=1, prepend=np.nan)
    rates = series.copy()
    rates[counters] = np.where(growth < 0, np.nan, growth)
    return rates


def _thinned(before: Floats) -> Floats:
    """At most ``MAX_SAMPLED`` of the samples, over the whole time: quantiles of more cost more and say no more.

    The steps between them are uneven (the golden ratio's multiples), or a series that has every second or fifth
    sample might lose all it has.
    """
    length = before.shape[1]
    if length <= MAX_SAMPLED:
        return before
    i = np.arange(MAX_SAMPLED)
    return np.asarray(before[:, ((i + (i * 0.618034) % 1.0) * (length / MAX_SAMPLED)).astype(int)])


def _shift(before: Floats, now: Floats) -> Floats:
    larger = np.fmax(np.abs(before), np.abs(now))
    shift = np.clip((now - before) / np.where(larger > 0, larger, 1.0), -1.0, 1.0)
    return np.asarray(np.nan_to_num(shift))


def _summary(series: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Median, inter-quartile range, standard deviation, mean and count of each row, NaN left out."""
    present = np.isfinite(series)
    count = present.sum(axis=1).astype(float)
    if series.shape[1] == 0:
        nothing = np.full(series.shape[0], np.nan)
        return nothing, nothing, nothing, nothing, count
    ordered = np.sort(series, axis=1)  # NaN sorts last
    low, middle, high = (_quantile(ordered, count, q) for q in (0.25, 0.5, 0.75))
    # About the median, because memory in bytes squared leaves no digits for a variance about zero.
    off = series - middle[:, None]
    off[~present] = 0.0
    mean = off.sum(axis=1) / np.maximum(count, 1.0)
    variance = np.einsum("kt,kt->k", off, off) / np.maximum(count, 1.0) - mean**2
    return middle, high - low, np.sqrt(np.maximum(variance, 0.0)), middle + mean, count


def _quantile(ordered: Floats, count: Floats, q: float) -> Floats:
    position = np.maximum(count - 1.0, 0.0) * q
    lower = np.floor(position).astype(int)
    upper = np.ceil(position).astype(int)
    rows = np.arange(len(ordered))
    share = position - lower
    return np.asarray(ordered[rows, lower] * (1.0 - share) + ordered[rows, upper] * share)


def _scale(
    now: Floats, base: Floats, spread: Floats, deviation: Floats, level: Floats, keys: tuple[SeriesKey, ...]
) -> Floats:
    """Ordinary variation of each series: the largest of four estimates.

    * the inter-quartile range / 1.35 (the standard deviation, were it normal): not moved by outliers;
    * 0.3 standard deviations: outliers are part of what is ordinary, if a small part;
    * 3 % of the level: steady series twitch;
    * a tenth of the middle scale among the series of the same name: what is ordinary for the neighbours is
      not extraordinary here. It decides for series that were constant, or zero, before.
    """
    own = np.fmax(np.fmax(spread / 1.35, 0.3 * deviation), LEVEL_SHARE * level)
    own = np.nan_to_num(own)
    if not len(own):
        return own
    place: dict[str, int] = {}
    group = by_name(keys, lambda metric, _: place.setdefault(metric, len(place)), np.intp)
    scale = np.fmax(own, 0.1 * _middle_by_group(own, group)[group])
    # Constant at its best or at zero, and so are all its namesakes: there is only that it changed to go by.
    return np.where(scale > 0, scale, np.fmax(np.abs(np.nan_to_num(now - base)) / 10.0, 1e-12))


def _middle_by_group(values: Floats, group: npt.NDArray[np.intp]) -> Floats:
    order = np.lexsort((values, group))
    sizes = np.bincount(group)
    return np.asarray(values[order][np.cumsum(sizes) - sizes + sizes // 2])


def _harm(z: Floats, keys: tuple[SeriesKey, ...]) -> Floats:
    towards = by_name(keys, direction_of, float)
    # Against its harmful direction a change is a weaker sign (a starved service burns less CPU), not none; but to be
    # quicker, or fail less, harms nobody: requests that fail early are quick.
    felt = by_name(keys, lambda metric, unit: kind_of(metric, unit) in TRAVELS, bool)
    against = np.where(felt, 0.0, -0.3) * z * towards
    return np.asarray(np.where(towards == 0, np.abs(z), np.maximum(z * towards, against)))
