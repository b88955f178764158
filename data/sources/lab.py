"""The lab's shop as a telemetry source: what its services exported, and what was done to it.

Each service keeps its telemetry in a SQLite file of its own (``shop-source/common/store.py``). Changes are the
commits of the shop's repository and the lab's event log. What a drill did is kept elsewhere and never read here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from data.domain import Change, ChangeKind, Evidence, EvidenceKind, as_utc
from data.errors import SourceError, SourceMalformed, StoreError
from data.lab.events import EventLog
from data.lab.repository import BRANCH, git
from data.sources import Request
from data.telemetry import LOG_COLUMNS, SPAN_COLUMNS, Metrics, Telemetry, empty_logs, empty_spans
from data.topology import ServiceGraph

# More spans than this are thinned to whole traces: every failed one, and an even share of the others.
MOST_SPANS = 60_000
MOST_LOGS = 30_000
# How far back commits are listed: what is deployed today was often written days ago.
COMMITS_FOR = timedelta(days=3)
_BUSY_TIMEOUT_S = 5.0

_METRICS = "SELECT at, metric, value, unit FROM metrics WHERE at BETWEEN ? AND ?"
# Of the logs, warnings and errors come first where there are more than can be read.
_LOGS = """
SELECT at, severity, message, trace_id, attributes, instance FROM logs WHERE at BETWEEN ? AND ?
ORDER BY severity IN ('INFO', 'DEBUG'), at DESC LIMIT ?"""
_SPANS = """
SELECT at, trace_id, span_id, parent_id, operation, kind, peer, duration_ms, status, error, instance FROM spans
WHERE at BETWEEN ? AND ? AND at + duration_ms * 1000 <= ?"""
_FAILED = "SELECT DISTINCT trace_id FROM spans WHERE at BETWEEN ? AND ? AND status = 'error' LIMIT 4000"


class LabSource:
    """What the shop in ``state_dir`` reported, between a request's start and its ``as_of``."""

    name = "lab"

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def collect(self, request: Request) -> Telemetry:
        """Everything the services exported in time, with one note for each service that exported nothing.

        Raises:
            SourceError: if the shop has never run here.
        """
        paths = sorted((self._state_dir / "telemetry").glob("*.sqlite"))
        if not paths:
            raise SourceError(f"no telemetry in {self._state_dir}; start the shop with `qai-sre lab up`")
        window = (_microseconds(request.start), _microseconds(request.as_of))
        if request.metrics_only:
            return Telemetry(metrics=_read_metrics(paths, window)).before(request.as_of)
        spans = _read_spans(paths, window)
        telemetry = Telemetry(
            metrics=_read_metrics(paths, window),
            logs=_read_logs(paths, window),
            spans=spans,
            changes=self._changes(request),
            graph=call_graph(paths, window),
        )
        return Telemetry(
            telemetry.metrics,
            telemetry.logs,
            telemetry.spans,
            telemetry.changes,
            telemetry.graph,
            _silent([path.stem for path in paths], telemetry),
        ).before(request.as_of)

    def metrics(self, start: datetime, as_of: datetime) -> Metrics:
        """The metrics alone, which is what alert rules are evaluated on."""
        paths = sorted((self._state_dir / "telemetry").glob("*.sqlite"))
        return _read_metrics(paths, (_microseconds(start), _microseconds(as_of)))

    def _changes(self, request: Request) -> tuple[Change, ...]:
        since, as_of = as_utc(request.start) - COMMITS_FOR, as_utc(request.as_of)
        events = EventLog(self._state_dir / "events.ndjson").read()
        together = (*_commits(self._state_dir / "repository"), *events)
        return tuple(sorted((c for c in together if since <= c.timestamp <= as_of), key=lambda c: c.timestamp))


def call_graph(paths: Sequence[Path], window: tuple[int, int]) -> ServiceGraph:
    """Who called whom, from clients' spans: it includes callees that report nothing themselves."""
    sql = "SELECT DISTINCT peer FROM spans WHERE at BETWEEN ? AND ? AND kind = 'client' AND peer IS NOT NULL"
    edges = [(path.stem, str(peer)) for path in paths for (peer,) in _rows(path, sql, window)]
    return ServiceGraph(edges, [path.stem for path in paths])


def _read_metrics(paths: Sequence[Path], window: tuple[int, int]) -> Metrics:
    # Instances are left out: one series a service, as monitors chart them.
    columns = ["timestamp", "metric", "value", "unit"]
    return Metrics.from_long(_stacked([(path.stem, _rows(path, _METRICS, window)) for path in paths], columns))


