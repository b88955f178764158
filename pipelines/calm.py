"""What was going on before: earlier incidents, left out of what counts as usual.

What is usual is learned from the past, and the past holds other incidents. Compared with half an hour in which a
service was broken and mended, the next fault looks small, and the return from the last one looks like a fault. So the
time of an incident that is over is cut out of what the watch and the investigation compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.domain import Diagnosis, IncidentStatus
from data.store import Store
from data.telemetry import Metrics, Telemetry, to_datetime64

# An alert comes after its cause: by how much is in the diagnosis, and where there is none, it is this.
LEAD = timedelta(minutes=1)
# What did not alert may take a little longer than what did to be as it was.
TAIL = timedelta(seconds=15)
# Over for less than this when the next alert comes, an incident may be the same one come back: what it held is kept.
COME_BACK = timedelta(minutes=1)
MOST = 50
# With fewer samples left than this there would be nothing to compare with; then a disturbed past is better than none.
ENOUGH = 30


@dataclass(frozen=True)
class Episode:
    """A time in which things were not as usual."""

    start: datetime
    end: datetime


def episodes(store: Store, environment: str | None, *, since: datetime, before: datetime) -> tuple[Episode, ...]:
    """The incidents of an environment that were over by ``before``, and not long so by ``since``; newest first."""
    found = []
    for incident in store.incidents([IncidentStatus.resolved], limit=MOST):
        over = incident.resolved_at
        if incident.is_advice or incident.environment != environment or over is None:
            continue
        if not since <= over < before:
            continue
        diagnosis = store.latest(incident.id, Diagnosis)
        onset = diagnosis.onset if diagnosis is not None else None
        fired = min(alert.fired_at for alert in incident.alerts)
        found.append(Episode(min(fired, onset or fired) - (LEAD if onset is None else TAIL), over + TAIL))
    return tuple(found)


def calm_metrics(metrics: Metrics, past: Sequence[Episode]) -> Metrics:
    """``metrics`` without the samples taken in one of ``past``, unless that leaves too few."""
    if not past or not len(metrics.timestamps):
        return metrics
    kept = np.ones(len(metrics.timestamps), dtype=bool)
    for episode in past:
        start, end = to_datetime64(episode.start), to_datetime64(episode.end)
        kept &= (metrics.timestamps < start) | (metrics.timestamps >= end)
    if kept.sum() < ENOUGH:
        return metrics
    return replace(metrics, timestamps=metrics.timestamps[kept], values=metrics.values[kept])


def calm(telemetry: Telemetry, past: Sequence[Episode]) -> Telemetry:
    """``telemetry`` without the samples, log lines and spans of ``past``; what changed then is still told."""
    metrics = calm_metrics(telemetry.metrics, past)
    if metrics is telemetry.metrics:
        return telemetry
    return replace(
        telemetry,
        metrics=metrics,
        logs=_rows(telemetry.logs, past),
        spans=_rows(telemetry.spans, past),
    )


def _rows(table: pd.DataFrame, past: Sequence[Episode]) -> pd.DataFrame:
    if not len(table):
        return table
    kept: npt.NDArray[Any] = np.ones(len(table), dtype=bool)
    for episode in past:
        kept &= ~table["timestamp"].between(episode.start, episode.end, inclusive="left").to_numpy()
    return table[kept].reset_index(drop=True)
