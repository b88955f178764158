"""The tables of a Nezha day: metrics of a pod, spans, logs, dependencies."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from data.datasets.common import from_wide
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph

_REPLICA = re.compile(r"-[0-9a-z]{6,10}-[0-9a-z]{5}$")
_STATEFUL = re.compile(r"-\d+$")
_TITLE = re.compile(r"^(?P<metric>.*?)\s*(?:\((?P<unit>[^()]*)\))?$")
_CLOCK = r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*\s*([+-]\d\d:?\d\d)?"
# A sample is stamped within a few seconds of being taken.
_JITTER_S = 5.0
_HOST = re.compile(r"^\d+(\.\d+){3}$|:")
_SEVERITY = re.compile(r"\b(TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b", re.IGNORECASE)
_PREFIX = re.compile(r"^.*?TraceID:\s*\S+\s+SpanID:\s*\S+\s*", re.DOTALL)


def service_of(pod: str) -> str:
    """A pod's service: its name without the replica set's hash and the pod's own, or without its ordinal."""
    name, cut = _REPLICA.subn("", pod)
    return name if cut else _STATEFUL.sub("", pod)


def parse_clock(column: pd.Series) -> pd.Series:
    """Instants from text such as ``2022-08-22 03:51:19.607158889 +0000 UTC m=+0.11``; without an offset it is UTC."""
    parts = column.astype(str).str.extract(_CLOCK)
    text = parts[0].str.replace("T", " ") + parts[1].fillna("+0000").str.replace(":", "")
    return pd.to_datetime(text, utc=True, errors="coerce", format="mixed").astype("datetime64[us, UTC]")


def read_pod(path: Path) -> Metrics:
    """``<pod>_metric.csv``: one series a column, the pod as instance."""
    table = pd.read_csv(path)
    pod = str(table["PodName"].iloc[0]) if "PodName" in table.columns and len(table) else path.name.split("_metric")[0]
    return _series(table, service_of(pod), pod)


def read_frontend(path: Path, services: tuple[str, ...]) -> tuple[tuple[str, str], Metrics] | None:
    """What users see, and on which (service, metric) an alert would be: its highest latency percentile.

    The file spells the service in its own way (``Frontend``): it is matched to ``services`` by its letters.
    """
    if not path.exists():
        return None
    table = pd.read_csv(path)
    if table.empty or "ServiceName" not in table.columns:
        return None
    spelt = str(table["ServiceName"].iloc[0])
    service = next((s for s in services if _letters(s) == _letters(spelt)), spelt)
    metrics = _series(table, service, "")
    latencies = sorted(key.metric for key in metrics.keys if "latency" in key.metric.lower())
    return (service, latencies[-1] if latencies else metrics.keys[0].metric), metrics


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _series(table: pd.DataFrame, service: str, instance: str) -> Metrics:
    times = reconciled(table)
    table = table[times.notna()]
    times = times[times.notna()]
    names = [c for c in table.columns if c.lower() not in {"time", "timestamp", "podname", "servicename"}]
    numbers = table[names].apply(pd.to_numeric, errors="coerce").astype(float)
    clock = np.asarray(pd.DatetimeIndex(times).tz_localize(None), dtype="datetime64[us]")
    return from_wide(clock, [_key(service, str(name), instance) for name in names], numbers.to_numpy())


def reconciled(table: pd.DataFrame) -> pd.Series:
    """The instants of a table that has them as text (``Time``), as epoch seconds (``TimeStamp``), or as both.

    The text wins: some number columns are off by years, some by a minute. Only where the two differ by whole
    hours is the text taken for local time, and the number for right.
    """
    unknown = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]")
    numbers = unknown
    if "TimeStamp" in table.columns:
        seconds = pd.to_numeric(table["TimeStamp"], errors="coerce")
        numbers = pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[us, UTC]")
    texts = parse_clock(table["Time"]) if "Time" in table.columns else unknown
    hours = ((texts.dt.floor("s") - numbers).dt.total_seconds() / 3600).median()
    local = 0.5 < abs(hours) <= 14 and abs(hours - round(hours)) * 3600 <= _JITTER_S
    return numbers.fillna(texts) if local else texts.fillna(numbers)


def _key(service: str, title: str, instance: str) -> SeriesKey:
    match = _TITLE.match(title)
    assert match is not None  # the pattern matches any line
    return SeriesKey(service, match["metric"], instance, match["unit"] or "")


