"""Nezha (Yu et al., FSE 2023, https://github.com/IntelligentDDS/Nezha): Online Boutique, TrainTicket.

``rca_data/<day>/{<day>-fault_list.json, metric/<pod>_metric.csv, metric/front_service.csv, metric/dependency.csv,
trace/<HH_MM>_trace.csv, log/<HH_MM>_log.csv}``. A pod is an instance; its service is the pod's name without the
replica set's hash. Column titles carry units: ``CpuUsage(m)``. Some ``TimeStamp`` columns are off by years where
the ``Time`` text beside them is right, so the text is used.

A case is a window of the day around one fault, from 30 minutes before the alert to five after, and never into the
next fault. Of the fault list only the times are read to make cases; the alert is ``delay_s`` after the fault, on
the service ``front_service.csv`` watches, which is the one users meet first (else the one most traces start in).
Traces and logs were published for a few minutes around each fault, not for the whole day.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.datasets.common import Case, Options, Truth, alert_on, in_order_of_id, opaque_id, without_dead_series
from data.datasets.nezha_tables import (
    edges_between,
    read_dependencies,
    read_frontend,
    read_logs,
    read_pod,
    read_spans,
    reconciled,
    service_of,
    table_index,
)
from data.domain import Evidence, EvidenceKind
from data.errors import InputError
from data.telemetry import Metrics, Telemetry, empty_logs, empty_spans, to_datetime64
from data.topology import ServiceGraph

MARKER = re.compile(r"(^|/)[^/]*fault_list\.json$")
HAS_ALERTS = False
_BEFORE, _AFTER = timedelta(minutes=30), timedelta(minutes=5)


def cases(root: Path, options: Options) -> Iterator[Case]:
    """Every fault of every day below ``root``."""
    for fault_list in sorted(root.rglob("*fault_list.json")):
        day = _Day.read(fault_list)
        named = ((opaque_id("nezha", day.name.encode(), str(t).encode()), i) for i, t in enumerate(day.fault_times))
        for case_id, position in in_order_of_id(named):
            yield _case(case_id, day, position, options)


@dataclass(frozen=True, eq=False)
class _Day:
    """What all faults of a day share. ``entry`` is the service and metric that are watched for users."""

    name: str
    folder: Path
    fault_list: Path
    fault_times: tuple[datetime, ...]
    metrics: Metrics
    graph: ServiceGraph
    entry: tuple[str, str] | None

    @classmethod
    def read(cls, fault_list: Path) -> _Day:
        folder = fault_list.parent
        if not (folder / "metric").is_dir():  # the list lies beside the day's folder
            folder = folder / re.sub(r"-?fault_list$", "", fault_list.stem)
        pods = sorted((folder / "metric").glob("*_metric.csv"))
        if not pods:
            raise InputError("a day needs metric/<pod>_metric.csv files beside its fault list", field=str(folder))
        metrics = _together([read_pod(path) for path in pods])
        front = read_frontend(folder / "metric" / "front_service.csv", metrics.services)
        if front is not None:
            metrics = _together([metrics, front[1]])
        graph = read_dependencies(folder / "metric" / "dependency.csv")
        times = tuple(_fault_time(fault, fault_list) for fault in _faults(fault_list))
        return cls(folder.name, folder, fault_list, times, metrics, graph, front[0] if front else None)


def _case(case_id: str, day: _Day, position: int, options: Options) -> Case:
    fault_start = day.fault_times[position]
    fired_at = options.alert_at(fault_start)
    start, end = fired_at - _BEFORE, min([fired_at + _AFTER, *(t for t in day.fault_times if t > fault_start)])
    spans = _window(read_spans, day.folder / "trace", start, end, empty_spans())
    logs = _window(read_logs, day.folder / "log", start, end, empty_logs())
    graph = day.graph or ServiceGraph(edges_between(spans), day.metrics.services)
    service, metric = day.entry or (_most_traces_start_in(spans, day.metrics.services), None)
    alert = alert_on(case_id, service, fired_at, metric)
    telemetry = Telemetry(_cut(day.metrics, start, end), logs, spans, graph=graph, missing=_missing(spans, logs))
    label = partial(_truth, day.fault_list, position)
    return Case(case_id, day.name, alert, options.shown(alert, telemetry), label)


def _faults(path: Path) -> list[dict[str, Any]]:
    try:
        return [fault for faults in json.loads(path.read_text(encoding="utf-8")).values() for fault in faults]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"is not a fault list: {error!r}", field=str(path)) from error


def _fault_time(fault: dict[str, Any], path: Path) -> datetime:
    """When a fault began, by the rule of :func:`~data.datasets.nezha_tables.reconciled`."""
    record = pd.DataFrame({"Time": [fault.get("inject_time")], "TimeStamp": [fault.get("inject_timestamp")]})
    moment = reconciled(record).iloc[0]
    if pd.isna(moment):
        raise InputError("every fault needs inject_time or inject_timestamp", field=str(path))
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _together(parts: list[Metrics]) -> Metrics:
    """Series on one clock. Pods are scraped once a minute, a moment after each other.

    The clock has the usual step and the phase of the first pod; each sample goes to the tick nearest to it.
    """
    steps = np.concatenate([np.diff(part.timestamps).astype("int64") for part in parts if len(part.timestamps) > 1])
    step = max(round(float(np.median(steps)) / 1e6), 1) * 1_000_000
    phase = int(parts[0].timestamps[0].astype("int64")) % step
    ticks = [np.rint((part.timestamps.astype("int64") - phase) / step).astype("int64") for part in parts]
    first, last = min(int(t[0]) for t in ticks), max(int(t[-1]) for t in ticks)
    columns = []
    for tick, part in zip(ticks, parts, strict=True):
        values = np.full((last - first + 1, len(part.keys)), np.nan)
        values[tick - first] = part.values
        columns.append(values)
    clock = (np.arange(first, last + 1) * step + phase).astype("datetime64[us]")
    return Metrics(clock, tuple(key for part in parts for key in part.keys), np.hstack(columns))


def _cut(metrics: Metrics, start: datetime, end: datetime) -> Metrics:
    first, last = np.searchsorted(metrics.timestamps, [to_datetime64(start), to_datetime64(end)])
    return without_dead_series(Metrics(metrics.timestamps[first:last], metrics.keys, metrics.values[first:last]))


def _window(reader: Any, folder: Path, start: datetime, end: datetime, empty: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``folder``'s files between two instants, in order of time."""
    margin = timedelta(minutes=3)  # a file holds a minute or so, and its first row is not its earliest
    paths = [path for path, first in table_index(folder) if start - margin <= first <= end + margin]
    tables = [reader(path) for path in paths]
    if not tables:
        return empty
    table = pd.concat(tables, ignore_index=True)
    table = table[(table["timestamp"] >= start) & (table["timestamp"] < end)]
    return table.sort_values("timestamp", kind="stable", ignore_index=True) if len(table) else empty


def _most_traces_start_in(spans: pd.DataFrame, services: tuple[str, ...]) -> str:
    roots = spans.loc[spans["parent_id"].isna(), "service"]
    return str(roots.mode().iloc[0]) if len(roots) else services[0]


def _missing(spans: pd.DataFrame, logs: pd.DataFrame) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(id=f"missing:{part}", kind=EvidenceKind.missing, summary=f"no {part} were recorded", source="nezha")
        for part, table in (("spans", spans), ("logs", logs))
        if table.empty
    )


def _truth(path: Path, position: int) -> Truth:
    return Truth((service_of(str(_faults(path)[position]["inject_pod"])),))
