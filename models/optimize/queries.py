"""Statements that look as though they lack an index, and those asked once a row (N+1).

A trace shows no query plan, so nothing here is proof: a statement is a candidate where it is slow in most of the
time seen (not in one incident) *and* something tells that it reads more than it needs: far more rows read than
returned, time that grows as the record goes on, or time that stands out from the same service's other statements.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from models.optimize.history import Floats
from models.optimize.opportunity import Fact, Looked, Opportunity, OpportunityKind, succession
from models.optimize.statements import filtered_by, reads, with_statements
from models.traces import join_spans

# As many stretches of equal length; a statement has to be slow in most of those that hold it.
BLOCKS = 12
LEAST_HOURS = 1.0
LEAST_SPANS = 30
SLOW_MS = 50.0
READS_TOO_MUCH = 100.0
GROWS = 1.5
STANDS_OUT = 5.0
# N+1: the same statement or call this often under one parent, one after the other, in this share of the parents.
REPEATED = 5
OFTEN = 0.2


def queries(spans: pd.DataFrame) -> Looked:
    """Every candidate among the spans; why none could be sought, where that is so."""
    if spans.empty:
        return Looked()
    hours = (spans["timestamp"].max() - spans["timestamp"].min()).total_seconds() / 3600
    table = with_statements(join_spans(spans).spans)
    if not table["statement"].notna().any():
        return Looked(refused=("no span looks like a database statement: index candidates were not sought",))
    if hours < LEAST_HOURS:
        why = (
            f"index candidates were not sought: {hours * 60:.0f} min of spans were seen, and {LEAST_HOURS * 60:.0f} "
            "min are needed to tell a slow query from a slow moment"
        )
        return Looked(refused=(why,))
    return Looked((*_slow(table, hours), *_repeated(table, hours)))


def _slow(table: pd.DataFrame, hours: float) -> Iterator[Opportunity]:
    asked = table[table["statement"].map(lambda s: s is not None and reads(s))]
    asked = asked[np.isfinite(asked["duration_ms"])]
    for service, of_service in asked.groupby("service"):
        medians = of_service.groupby("statement")["duration_ms"].median()
        for statement, group in of_service.groupby("statement"):
            if len(group) < LEAST_SPANS:
                continue
            others = medians.drop(statement)
            signs = list(_signs(group, float(others.median()) if len(others) else None))
            slow = _blocks(table, group) >= SLOW_MS
            if signs and len(slow) >= 3 and slow.mean() >= 0.5:
                yield _index(str(service), str(statement), group, signs, (int(slow.sum()), len(slow)), hours)


def _blocks(table: pd.DataFrame, group: pd.DataFrame) -> Floats:
    """The median duration in each stretch of the record that holds the statement at least three times."""
    start, end = table["timestamp"].min(), table["timestamp"].max()
    which = ((group["timestamp"] - start) / ((end - start) / BLOCKS)).astype(int).clip(upper=BLOCKS - 1)
    found = group["duration_ms"].groupby(which).agg(["median", "size"])
    return found["median"][found["size"] >= 3].to_numpy(dtype=float)


def _signs(group: pd.DataFrame, others_ms: float | None) -> Iterator[Fact]:
    """What tells that the statement reads more than it needs."""
    duration = group["duration_ms"]
    read, returned = group["read"].median(), group["returned"].median()
    if np.isfinite(read) and np.isfinite(returned) and read >= READS_TOO_MUCH * max(returned, 1):
        yield Fact("rows", f"it reads {read:.0f} rows to return {returned:.0f} (medians)", {"read": read}, True)
    rows = group["read"] if group["read"].notna().sum() >= LEAST_SPANS else group["returned"]
    tied = _rank_correlation(rows, duration)
    if tied is not None and tied >= 0.6:
        yield Fact(
            "by_rows", f"its time rises with the rows it handles (rank correlation {tied:.2f})", {"r": tied}, True
        )
    order = _rank_correlation(group["timestamp"].astype("int64"), duration)
    third = max(len(group) // 3, 1)
    sorted_ms = duration.loc[group.sort_values("timestamp").index]
    grew = float(sorted_ms.iloc[-third:].median() / max(float(sorted_ms.iloc[:third].median()), 1e-3))
    if order is not None and order >= 0.5 and grew >= GROWS:
        text = f"its time grew {grew:.1f} times from the first to the last third of the record"
        yield Fact("growth", text, {"times": grew, "r": order}, True)
    if others_ms and duration.median() >= STANDS_OUT * others_ms:
        text = f"it takes {duration.median() / others_ms:.0f} times as long as the service's other statements"
        yield Fact("beside", text, {"others_ms": others_ms}, True)


def _rank_correlation(x: pd.Series, y: pd.Series) -> float | None:
    """Spearman's, where there are enough pairs that differ."""
    both = pd.DataFrame({"x": x.to_numpy(dtype=float), "y": y.to_numpy(dtype=float)}).dropna()
    if len(both) < LEAST_SPANS or both["x"].nunique() < 3 or both["y"].nunique() < 3:
        return None
    return float(both["x"].rank().corr(both["y"].rank()))


