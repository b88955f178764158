"""What spans say: where time is spent, where errors start, who calls whom.

Two measures of latency, because faults hide in different places. *Own time* is a span's duration less its
children's: slow code. The *gap* is what a caller waited beyond what the callee says it took: slow network,
queueing in front of the callee, a connection that had to be made; it is credited to the callee.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.domain import EvidenceKind
from data.telemetry import Metrics
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.failures import failing_findings
from models.features import Period

# Under this many spans before the onset nothing is known of what is usual.
MIN_BASELINE_SPANS = 5
# One way alone counts no more than this, in spreads: else it would speak for all the others.
MOST_ONE_WAY = 10.0
# Differences below this are scheduling noise at any percentile.
MIN_LATENCY_MS = 2.0
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


@dataclass(frozen=True, eq=False)
class LostTime:
    """What takes longer since an onset, one row each with its usual and its present median, in milliseconds.

    Attributes:
        before, window: the spans of before the onset, and those since.
        floor: what would hardly be noticed.
        own: own time, by service and operation.
        gap: what callers wait beyond what callees take, by callee (``service``) and ``caller``.
        peer: calls that nobody answers, by callee (``names``) and caller (``service``).
    """

    before: pd.DataFrame
    window: pd.DataFrame
    floor: float
    own: pd.DataFrame
    gap: pd.DataFrame
    peer: pd.DataFrame


def lost_time(traces: Traces, period: Period) -> LostTime:
    """What takes longer since the onset."""
    before, window = cut(traces.spans, period)
    floor = noticeable(before)
    return LostTime(
        before,
        window,
        floor,
        own=slowed(before, window, "own_ms", ["service", "operation"], floor),
        gap=trusted(slowed(before, window, "gap_ms", ["service", "caller"], floor), window),
        peer=slowed(answered_once(before, window), window, "peer_ms", ["names", "service"], floor),
    )


def span_findings(traces: Traces, period: Period, lost: LostTime | None = None) -> list[Finding]:
    """Each service's own-time, gap, error-origin and call-count changes since the onset.

    Args:
        lost: :func:`lost_time` of the same, where it is known already.
    """
    if traces.spans.empty:
        return []
    lost = lost or lost_time(traces, period)
    before, window, gap, peer = lost.before, lost.window, lost.gap, lost.peer
    return [
        *(_own_time(row) for row in _notable(lost.own)),
        *(_gap(row) for row in _notable(gap)),
        *(_peer_time(row) for row in _notable(peer)),
        *_ways(gap, peer),
        *failing_findings(before, window),
        *_calls(before, window),
        *_per_request(before, window),
    ]


def cut(spans: pd.DataFrame, period: Period) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The spans of before the onset, and those since. One that was under way at the onset may already have suffered:
    it counts by its end."""
    ended = spans["timestamp"] + pd.to_timedelta(spans["duration_ms"].fillna(0.0), unit="ms")
    before = spans[ended < pd.Timestamp(period.before)]
    return before, spans[(ended >= pd.Timestamp(period.onset)) & (spans["timestamp"] <= pd.Timestamp(period.end))]


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


def noticeable(before: pd.DataFrame) -> float:
    """What matters is time the user waits: a change is weighed against a tenth of what requests take end to end."""
    whole = before.loc[before["parent"] < 0, "duration_ms"].median()
    return float(np.fmax(MIN_LATENCY_MS, 0.1 * (0.0 if pd.isna(whole) else whole)))


def slowed(before: pd.DataFrame, window: pd.DataFrame, column: str, by: list[str], floor: float) -> pd.DataFrame:
    """A duration's median now and before, and the rise in its spread before; one row a group of ``by``."""
    # The few columns first: a look at every onset makes many of these tables.
    old = before[[*by, column]].dropna().groupby(by, observed=True)[column]
    new = window[[*by, column]].dropna().groupby(by, observed=True)[column]
    low, middle, high = (old.quantile(q) for q in (0.25, 0.5, 0.75))
    table = pd.DataFrame({"base": middle, "spread": high - low, "n": old.size()})
    table = table.join(pd.DataFrame({"now": new.median(), "calls": new.size()}), how="inner")
    table = table[table["n"] >= MIN_BASELINE_SPANS]
    return table.assign(
        score=(table["now"] - table["base"]) / np.fmax(table["spread"] / 1.35, floor), trust=1.0
    ).reset_index()


