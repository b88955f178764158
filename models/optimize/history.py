"""One service's series by what they say about capacity, and how much history there is of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.telemetry import Metrics
from models.optimize.roles import SHARES, Measure, Role, measure_of

if TYPE_CHECKING:
    from pandas.core.groupby import SeriesGroupBy

Floats = npt.NDArray[np.float64]

# Averages over five minutes: shorter bursts are what queues and the headroom are for.
STEP = pd.Timedelta(minutes=5)
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
# What lies between samples this far apart was not seen.
MOST_GAP_H = 1.0


@dataclass(frozen=True, eq=False)
class ServiceHistory:
    """``frames``: a table by role, one row a step (UTC), one column an instance ("" for the service as a whole).
    ``names``: the metric each role was read from. ``unread``: why a series that looks like one could not be."""

    service: str
    frames: Mapping[Role, pd.DataFrame]
    names: Mapping[Role, str]
    unread: tuple[str, ...] = ()

    def total(self, role: Role) -> pd.Series | None:
        """Summed over instances."""
        frame = self.frames.get(role)
        return None if frame is None else frame.sum(axis=1, min_count=1).dropna()

    def worst(self, role: Role) -> pd.Series | None:
        """The highest instance at each time."""
        frame = self.frames.get(role)
        return None if frame is None else frame.max(axis=1).dropna()

    def mean(self, role: Role) -> pd.Series | None:
        frame = self.frames.get(role)
        return None if frame is None else frame.mean(axis=1).dropna()

    def instances(self) -> pd.Series | None:
        """How many instances there were; None where neither a metric nor the series' own labels tell."""
        if Role.replicas in self.frames:
            return self.worst(Role.replicas)
        for role in (Role.cpu_used, Role.cpu_share, Role.memory_used, Role.memory_share):
            frame = self.frames.get(role)
            if frame is not None and any(frame.columns):
                counted = frame.loc[:, [name for name in frame.columns if name]].notna().sum(axis=1)
                return counted[counted > 0].astype(float)
        return None

    def allotted(self, role: Role) -> float | None:
        """What one instance is allotted today. Without labels the figure is the service's, and stands for one."""
        frame = self.frames.get(role)
        if frame is None:
            return None
        last = frame.ffill().iloc[-1].dropna()
        return float(last.median()) if len(last) and last.median() > 0 else None

    def implied(self, used: Role, share: Role) -> float | None:
        """What one instance is allotted today, where its use is recorded both as an amount and as a share of it."""
        if used not in self.frames or share not in self.frames:
            return None
        amount, part = self.frames[used].align(self.frames[share], join="inner")
        known = part.to_numpy(dtype=float) > 0
        ratios = amount.to_numpy(dtype=float)[known] / part.to_numpy(dtype=float)[known]
        ratios = ratios[ratios > 0]
        return float(np.median(ratios)) if len(ratios) else None


def histories(metrics: Metrics) -> tuple[ServiceHistory, ...]:
    """Every service that has at least one series with a role, in alphabetical order."""
    columns: dict[str, list[tuple[int, Measure]]] = {}
    for i, key in enumerate(metrics.keys):
        measure = measure_of(key.metric, key.unit)
        if measure is not None:
            columns.setdefault(key.service, []).append((i, measure))
    return tuple(_history(service, metrics, found) for service, found in sorted(columns.items()))


def _history(service: str, metrics: Metrics, found: list[tuple[int, Measure]]) -> ServiceHistory:
    frames: dict[Role, pd.DataFrame] = {}
    names: dict[Role, str] = {}
    unread: list[str] = []
    for role in sorted({measure.role for _, measure in found}):
        metric, chosen = _chosen(metrics, [(i, m) for i, m in found if m.role is role])
        frame, problem = _frame(metrics, chosen, role)
        if frame is None:
            unread.append(f"{metric} of {service} was not used: {problem}")
        else:
            frames[role], names[role] = frame, metric
    return ServiceHistory(service, frames, names, tuple(unread))


