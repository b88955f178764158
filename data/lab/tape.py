"""What the shop's processes wrote while they ran, read back as telemetry and thinned to a size worth shipping."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from data.lab.shop import GATEWAY, SERVICES
from data.telemetry import LOG_COLUMNS, METRIC_COLUMNS, SPAN_COLUMNS, Metrics
from data.topology import ServiceGraph

_SLOWEST_A_MINUTE = 2


def read_metrics(folder: Path, since: datetime, service: str = "*") -> Metrics:
    """Every metric sample from ``since`` on. Instances are left out: one series a service, as monitors chart them."""
    return Metrics.from_long(_read(folder, "metrics", METRIC_COLUMNS, since, service)[list(METRIC_COLUMNS)])


def read_logs(folder: Path, since: datetime) -> pd.DataFrame:
    """Every log line from ``since`` on, in order of time."""
    return _read(folder, "logs", LOG_COLUMNS, since)


def read_spans(folder: Path, since: datetime) -> pd.DataFrame:
    """Every span of every trace that began after ``since``, in order of time."""
    spans = _read(folder, "spans", SPAN_COLUMNS, since)
    whole = spans.loc[spans["parent_id"].isna(), "trace_id"]
    return spans[spans["trace_id"].isin(whole)].reset_index(drop=True)


def call_graph(spans: pd.DataFrame) -> ServiceGraph:
    """Who called whom, from the names of outgoing calls (``POST payment``): it includes callees that report nothing."""
    calls = spans[["service", "operation"]].drop_duplicates()
    peers = calls["operation"].str.split().str[-1]
    known = peers.isin((*SERVICES, GATEWAY))
    return ServiceGraph(zip(calls.loc[known, "service"], peers[known], strict=True), (*SERVICES, GATEWAY))


def sampled(spans: pd.DataFrame, most: int) -> pd.DataFrame:
    """Whole traces: every failed one, the slowest of each minute, and an even share of the rest, about ``most`` spans.

    The share is picked by trace id, which knows nothing of what the trace holds.
    """
    notable = _notable(spans)
    room = max(0, most - int(spans["trace_id"].isin(notable).sum()))
    share = min(1.0, room / len(spans)) if len(spans) else 1.0
    picked = spans["trace_id"].map(lambda trace_id: int(trace_id[:8], 16) / 2**32 < share).astype(bool)
    return spans[picked | spans["trace_id"].isin(notable)].reset_index(drop=True)


def _notable(spans: pd.DataFrame) -> set[str]:
    roots = spans[spans["parent_id"].isna()]
    minute = roots["timestamp"].dt.floor("min")
    rank = roots.groupby([minute, "operation"])["duration_ms"].rank(ascending=False, method="first")
    slowest = roots.loc[rank <= _SLOWEST_A_MINUTE, "trace_id"]
    return {*slowest, *spans.loc[spans["status"] == "error", "trace_id"]}


def kept_logs(logs: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Lines that warn or fail, lines outside any request, and the lines of the traces kept in ``spans``."""
    loud = logs["severity"] != "INFO"
    return logs[loud | logs["trace_id"].isna() | logs["trace_id"].isin(spans["trace_id"])].reset_index(drop=True)


def _read(folder: Path, kind: str, columns: tuple[str, ...], since: datetime, service: str = "*") -> pd.DataFrame:
    rows = [row for path in sorted(folder.glob(f"{service}.*.{kind}.ndjson")) for row in _rows(path)]
    table = pd.DataFrame(rows, columns=None if rows else list(columns))
    table["timestamp"] = pd.to_datetime(table["timestamp"].astype(float), unit="s", utc=True).astype(
        "datetime64[us, UTC]"
    )
    table = table[table["timestamp"] >= pd.Timestamp(since)]
    return table.sort_values("timestamp", kind="stable", ignore_index=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    # While the shop runs, the last line may be half written: it has no newline yet.
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