def answered_once(before: pd.DataFrame, window: pd.DataFrame) -> pd.DataFrame:
    """``before``, where calls on ways on which somebody answered, as nobody does now, are told as the others are.

    A callee that hangs has no span for the calls it never gets to; what they used to take is what they took when it
    did. Spans of callees may come late, so that most calls on a way have to be without an answer.
    """
    silent = _calls_by_way(window, "names")
    if silent.empty:
        return before
    answered = _calls_by_way(window, "asked")
    hang = silent.index[silent >= answered.reindex(silent.index, fill_value=0)].difference(
        _calls_by_way(before, "names").index
    )
    then = before[before["asked"].notna()]
    then = then[pd.MultiIndex.from_frame(then[["asked", "service"]]).isin(hang)]
    if then.empty:
        return before
    return pd.concat([before, then.assign(names=then["asked"], peer_ms=then["duration_ms"])])


def _calls_by_way(spans: pd.DataFrame, callee: str) -> pd.Series:
    """How many calls went each way, by (callee, caller)."""
    called = spans.dropna(subset=[callee])
    return called.groupby([called[callee].rename("callee"), called["service"].rename("caller")]).size()


def trusted(gap: pd.DataFrame, window: pd.DataFrame) -> pd.DataFrame:
    """Seen from a handler's span, the gap may as well be the handler's own work: then it is believed by half."""
    if gap.empty:
        return gap
    by_client = window.dropna(subset=["caller"]).groupby(["service", "caller"], observed=True)["by_client"].mean()
    share = by_client.reindex(pd.MultiIndex.from_frame(gap[["service", "caller"]])).astype(float)
    return gap.assign(trust=0.5 + 0.5 * share.to_numpy())


