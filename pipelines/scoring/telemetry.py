"""Telemetry as JSON, and back without loss: what an incident bundle holds, in one document."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from data.domain import Change, Evidence, Noun, Utc
from data.telemetry import (
    LOG_COLUMNS,
    SPAN_COLUMNS,
    Metrics,
    SeriesKey,
    Telemetry,
    as_utc_column,
    to_datetime64,
)
from data.topology import ServiceGraph


class MetricSeries(Noun):
    """One series: a value for each of the table's timestamps, null where there is no sample."""

    service: str
    metric: str
    instance: str = ""
    unit: str = ""
    values: list[float | None]


class MetricTable(Noun):
    """Series on one clock, oldest first."""

    timestamps: list[Utc] = Field(default_factory=list)
    series: list[MetricSeries] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_a_table(self) -> MetricTable:
        if any(a >= b for a, b in zip(self.timestamps, self.timestamps[1:], strict=False)):
            raise ValueError("timestamps must increase strictly")
        for one in self.series:
            if len(one.values) != len(self.timestamps):
                raise ValueError(f"{one.service} {one.metric}: needs one value a timestamp, null where there is none")
        return self


class Node(Noun):
    id: str
    host: str | None = None


class Edge(Noun):
    """``caller`` calls ``callee``."""

    caller: str
    callee: str


class Topology(Noun):
    nodes: list[Node] = Field(default_factory=list)
    edges: list[Edge] = Field(default_factory=list)


class _Row(BaseModel):
    """A row of a table: columns beyond those named are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    timestamp: datetime
    service: str


class LogLine(_Row):
    severity: str | None = None
    message: str | None = None


class SpanRow(_Row):
    """One finished call; ``timestamp`` is its start."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_id: str | None = None
    operation: str | None = None
    duration_ms: float | None = None


class TelemetryMessage(Noun):
    """Everything seen around one incident; what is left out was not seen."""

    metrics: MetricTable = Field(default_factory=MetricTable)
    logs: list[LogLine] = Field(default_factory=list)
    spans: list[SpanRow] = Field(default_factory=list)
    changes: list[Change] = Field(default_factory=list)
    topology: Topology = Field(default_factory=Topology)
    missing: list[Evidence] = Field(default_factory=list)


def read_message(message: TelemetryMessage) -> Telemetry:
    """The telemetry that ``message`` describes."""
    topology, table = message.topology, message.metrics
    return Telemetry(
        metrics=_metrics(table),
        logs=_table([line.model_dump() for line in message.logs], LOG_COLUMNS),
        spans=_spans([span.model_dump() for span in message.spans]),
        changes=tuple(message.changes),
        graph=ServiceGraph(
            [(edge.caller, edge.callee) for edge in topology.edges],
            [node.id for node in topology.nodes],
            {node.id: node.host for node in topology.nodes if node.host is not None},
        ),
        missing=tuple(message.missing),
    )


def write_message(telemetry: Telemetry) -> dict[str, Any]:
    """``telemetry`` as plain JSON that :class:`TelemetryMessage` reads; numbers and instants come back as they were."""
    metrics = telemetry.metrics
    clock = [f"{stamp}Z" for stamp in np.datetime_as_string(metrics.timestamps, unit="us")]
    values = np.where(np.isfinite(metrics.values), metrics.values, np.nan).T.tolist()
    return {
        "metrics": {
            "timestamps": clock,
            "series": [
                {**key._asdict(), "values": [None if v != v else v for v in row]}
                for key, row in zip(metrics.keys, values, strict=True)
            ],
        },
        "logs": _rows(telemetry.logs),
        "spans": _rows(telemetry.spans),
        "changes": [change.model_dump(mode="json") for change in telemetry.changes],
        "topology": telemetry.graph.as_json(),
        "missing": [item.model_dump(mode="json") for item in telemetry.missing],
    }


def _metrics(table: MetricTable) -> Metrics:
    if not table.series:
        return Metrics.empty()
    keys = tuple(SeriesKey(s.service, s.metric, s.instance, s.unit) for s in table.series)
    values = np.array([series.values for series in table.series], dtype=float).T
    timestamps = np.array([to_datetime64(stamp) for stamp in table.timestamps], dtype="datetime64[us]")
    return Metrics(timestamps, keys, np.ascontiguousarray(np.where(np.isfinite(values), values, np.nan)))


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    if not rows:
        empty = pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
        return empty.assign(timestamp=as_utc_column(empty["timestamp"]))
    table = pd.DataFrame(rows)
    table = table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True).astype("datetime64[us, UTC]"))
    return table.sort_values("timestamp", kind="stable", ignore_index=True)


def _spans(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = _table(rows, SPAN_COLUMNS)
    return table.assign(duration_ms=pd.to_numeric(table["duration_ms"], errors="coerce").astype(float))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON; a missing cell is null."""
    # pandas writes numbers with at most 15 decimals; a duration has to come back as it was.
    floats = [name for name in table.columns if pd.api.types.is_float_dtype(table[name])]
    text = table.drop(columns=floats).to_json(orient="records", date_format="iso", date_unit="us")
    rows: list[dict[str, Any]] = json.loads(text)
    for name in floats:
        for row, value in zip(rows, table[name].tolist(), strict=True):
            row[str(name)] = None if value != value else value
    return rows