def _index(
    service: str, statement: str, group: pd.DataFrame, signs: list[Fact], blocks: tuple[int, int], hours: float
) -> Opportunity:
    median, p95 = group["duration_ms"].median(), group["duration_ms"].quantile(0.95)
    spent = group["duration_ms"].sum() / 1000 / hours
    table, columns = filtered_by(statement)
    what = f" on {table} ({', '.join(columns)})" if table and columns else f" for {statement[:120]}"
    text = (
        f"{statement[:160]} of {service} takes {median:.0f} ms (median; 95th percentile {p95:.0f} ms) over "
        f"{len(group)} spans, and at least {SLOW_MS:.0f} ms in {blocks[0]} of {blocks[1]} stretches of {hours:.1f} h"
    )
    detail = {"statement": statement, "median_ms": float(median), "p95_ms": float(p95), "spans": len(group),
              "seconds_per_hour": float(spent), "table": table, "columns": list(columns)}  # fmt: skip
    unknown = ["the query plan and the indexes that exist are not in traces: look at them first (EXPLAIN)"]
    if not columns:
        unknown.append("the statement's text with its conditions is not recorded, so the columns are not known")
    return Opportunity(
        service=service,
        kind=OpportunityKind.missing_index,
        subject=statement[:120],
        action=f"Look at the query plan and, if it scans, add an index{what}",
        facts=(Fact("query", text, detail, True), *signs),
        confidence=succession(*blocks),
        blocks=blocks,
        risk="An index slows writes and takes space, and building it can lock the table: build it concurrently, at a "
        "quiet hour.",
        effect=f"up to {spent:.1f} s of query time an hour, as far as spans were kept",
        unknown=tuple(unknown),
    )


def _repeated(table: pd.DataFrame, hours: float) -> Iterator[Opportunity]:
    children = table[(table["parent"] >= 0) & table["statement"].notna()]
    if children.empty:
        return
    start, length = children["timestamp"], pd.to_timedelta(children["duration_ms"].fillna(0.0), unit="ms")
    children = children.assign(end=start + length)
    by = ["parent", "service", "statement"]
    runs = children.groupby(by).agg(
        count=("duration_ms", "size"), spent=("duration_ms", "sum"), first=("timestamp", "min"), last=("end", "max")
    ).reset_index()  # fmt: skip
    # Side by side they would take no longer than one of them: then it is no loop.
    runs["in_turn"] = (runs["last"] - runs["first"]).dt.total_seconds() * 1000 >= 0.7 * runs["spent"]
    runs["operation"] = table["operation"].to_numpy()[runs["parent"]]
    runs["of_parent"] = table["duration_ms"].to_numpy()[runs["parent"]]
    for (service, operation, statement), group in runs.groupby(["service", "operation", "statement"]):
        looped = group[(group["count"] >= REPEATED) & group["in_turn"]]
        parents = int(((table["service"] == service) & (table["operation"] == operation)).sum())
        if len(looped) >= 10 and len(looped) >= OFTEN * parents:
            yield _loop(str(service), str(operation), str(statement), looped, parents, hours)


def _loop(
    service: str, operation: str, statement: str, looped: pd.DataFrame, parents: int, hours: float
) -> Opportunity:
    count, most = looped["count"].median(), int(looped["count"].max())
    share = float(looped["spent"].sum() / max(float(looped["of_parent"].sum()), 1e-9))
    saved = float((looped["spent"] * (1 - 1 / looped["count"])).sum() / 1000 / hours)
    text = (
        f"{operation} of {service} runs {statement[:120]} {count:.0f} times in turn (median; at most {most}) in "
        f"{len(looped)} of {parents} requests, which is {share:.0%} of their time"
    )
    detail = {"statement": statement, "operation": operation, "median_count": float(count), "most": most,
              "requests": parents, "share_of_time": share}  # fmt: skip
    return Opportunity(
        service=service,
        kind=OpportunityKind.repeated_query,
        subject=f"{operation}: {statement[:100]}",
        action=f"Let {operation} of {service} ask once for all rows instead of {statement[:100]} once a row",
        facts=(Fact("loop", text, detail, True),),
        confidence=succession(len(looped), parents),
        blocks=(len(looped), parents),
        risk="One query for many rows needs a bound on how many, and can hold locks for longer.",
        effect=f"up to {saved:.1f} s of query time an hour, as far as spans were kept",
        unknown=("the code that asks is not in traces",),
    )
