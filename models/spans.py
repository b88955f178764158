"""Joined spans as plain arrays, and those of before and since an onset."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.telemetry import Floats, Times, span_ends, to_datetime64
from models.features import Period
from models.grouped import Flags, Indices, numbered


@dataclass(frozen=True)
class Names:
    """What the numbers of services and operations stand for, each in alphabetical order."""

    services: npt.NDArray[np.object_]
    operations: npt.NDArray[np.object_]

    def service(self, number: Any) -> str:
        return str(self.services[number])

    def operation(self, number: Any) -> str:
        return str(self.operations[number])


@dataclass(frozen=True, eq=False)
class Spans:
    """One row a span, the columns of :class:`models.traces.Traces` with names as numbers, -1 where there is none.

    ``row`` is the place in the table that they were made from; ``callee`` is whom a span that nobody answered calls
    (``names`` there). ``names`` says what the numbers mean.
    """

    names: Names
    row: Indices
    service: Indices
    operation: Indices
    caller: Indices
    callee: Indices
    asked: Indices
    started: Times
    ended: Times
    duration_ms: Floats
    own_ms: Floats
    peer_ms: Floats
    gap_ms: Floats
    root: Flags
    by_client: Flags
    failed: Flags
    origin: Flags

    def __len__(self) -> int:
        return len(self.row)

    def where(self, wanted: Flags) -> Spans:
        """Those where ``wanted``."""
        return self._with({name: column[wanted] for name, column in self._columns().items()})

    def with_more(self, others: Spans) -> Spans:
        """These, and ``others`` behind them."""
        more = others._columns()
        return self._with({name: np.concatenate([column, more[name]]) for name, column in self._columns().items()})

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "names"}

    def _with(self, columns: dict[str, Any]) -> Spans:
        return replace(self, **columns)


def columns_of(spans: pd.DataFrame) -> Spans:
    """The arrays of a joined table (:func:`models.traces.join_spans`)."""
    people = [spans[name].to_numpy(dtype=object) for name in ("service", "caller", "names", "asked")]
    (service, caller, callee, asked), services = numbered(people)
    (operation,), operations = numbered([spans["operation"].to_numpy(dtype=object)])
    return Spans(
        names=Names(services, operations),
        row=np.arange(len(spans)),
        service=service,
        operation=operation,
        caller=caller,
        callee=callee,
        asked=asked,
        started=_instants(spans["timestamp"]),
        ended=_instants(span_ends(spans)),
        **{name: spans[name].to_numpy(dtype=float) for name in ("duration_ms", "own_ms", "peer_ms", "gap_ms")},
        root=(spans["parent"] < 0).to_numpy(dtype=bool),
        **{name: spans[name].to_numpy(dtype=bool) for name in ("by_client", "failed", "origin")},
    )


def cut(spans: Spans, period: Period) -> tuple[Spans, Spans]:
    """The spans of before the onset, and those since. One that was under way at the onset may already have suffered:
    it counts by its end."""
    before = spans.ended < to_datetime64(period.before)
    since = (spans.ended >= to_datetime64(period.onset)) & (spans.started <= to_datetime64(period.end))
    return spans.where(before), spans.where(since)


def _instants(column: pd.Series) -> Times:
    return np.asarray(column.dt.tz_localize(None).to_numpy())
