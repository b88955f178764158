"""Telemetry around one incident: metric series aligned on one clock, logs, spans, changes and topology.

Tables are pandas frames with a fixed set of leading columns; columns beyond those are kept.

=========  ==========================================================================================
table      columns
=========  ==========================================================================================
logs       timestamp, service, severity, message; optional trace_id, instance, attributes
spans      timestamp (start), trace_id, span_id, parent_id, service, operation, duration_ms;
           optional status, error, instance
=========  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.domain import Change, Evidence, as_utc
from data.topology import ServiceGraph

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

LOG_COLUMNS = ("timestamp", "service", "severity", "message")
SPAN_COLUMNS = ("timestamp", "trace_id", "span_id", "parent_id", "service", "operation", "duration_ms")
METRIC_COLUMNS = ("timestamp", "service", "metric", "value")


class SeriesKey(NamedTuple):
    """What one series measures. ``instance`` and ``unit`` are empty where unknown."""

    service: str
    metric: str
    instance: str = ""
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Metrics:
    """Metric series aligned on one clock.

    Attributes:
        timestamps: shape (T,), ``datetime64[us]`` in UTC, strictly increasing.
        keys: one :class:`SeriesKey` a column.
        values: shape (T, len(keys)); NaN where a series has no sample at that time.
    """

    timestamps: Times
    keys: tuple[SeriesKey, ...]
    values: Floats

    @classmethod
    def empty(cls) -> Metrics:
        return cls(np.empty(0, "datetime64[us]"), (), np.empty((0, 0)))

    @classmethod
    def from_long(cls, table: pd.DataFrame) -> Metrics:
        """From one row a sample (timestamp, service, metric, value, optional instance and unit).

        Samples that repeat a series' timestamp are averaged. Rows without a usable value are dropped.
        """
        if table.empty:
            return cls.empty()
        frame = pd.DataFrame(
            {
                "timestamp": as_utc_column(table["timestamp"]),
                "service": table["service"].astype(str),
                "metric": table["metric"].astype(str),
                "instance": _text_column(table, "instance"),
                "unit": _text_column(table, "unit"),
                "value": pd.to_numeric(table["value"], errors="coerce").astype(float),
            }
        )
        frame = frame[np.isfinite(frame["value"]) & frame["timestamp"].notna()]
        if frame.empty:
            return cls.empty()
        wide = frame.pivot_table(
            index="timestamp",
            columns=["service", "metric", "instance", "unit"],
            values="value",
            aggfunc="mean",
        )
        keys = tuple(SeriesKey(*map(str, column)) for column in wide.columns)
        return cls(_naive_utc(wide.index), keys, np.ascontiguousarray(wide.to_numpy(dtype=float)))

    def to_long(self) -> pd.DataFrame:
        """One row a sample, the form bundles store; missing samples have no row."""
        row, column = np.nonzero(np.isfinite(self.values))
        keys = pd.DataFrame(list(self.keys), columns=list(SeriesKey._fields), dtype=str)
        table = keys.iloc[column].reset_index(drop=True)
        table.insert(0, "timestamp", pd.DatetimeIndex(self.timestamps[row], tz="UTC"))
        table["value"] = self.values[row, column]
        return table

    def before(self, instant: datetime) -> Metrics:
        """Only the samples up to and including ``instant``."""
        keep = int(np.searchsorted(self.timestamps, to_datetime64(instant), side="right"))
        return replace(self, timestamps=self.timestamps[:keep], values=self.values[:keep])

    def select(self, columns: Sequence[int]) -> Metrics:
        """Only the given columns, in the given order."""
        index = list(columns)
        return replace(self, keys=tuple(self.keys[i] for i in index), values=self.values[:, index])

    def joined(self, other: Metrics) -> Metrics:
        """Both sets of series, on the union of their clocks."""
        if not self.keys or not other.keys:
            return self if self.keys else other
        return Metrics.from_long(pd.concat([self.to_long(), other.to_long()], ignore_index=True))

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({key.service for key in self.keys}))

    def __len__(self) -> int:
        return len(self.keys)


def empty_logs() -> pd.DataFrame:
    """A log table with no lines."""
    return pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in LOG_COLUMNS})


def empty_spans() -> pd.DataFrame:
    """A span table with no spans."""
    return pd.DataFrame({name: pd.Series(dtype=_dtype(name)) for name in SPAN_COLUMNS})


@dataclass(frozen=True, eq=False)
class Telemetry:
    """Everything seen around one incident. ``missing`` holds one Evidence for each thing that could not be."""

    metrics: Metrics = field(default_factory=Metrics.empty)
    logs: pd.DataFrame = field(default_factory=empty_logs)
    spans: pd.DataFrame = field(default_factory=empty_spans)
    changes: tuple[Change, ...] = ()
    graph: ServiceGraph = field(default_factory=ServiceGraph)
    missing: tuple[Evidence, ...] = ()

    def before(self, instant: datetime) -> Telemetry:
        """What was already there at ``instant``. Spans still open then have not been exported, so they go too."""
        moment = pd.Timestamp(instant)
        finished = span_ends(self.spans)
        return replace(
            self,
            metrics=self.metrics.before(instant),
            logs=self.logs[self.logs["timestamp"] <= moment],
            spans=self.spans[finished <= moment],
            changes=tuple(c for c in self.changes if c.timestamp <= instant),
        )

    def joined(self, other: Telemetry) -> Telemetry:
        """What two sources saw, together."""
        return Telemetry(
            metrics=self.metrics.joined(other.metrics),
            logs=_stacked(self.logs, other.logs),
            spans=_stacked(self.spans, other.spans),
            changes=_unique((*self.changes, *other.changes)),
            graph=self.graph.merged(other.graph),
            missing=(*self.missing, *other.missing),
        )

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Every service named by any signal or by the graph, in alphabetical order."""
        named = {*self.metrics.services, *self.graph.services}
        for table in (self.logs, self.spans):
            named.update(str(s) for s in table["service"].dropna().unique())
        return tuple(sorted(named))


