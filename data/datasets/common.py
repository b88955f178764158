"""What the formats share: a case with a sealed label, opaque names, and recordings put one after the other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.datasets import DEFAULT_DELAY_S
from data.domain import Alert
from data.telemetry import Floats, Metrics, SeriesKey, Telemetry

T = TypeVar("T")

# Recordings without a meaningful wall clock are given one that starts here, so that no date tells cases apart.
NOMINAL_START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Truth:
    """What caused the incident. ``changes`` is None where the data set says nothing of changes; empty where none did.

    ``indicators`` are metric names of the true services; ``decoys`` are changes planted to mislead.
    """

    services: tuple[str, ...]
    indicators: tuple[str, ...] = ()
    changes: tuple[str, ...] | None = None
    decoys: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Case:
    """One incident to be ranked: what an on-call engineer would have, and a label that is still sealed.

    ``id`` says nothing of the answer. ``system`` names what cases are averaged over.
    """

    id: str
    system: str
    alert: Alert
    telemetry: Telemetry
    label: Callable[[], Truth] = field(repr=False)

    def truth(self) -> Truth:
        """Opens the label. Call it only after ranking."""
        return self.label()


@dataclass(frozen=True)
class Options:
    """How a case is shown.

    ``delay_s`` is the time from the start of the fault to the alert, used where the data set has no alert of
    its own. ``until_s`` cuts telemetry that long after the alert; None keeps the whole recording.
    """

    delay_s: float = DEFAULT_DELAY_S
    until_s: float | None = None

    def shown(self, alert: Alert, telemetry: Telemetry) -> Telemetry:
        if self.until_s is None:
            return telemetry
        return telemetry.before(alert.fired_at + timedelta(seconds=self.until_s))

    def alert_at(self, fault_start: datetime) -> datetime:
        return fault_start + timedelta(seconds=self.delay_s)


def opaque_id(dataset: str, *contents: bytes) -> str:
    """A name made from content alone; sorting by it shuffles cases, so that neither name nor order tells the answer."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return f"{dataset}-{digest.hexdigest()[:12]}"


def in_order_of_id(named: Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
    """Sorted by id, so that the order says nothing either; a second recording with the same content gets a suffix."""
    counts: Counter[str] = Counter()
    unique = []
    for case_id, item in named:
        counts[case_id] += 1
        unique.append((case_id if counts[case_id] == 1 else f"{case_id}-{counts[case_id]}", item))
    return sorted(unique, key=lambda pair: pair[0])


def alert_on(case_id: str, service: str, fired_at: datetime, metric: str | None = None) -> Alert:
    """The alert of a data set that has none written out: who, when and, where known, on which metric."""
    return Alert(
        id=case_id,
        source="dataset",
        service=service,
        title=f"{metric or 'health'} of {service} is abnormal",
        fired_at=fired_at,
        group=case_id,
        metric=metric,
    )


def times_from_epoch(seconds: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
    """Epoch seconds as the clock of :class:`~data.telemetry.Metrics`."""
    return (np.asarray(seconds, dtype=float) * 1e6).round().astype("int64").astype("datetime64[us]")


def nominal_times(count: int, step_s: float) -> npt.NDArray[np.datetime64]:
    """A regular clock that starts at :data:`NOMINAL_START`."""
    return times_from_epoch(NOMINAL_START.timestamp() + step_s * np.arange(count))


def from_wide(times: npt.NDArray[np.datetime64], keys: Sequence[SeriesKey], values: Floats) -> Metrics:
    """Metrics from one column a series: sorted by time, repeated instants keep the last, infinities are unknown."""
    unique, last = np.unique(times[::-1], return_index=True)
    rows = len(times) - 1 - last
    clean = np.where(np.isfinite(values[rows]), values[rows], np.nan)
    return Metrics(unique, tuple(keys), np.ascontiguousarray(clean))


def one_after_the_other(first: Metrics, second: Metrics) -> Metrics:
    """``first`` moved in time so that it ends one sampling step before ``second`` begins.

    For recordings of the same system made at different times: their gap carries no information, and joined
    like this they read as one recording.
    """
    if not len(first.timestamps) or not len(second.timestamps):
        return second if len(second.timestamps) else first
    shift = second.timestamps[0] - sampling_step(first, second) - first.timestamps[-1]
    keys = tuple(dict.fromkeys((*first.keys, *second.keys)))
    values = np.vstack([_columns(part, keys) for part in (first, second)])
    return Metrics(np.concatenate([first.timestamps + shift, second.timestamps]), keys, values)


def sampling_step(*recordings: Metrics) -> np.timedelta64:
    """The usual time between samples; one second where no recording has two."""
    for recording in recordings:
        if len(recording.timestamps) > 1:
            return np.timedelta64(int(np.median(np.diff(recording.timestamps).astype("int64"))), "us")
    return np.timedelta64(1_000_000, "us")


def _columns(part: Metrics, keys: Sequence[SeriesKey]) -> Floats:
    position = {key: i for i, key in enumerate(part.keys)}
    values = np.full((len(part.timestamps), len(keys)), np.nan)
    for column, key in enumerate(keys):
        if key in position:
            values[:, column] = part.values[:, position[key]]
    return values


_LATENCY_WORDS = ("lat", "latency", "duration", "response", "rt")


def slowest_service(metrics: Metrics) -> tuple[str, str | None]:
    """The service with the highest usual latency, and that latency metric: our stand-in for an unknown entry service.

    A caller's latency contains that of the calls it waits for, so the slowest service is the one nearest to the
    user among those with a latency. The median over the whole recording is used, so that the choice is one of
    the system and hardly moves with the fault. Without any latency the alphabetically first service is named.
    """
    latencies = [i for i, key in enumerate(metrics.keys) if _is_latency(key.metric)]
    if not latencies:
        return (metrics.services[0] if metrics.services else "unknown"), None
    medians = pd.DataFrame(metrics.values[:, latencies]).median().fillna(-np.inf).to_numpy()
    best = metrics.keys[latencies[int(np.argmax(medians))]]
    return best.service, best.metric


def _is_latency(metric: str) -> bool:
    words = metric.lower().replace("-", "_").split("_")
    return any(word in _LATENCY_WORDS for word in words)


def without_dead_series(metrics: Metrics) -> Metrics:
    """Series that never had a sample are not series."""
    return metrics.select([i for i in range(len(metrics)) if np.isfinite(metrics.values[:, i]).any()])
