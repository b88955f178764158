"""Spans joined to their parents: who called whom, and where the time went.

Two measures of latency, because faults hide in different places. *Own time* is a span's duration less its
children's: slow code. The *gap* is what a caller waited beyond what the callee says it took: slow network,
queueing in front of the callee, a connection that had to be made; it is credited to the callee.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.telemetry import Metrics
from data.topology import ServiceGraph
from models.spans import Spans, columns_of

# Under this many spans before the onset nothing is known of what is usual.
MIN_BASELINE_SPANS = 5
_FAILED = {"error", "status_code_error", "failed", "fault", "unavailable", "internal", "deadline_exceeded"}


@dataclass(frozen=True, eq=False)
class Traces:
    """Spans joined to their parents.

    ``spans`` has the columns of the span table, and

    * ``parent``: row of the parent span, -1 where unknown; ``caller``: its service, None where unknown;
    * ``own_ms``: duration less children's; NaN for a client's span, which does nothing but wait;
    * ``peer_ms``: how long a call took to a service that shows no span of its own for it (a database, a provider);
    * ``gap_ms``: what the parent waited beyond this span; NaN unless this is its only child, in another service;
    * ``by_client``: the parent is a client's span, so that the gap is none of its own work;
    * ``failed``; ``origin``: failed, and no child of it did;
    * ``names``: the service that a childless span calls, by its ``peer_service`` or its operation; None mostly;
    * ``asked``: the service that answered a client's span; None where none did.
    """

    spans: pd.DataFrame

    @cached_property
    def columns(self) -> Spans:
        """The same as plain arrays."""
        return columns_of(self.spans)

    @property
    def graph(self) -> ServiceGraph:
        """Who calls whom, as far as the spans tell."""
        spans = self.spans
        pairs = pd.concat(
            [
                spans[["caller", "service"]].set_axis(["caller", "callee"], axis=1),
                spans[["service", "names"]].set_axis(["caller", "callee"], axis=1),
            ]
        ).dropna()
        return ServiceGraph(set(map(tuple, pairs.astype(str).to_numpy())), spans["service"].astype(str).unique())


def join_spans(spans: pd.DataFrame, services: Iterable[str] = ()) -> Traces:
    """Find each span's parent and derive what depends on it.

    Parents are sought within the trace first. Exporters have been seen to write one trace id on the children of
    all traces, and span ids that repeat: there the latest span of that id that had started by then is taken.
    """
    table = spans.sort_values("timestamp", kind="stable", ignore_index=True)
    table["service"] = table["service"].astype(str)
    table["operation"] = table["operation"].fillna("").astype(str)
    parent = _parents(table)
    known = parent >= 0
    service = table["service"].to_numpy(dtype=object)
    duration = table["duration_ms"].to_numpy(dtype=float)
    in_children = np.zeros(len(table))
    np.add.at(in_children, parent[known], np.nan_to_num(duration[known]))
    failed = _failed(table)
    child_failed = np.zeros(len(table), bool)
    child_failed[parent[known & failed]] = True
    table["parent"] = parent
    caller = service[parent]
    caller[~known] = None
    table["caller"] = caller
    table["gap_ms"] = _gaps(parent, service, duration)
    # A client's span, inside its service and waiting for one other, has no time of its own: that time is the gap.
    inside = known & (caller == service)
    waits = inside & np.isin(np.arange(len(table)), parent[np.isfinite(table["gap_ms"].to_numpy())])
    own = np.maximum(duration - in_children, 0.0)
    own[waits] = np.nan
    table["asked"] = _asked_of(waits, parent, service)
    table["by_client"] = known & inside[parent]
    table["failed"] = failed
    table["origin"] = failed & ~child_failed
    childless = ~np.isin(np.arange(len(table)), parent)
    table["names"] = _named(table, childless, {*services, *table["service"].unique()})
    calls_out = table["names"].notna().to_numpy()
    table["own_ms"] = np.where(calls_out, np.nan, own)
    table["peer_ms"] = np.where(calls_out, duration, np.nan)
    return Traces(table)


def span_series(traces: Traces, max_points: int = 240) -> Metrics:
    """Spans counted by service and time: median duration, share of failures. For the onset, and for show."""
    spans = traces.spans
    if spans.empty:
        return Metrics.empty()
    return Metrics.from_long(_binned(spans, max_points))


def _binned(spans: pd.DataFrame, max_points: int) -> pd.DataFrame:
    length = spans["timestamp"].max() - spans["timestamp"].min()
    step = max(pd.Timedelta(seconds=10), length / max_points).ceil("s")
    spans = spans.assign(usual_mix=_as_of_usual_mix(spans))
    groups = spans.groupby([spans["timestamp"].dt.floor(step), "service"], observed=True)
    table = groups.agg(p50=("usual_mix", "median"), failed=("failed", "mean")).reset_index()
    long = table.melt(["timestamp", "service"], ["p50", "failed"], "metric", "value")
    return long.assign(metric=long["metric"].map({"p50": "span_duration_p50_ms", "failed": "span_error_ratio"}))


def _as_of_usual_mix(spans: pd.DataFrame) -> pd.Series:
    """Durations as if all operations of a service took alike: where the quick ones stop, none has become slower."""
    service = spans.groupby("service", observed=True)["duration_ms"].transform("median")
    operation = spans.groupby(["service", "operation"], observed=True)["duration_ms"]
    known = (operation.transform("size") >= MIN_BASELINE_SPANS) & (operation.transform("median") > 0)
    return spans["duration_ms"].where(~known, spans["duration_ms"] / operation.transform("median") * service)


def _parents(table: pd.DataFrame) -> npt.NDArray[Any]:
    """The row of each span's parent, -1 where there is none to be found."""
    if table.empty:
        return np.empty(0, dtype=np.intp)
    rows = pd.DataFrame({"trace": table["trace_id"].astype(str), "span": table["span_id"].astype(str)})
    rows["row"] = np.arange(len(rows))
    wanted = rows.assign(span=table["parent_id"].astype("object").where(table["parent_id"].notna(), None))
    wanted = wanted[wanted["span"].notna() & ~wanted["span"].isin(["", "0", "root"])]
    wanted["span"] = wanted["span"].astype(str)
    parent = np.full(len(rows), -1)
    unique = rows[~rows.duplicated(["trace", "span"], keep=False)]
    found = wanted.merge(unique, on=["trace", "span"], suffixes=("", "_parent"))
    parent[found["row"].to_numpy()] = found["row_parent"].to_numpy()
    for by in (["trace", "span"], ["span"]):
        rest = wanted[parent[wanted["row"].to_numpy()] < 0]
        near = _latest_before(rest, rows, by)
        parent[near["row"].to_numpy()] = near["row_parent"].to_numpy(dtype=int)
    parent[parent == np.arange(len(rows))] = -1
    return parent