def span_ends(spans: pd.DataFrame) -> pd.Series:
    """When each span of a table ended; its start where its duration is unknown."""
    return spans["timestamp"] + pd.to_timedelta(spans["duration_ms"].fillna(0.0), unit="ms")


def to_datetime64(instant: datetime) -> np.datetime64:
    """A UTC instant as numpy's ``datetime64[us]``."""
    return np.datetime64(as_utc(instant).replace(tzinfo=None), "us")


def as_utc_column(column: pd.Series) -> pd.Series:
    """A column of instants as ``datetime64[us, UTC]``; what cannot be read becomes NaT.

    Accepts instants, ISO 8601 text, and epoch seconds, milliseconds, microseconds or nanoseconds.
    """
    if not pd.api.types.is_datetime64_any_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.notna().any():
            return _from_epoch(numbers)
        column = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
    return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")


def _from_epoch(numbers: pd.Series) -> pd.Series:
    # Seconds stay below 1e11 until the year 5138; each finer unit is a thousand times larger.
    largest = float(numbers.abs().max())
    unit: Literal["s", "ms", "us", "ns"] = "s"
    if largest >= 1e11:
        unit = "ms" if largest < 1e14 else "us" if largest < 1e17 else "ns"
    return pd.to_datetime(numbers, unit=unit, utc=True, errors="coerce").astype("datetime64[us, UTC]")


def _naive_utc(index: pd.Index) -> Times:
    return np.asarray(pd.DatetimeIndex(index).tz_convert("UTC").tz_localize(None), dtype="datetime64[us]")


def _text_column(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table.columns:
        return pd.Series("", index=table.index, dtype=str)
    return table[name].astype("string").fillna("").astype(str)


def _dtype(name: str) -> str:
    return {"timestamp": "datetime64[us, UTC]", "duration_ms": "float64"}.get(name, "object")


def _stacked(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    tables = [table for table in (first, second) if not table.empty]
    if not tables:
        return first
    return pd.concat(tables, ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)


def _unique(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple({(change.kind, change.id): change for change in changes}.values())