def _notable(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table[table["score"] > 1.0].to_dict("records")


def _own_time(row: dict[Any, Any]) -> Finding:
    text = f"own time of {row['service']} in {row['operation']} rose {_from_to(row)}"
    return _slower(row, str(row["service"]), Channel.own_time, text, f"own time of {row['operation']}")


def _gap(row: dict[Any, Any]) -> Finding:
    service, caller = str(row["service"]), row["caller"]
    text = f"time that {caller} waits for {service} beyond what {service} itself takes rose {_from_to(row)}"
    return _slower(row, service, Channel.gap, text, f"network or queueing between {caller} and {service}")


def _peer_time(row: dict[Any, Any]) -> Finding:
    text = f"calls of {row['service']} to {row['names']} took longer, {_from_to(row)}"
    return _slower(row, str(row["names"]), Channel.peer_time, text, f"calls to {row['names']}")


def _slower(row: dict[Any, Any], service: str, channel: Channel, text: str, indicator: str) -> Finding:
    detail = {"base_ms": float(row["base"]), "now_ms": float(row["now"]), "calls": int(row["calls"])}
    score, trust = float(row["score"]), float(row["trust"])
    return Finding(service, channel, score, EvidenceKind.span, text, "spans", indicator, None, detail, trust)


def _from_to(row: dict[Any, Any]) -> str:
    return f"from {_ms(row['base'])} to {_ms(row['now'])} (median of {row['calls']} calls)"


def _ways(gap: pd.DataFrame, peer: pd.DataFrame) -> list[Finding]:
    """Services most of whose calls, in and out, wait longer: a slow network has them all, a slow neighbour one."""
    found: list[Finding] = []
    for row in waiting_ends(gap, peer).to_dict("records"):
        if row["slow"] >= 2 and row["together"] > 0:
            service, slow, count = str(row["service"]), row["slow"], row["ways"]
            text = f"{slow} of the {count} ways that calls take into and out of {service} wait longer"
            found.append(Finding(service, Channel.ways, float(row["together"]), EvidenceKind.span, text, "spans",
                                 f"network of {service}"))  # fmt: skip
    return found


def waiting_ends(gap: pd.DataFrame, peer: pd.DataFrame) -> pd.DataFrame:
    """For each service how many ``ways`` calls take into and out of it, how many are ``slow``, and, ``together``, how
    far they have slowed: rises are combined as independent normal scores are (Stouffer 1949)."""
    ways = pd.concat(
        [
            gap[["caller", "service", "score"]].set_axis(["a", "b", "score"], axis=1),
            peer[["service", "names", "score"]].set_axis(["a", "b", "score"], axis=1),
        ]
    )
    ways["score"] = ways["score"].astype(float).clip(-1.0, MOST_ONE_WAY)
    ends = pd.concat([ways[["a", "score"]].set_axis(["service", "score"], axis=1),
                      ways[["b", "score"]].set_axis(["service", "score"], axis=1)])  # fmt: skip
    scores = ends.groupby("service", observed=True)["score"]
    slow = (ends["score"] > 1.0).groupby(ends["service"], observed=True).sum()
    table = pd.DataFrame({"ways": scores.size(), "slow": slow, "total": scores.sum()})
    table["together"] = table["total"] / table["ways"] ** 0.5
    return table.rename_axis("service").reset_index()


def _per_request(before: pd.DataFrame, window: pd.DataFrame) -> list[Finding]:
    """Services that call another far more, or far less, often for each request they get than they used to."""
    (old_calls, old_requests), (new_calls, new_requests) = _calls_made(before), _calls_made(window)
    table = pd.DataFrame({"old": old_calls, "new": new_calls}).fillna(0.0)
    caller = table.index.get_level_values("caller")
    had, has = (r.reindex(caller).fillna(0.0).to_numpy() for r in (old_requests, new_requests))
    table = table.assign(had=had, has=has)[(had >= MIN_BASELINE_SPANS) & (has > 0)]
    table["expected"] = table["old"] / table["had"] * table["has"]
    # Poisson, as for operations; what was expected has been counted, too.
    spread = np.sqrt(table["expected"] * (1.0 + table["has"] / table["had"]) + 1.0 + (0.15 * table["expected"]) ** 2)
    table["score"] = (table["new"] - table["expected"]) / spread
    return [_asked(row) for row in table.reset_index().to_dict("records") if abs(row["score"]) > 2.0]


def _calls_made(spans: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Calls by (caller, callee), and the requests that each service got."""
    got = spans[spans["caller"].isna() | (spans["caller"] != spans["service"])]
    made = pd.concat(
        [
            got[["caller", "service"]].set_axis(["caller", "callee"], axis=1),
            spans[["service", "names"]].set_axis(["caller", "callee"], axis=1),
        ]
    ).dropna()
    return made.groupby(["caller", "callee"], observed=True).size(), got.groupby("service", observed=True).size()


def _asked(row: dict[Any, Any]) -> Finding:
    caller, callee = str(row["caller"]), row["callee"]
    was, now = row["old"] / row["had"], row["new"] / row["has"]
    verb, channel = ("more", Channel.fan_out) if row["score"] > 0 else ("less", Channel.lost_calls)
    text = f"{caller} calls {callee} {verb} often: {now:.2g} times for each request, {was:.2g} before"
    return Finding(caller, channel, abs(float(row["score"])), EvidenceKind.span, text, "spans", f"calls to {callee}",
                   None, {"callee": callee, "before": float(was), "now": float(now)})  # fmt: skip


def _calls(before: pd.DataFrame, window: pd.DataFrame) -> list[Finding]:
    """Operations that a request now reaches far more or far less often than before."""
    roots_before, roots_now = (max(int((t["parent"] < 0).sum()), 1) for t in (before, window))
    old = before.groupby(["service", "operation"], observed=True).size()
    new = window.groupby(["service", "operation"], observed=True).size()
    if len(before) < MIN_BASELINE_SPANS:
        return []
    table = pd.DataFrame({"old": old, "new": new}).fillna(0.0)
    table["expected"] = table["old"] / roots_before * roots_now
    # Poisson: the spread of a count is its root. Traffic is burstier: a fifth more or less of any call is ordinary.
    spread = np.sqrt(table["expected"] + table["new"] + 1.0 + (0.2 * table["expected"]) ** 2)
    table["score"] = (table["new"] - table["expected"]).abs() / spread
    table = table[table["score"] > 2.0].reset_index()
    return [
        Finding(str(row["service"]), Channel.calls, float(row["score"]), EvidenceKind.span,
                f"{row['operation']} of {row['service']} ran {row['new']:.0f} times where {row['expected']:.0f} "
                "were usual for as many requests", "spans", f"calls of {row['operation']}")
        for row in table.to_dict("records")
    ]  # fmt: skip


def _ms(value: float) -> str:
    return f"{value:.3g} ms" if value < 1000 else f"{value:,.0f} ms"