def _latest_before(wanted: pd.DataFrame, rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """For each wanted span the latest row before it that matches. Rows are in order of time, so rows stand for it."""
    pairs = pd.merge_asof(
        wanted[["row", *by]].assign(at=wanted["row"]).sort_values("at"),
        rows[["row", *by]].rename(columns={"row": "row_parent"}).assign(at=rows["row"]),
        on="at",
        by=by,
        allow_exact_matches=False,
    )
    return pairs.dropna(subset=["row_parent"])


def _gaps(
    parent: npt.NDArray[np.intp], service: npt.NDArray[np.object_], duration: npt.NDArray[np.float64]
) -> npt.NDArray[Any]:
    """Caller's duration less callee's, at the callee, where the caller span has that one child alone."""
    gap = np.full(len(parent), np.nan)
    known = parent >= 0
    children = np.bincount(parent[known], minlength=len(parent))
    alone = known.copy()
    alone[known] = (children[parent[known]] == 1) & (service[parent[known]] != service[known])
    gap[alone] = np.maximum(duration[parent[alone]] - duration[alone], 0.0)
    return gap


def _asked_of(
    waits: npt.NDArray[np.bool_], parent: npt.NDArray[np.intp], service: npt.NDArray[np.object_]
) -> npt.NDArray[np.object_]:
    """The service of the one child of each span that waits for it; None for all others."""
    asked = np.full(len(parent), None, dtype=object)
    children = np.flatnonzero((parent >= 0) & waits[parent])
    asked[parent[children]] = service[children]
    return asked


def _failed(table: pd.DataFrame) -> npt.NDArray[Any]:
    failed = np.zeros(len(table), bool)
    if "status" in table.columns:
        status = table["status"].fillna("").astype(str).str.strip().str.lower()
        code = pd.to_numeric(status, errors="coerce")
        # HTTP says 5xx; OpenTelemetry numbers an error 2.
        failed |= (status.isin(_FAILED) | (code >= 500) | (code == 2)).to_numpy()
    if "error" in table.columns:
        error = table["error"]
        text = error.fillna("").astype(str).str.strip().str.lower()
        failed |= ~text.isin(["", "false", "0", "none", "nan", "ok", "0.0"]).to_numpy()
    return failed


def _named(table: pd.DataFrame, childless: npt.NDArray[np.bool_], services: set[str]) -> npt.NDArray[np.object_]:
    """Whom a span that nobody answered calls: its ``peer_service``, else the service that an operation such as
    ``POST payments/charge`` names."""
    named = {operation: _service_in(operation, services) for operation in table.loc[childless, "operation"].unique()}
    found = table["operation"].map(named).to_numpy(dtype=object, copy=True)
    for column in ("peer_service", "peer.service"):
        if column in table.columns:
            peer = table[column].fillna("").astype(str).to_numpy(dtype=object)
            found = np.where(peer != "", peer, found)
    found[~childless | pd.isna(found) | (found == table["service"].to_numpy(dtype=object))] = None
    return np.asarray(found)


def _service_in(text: str, services: set[str]) -> str | None:
    """The longest service name that stands in ``text`` as words of its own."""
    words = set(re.findall(r"[\w-]+", text.lower()))
    hits = [s for s in services if s.lower() in words]
    return max(hits, key=lambda s: (len(s), s)) if hits else None