def _chosen(metrics: Metrics, found: list[tuple[int, Measure]]) -> tuple[str, list[tuple[int, Measure]]]:
    """All instances of one metric: that of the highest rank, then with most samples. Two would be added up twice.

    Of demand every metric counts: a service that answers nothing over HTTP may answer over gRPC.
    """
    if found[0][1].role is Role.demand:
        return ", ".join(sorted({metrics.keys[i].metric for i, _ in found})), found
    by_metric: dict[str, list[tuple[int, Measure]]] = {}
    for i, measure in found:
        by_metric.setdefault(metrics.keys[i].metric, []).append((i, measure))
    samples = {m: int(np.isfinite(metrics.values[:, [i for i, _ in c]]).sum()) for m, c in by_metric.items()}
    best = max(by_metric, key=lambda m: (by_metric[m][0][1].rank, samples[m], m))
    return best, by_metric[best]


def _frame(metrics: Metrics, chosen: list[tuple[int, Measure]], role: Role) -> tuple[pd.DataFrame | None, str]:
    clock = pd.DatetimeIndex(metrics.timestamps, tz="UTC")
    columns: dict[str, pd.Series] = {}
    for i, measure in chosen:
        series = pd.Series(metrics.values[:, i], index=clock).dropna()
        series = _rate(series) if measure.counter else series
        scaled = _share(series) if measure.factor is None else series * measure.factor
        if scaled is None:
            return None, "neither a fraction nor a percentage, by its values"
        key = metrics.keys[i]
        name = f"{key.metric} {key.instance}" if role is Role.demand else key.instance
        columns[name] = by_step(scaled, STEP).mean().dropna()
    frame = pd.DataFrame(columns)
    if frame.empty:
        return None, "it has no sample that could be read"
    if role in SHARES and float(frame.to_numpy().max(initial=0.0, where=frame.notna().to_numpy())) > 1.5:
        return None, "a share above 150 % is not a share of what is allotted"
    return frame, ""


def _share(series: pd.Series) -> pd.Series | None:
    """A share written as a fraction or in percent; None where it is neither."""
    highest = float(series.max()) if len(series) else 0.0
    if highest <= 1.5:
        return series
    return series / 100 if highest <= 105 else None


def _rate(series: pd.Series) -> pd.Series:
    """Increase a second of a counter; a fall is a restart, and the sample after it has no rate."""
    seconds = _seconds_between(series)
    rate = np.diff(series.to_numpy(dtype=float)) / np.where(seconds > 0, seconds, np.nan)
    return pd.Series(rate, index=series.index[1:]).where(rate >= 0).dropna()


def by_step(series: pd.Series, step: pd.Timedelta) -> SeriesGroupBy[Any, Any]:
    """Grouped by step; unlike resampling it makes no row where there is none: one wrong clock is years away."""
    return series.groupby(pd.DatetimeIndex(series.index).floor(step))


def _seconds_between(series: pd.Series) -> Floats:
    """From each sample to the next; an index with a time zone gives numpy nothing but objects."""
    gaps = series.index.to_series().diff().dt.total_seconds()
    return np.asarray(gaps, dtype=float)[1:]


def covered_hours(series: pd.Series) -> float:
    """How long was seen: from the first to the last sample, less gaps longer than an hour."""
    if len(series) < 2:
        return 0.0
    gaps = _seconds_between(series) / 3600
    return float(gaps[gaps <= MOST_GAP_H].sum())


def day_of(index: pd.DatetimeIndex) -> npt.NDArray[np.intp]:
    """The day of each time, counted from the first; what is left over at the end belongs to the last whole day.

    Days begin where the record does: a record from noon to noon is one whole day, not two halves.
    """
    span = index[-1] - index[0]
    last = max(round((span + STEP) / DAY) - 1, 0)
    return np.asarray(np.minimum((index - index[0]) // DAY, last), dtype=np.intp)


def hourly(series: pd.Series, quantile: float) -> pd.Series:
    """Each hour by ``quantile`` of its steps: its average hides the peak, its highest step is one burst."""
    return by_step(series, HOUR).quantile(quantile).dropna()


def daily_peaks(by_hour: pd.Series) -> Floats:
    """The busiest hour of each day, from :func:`hourly`."""
    return by_hour.groupby(day_of(pd.DatetimeIndex(by_hour.index))).max().to_numpy(dtype=float)