def _read_logs(paths: Sequence[Path], window: tuple[int, int]) -> pd.DataFrame:
    columns = ["timestamp", "severity", "message", "trace_id", "attributes", "instance"]
    most = MOST_LOGS // len(paths)
    table = _stacked([(path.stem, _rows(path, _LOGS, (*window, most))) for path in paths], columns)
    return table[[*LOG_COLUMNS, "trace_id", "attributes", "instance"]] if len(table) else empty_logs()


def _read_spans(paths: Sequence[Path], window: tuple[int, int]) -> pd.DataFrame:
    columns = [
        "timestamp", "trace_id", "span_id", "parent_id", "operation", "kind", "peer", "duration_ms", "status", "error",
        "instance",
    ]  # fmt: skip
    condition, values = _sample(paths, window)
    rows = [(path.stem, _rows(path, _SPANS + condition, (*window, window[1], *values))) for path in paths]
    table = _stacked(rows, columns)
    more = ["status", "error", "instance", "kind", "peer"]
    return table[[*SPAN_COLUMNS, *more]] if len(table) else empty_spans()


def _sample(paths: Sequence[Path], window: tuple[int, int]) -> tuple[str, tuple[Any, ...]]:
    """The further condition on spans that keeps them under the limit, and its values."""
    counted = "SELECT COUNT(*) FROM spans WHERE at BETWEEN ? AND ?"
    count = sum(_rows(path, counted, window)[0][0] for path in paths)
    if count <= MOST_SPANS:
        return "", ()
    failed = {str(trace_id) for path in paths for (trace_id,) in _rows(path, _FAILED, window)}
    marks = ", ".join("?" * len(failed))
    return f" AND (share < ? OR trace_id IN ({marks}))", (MOST_SPANS / count, *sorted(failed))


def _stacked(rows: Sequence[tuple[str, list[tuple[Any, ...]]]], columns: list[str]) -> pd.DataFrame:
    """One table of all services' rows, in order of time; the first column comes as microseconds since 1970."""
    tables = [pd.DataFrame(found, columns=columns).assign(service=name) for name, found in rows if found]
    if not tables:
        return pd.DataFrame(columns=[*columns, "service"])
    table = pd.concat(tables, ignore_index=True)
    table["timestamp"] = pd.to_datetime(table["timestamp"], unit="us", utc=True).astype("datetime64[us, UTC]")
    return table.sort_values("timestamp", kind="stable", ignore_index=True)


def _rows(path: Path, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []  # its service is only just starting
        raise SourceMalformed(f"{path.name} could not be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise SourceMalformed(f"{path.name} is not a telemetry store: {error}") from error


def _silent(services: Sequence[str], telemetry: Telemetry) -> tuple[Evidence, ...]:
    """A note for each service that reported no metric in the whole window."""
    quiet = sorted(set(services) - set(telemetry.metrics.services))
    return tuple(
        Evidence(
            id=f"missing:metrics:{service}",
            kind=EvidenceKind.missing,
            summary=f"{service} reported no metrics in this window",
            source="lab",
            service=service,
            detail={"part": "metrics"},
        )
        for service in quiet
    )


def _commits(repository: Path) -> tuple[Change, ...]:
    """The commits of the main branch, merges left out: what they brought is listed by itself."""
    mark = "\x1e"
    arguments = ("log", "--no-merges", f"--since={COMMITS_FOR.days + 1}.days", "-p", "--no-renames", "--no-color")
    try:
        text = git(repository, *arguments, f"--format={mark}%H%x00%cI%x00%an%x00%s%x00", BRANCH)
    except (StoreError, OSError) as error:
        raise SourceMalformed(f"the shop's repository could not be read: {error}") from error
    return tuple(_commit(*entry.split("\0", 4)) for entry in text.split(mark)[1:])


def _commit(sha: str, at: str, author: str, summary: str, diff: str) -> Change:
    diff = diff.lstrip("\n")
    files = tuple(line.split(" b/", 1)[1] for line in diff.splitlines() if line.startswith("diff --git "))
    owners = {file.partition("/")[0] for file in files} - {"docs", "tests", "README.md"}
    return Change(
        id=sha,
        kind=ChangeKind.commit,
        timestamp=datetime.fromisoformat(at),
        # A file in ``common`` belongs to every service.
        service=owners.pop() if len(owners) == 1 and "common" not in owners else None,
        summary=summary,
        author=author,
        files=files,
        diff=diff,
    )


def _microseconds(instant: datetime) -> int:
    return int(as_utc(instant).timestamp() * 1_000_000)