def read_dependencies(path: Path) -> ServiceGraph:
    """``dependency.csv``: ``Source,Target``, where a target that is an address is the host its source runs on."""
    if not path.exists():
        return ServiceGraph()
    table = pd.read_csv(path).dropna(subset=["Source", "Target"]).astype({"Source": str, "Target": str})
    on_host = table["Target"].map(lambda name: _HOST.search(name) is not None).to_numpy(dtype=bool)
    calls, hosts = table[~on_host], table[on_host]
    return ServiceGraph(
        zip(calls["Source"], calls["Target"], strict=True),
        table["Source"],
        dict(zip(hosts["Source"], hosts["Target"], strict=True)),
    )


def edges_between(spans: pd.DataFrame) -> list[tuple[str, str]]:
    """(caller, callee) of every span whose parent belongs to another service."""
    if spans.empty:
        return []
    parents = spans[["span_id", "service"]].rename(columns={"span_id": "parent_id", "service": "caller"})
    calls = spans[["parent_id", "service"]].dropna().merge(parents.drop_duplicates("parent_id"), on="parent_id")
    calls = calls.loc[calls["caller"] != calls["service"], ["caller", "service"]].drop_duplicates()
    return [(str(a), str(b)) for a, b in calls.itertuples(index=False)]


@lru_cache(maxsize=8)
def table_index(folder: Path) -> tuple[tuple[Path, pd.Timestamp], ...]:
    """Every CSV file of a folder with the time in its first row, so that only the needed ones are read whole."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        head = pd.read_csv(path, nrows=1)
        column = next((c for c in ("StartTimeUnixNano", "TimeUnixNano") if c in head.columns), None)
        if column is not None and len(head):
            found.append((path, pd.Timestamp(int(head[column].iloc[0]), unit="ns", tz="UTC")))
    return tuple(found)


def read_spans(path: Path) -> pd.DataFrame:
    """``<HH_MM>_trace.csv``; durations there are in microseconds, and the parent of a root span is "root"."""
    table = pd.read_csv(path, dtype={"TraceID": str, "SpanID": str, "ParentID": str, "PodName": str})
    table = table.dropna(subset=["StartTimeUnixNano", "PodName"])
    services = {pod: service_of(pod) for pod in table["PodName"].unique()}
    spans = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(table["StartTimeUnixNano"].astype("int64"), unit="ns", utc=True),
            "trace_id": table["TraceID"],
            "span_id": table["SpanID"],
            "parent_id": table["ParentID"].mask(table["ParentID"] == "root"),
            "service": table["PodName"].map(services),
            "operation": table["OperationName"].astype(str),
            "duration_ms": (table["EndTimeUnixNano"] - table["StartTimeUnixNano"]) / 1e6,
            "instance": table["PodName"],
        }
    )
    return spans.astype({"timestamp": "datetime64[us, UTC]"})


def read_logs(path: Path) -> pd.DataFrame:
    """``<HH_MM>_log.csv``; ``Log`` is the container runtime's JSON around the service's own JSON or text line."""
    table = pd.read_csv(path, dtype=str).dropna(subset=["TimeUnixNano", "PodName"])
    services = {pod: service_of(pod) for pod in table["PodName"].unique()}
    lines = [_line(str(raw)) for raw in table["Log"]]
    logs = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(table["TimeUnixNano"].astype("int64"), unit="ns", utc=True),
            "service": table["PodName"].map(services),
            "severity": [severity for severity, _ in lines],
            "message": [message for _, message in lines],
            "trace_id": table["TraceID"],
            "instance": table["PodName"],
        }
    )
    return logs.astype({"timestamp": "datetime64[us, UTC]"})


def _line(raw: str) -> tuple[str, str]:
    """Severity and message of one log record."""
    text = _unwrapped(raw, "log").strip()
    severity, message = "", text
    if text.startswith("{"):
        try:
            record = json.loads(text)
            severity = str(record.get("severity") or record.get("level") or "")
            message = str(record.get("message") or record.get("msg") or text)
        except ValueError:
            message = text
    if not severity:
        found = _SEVERITY.search(text[:200])
        severity = found[1] if found else "INFO"
    return severity.upper().replace("WARNING", "WARN"), _PREFIX.sub("", message).strip() or message


def _unwrapped(raw: str, key: str) -> str:
    try:
        record = json.loads(raw)
    except ValueError:
        return raw
    return str(record[key]) if isinstance(record, dict) and key in record else raw
