"""A recorded incident: a folder with ``alert.json`` and whichever of the tables were recorded.

=================  ==================================================================================
file               columns or keys
=================  ==================================================================================
alert.json         id, service, title, fired_at; optional metric, value, threshold, severity, tags
metrics.*          timestamp, service, metric, value; optional instance, unit
logs.*             timestamp, service, severity, message; optional trace_id, instance, attributes
spans.*            timestamp, trace_id, span_id, parent_id, service, operation, duration_ms;
                   optional status, error, instance
topology.json      {"nodes": [{"id", optional host}], "edges": [{"caller", "callee"}]}
changes.json       [{"id", "kind", "timestamp", ...}]; of a deploy also what it replaced ("before", a commit)
missing.json       what could not be seen when it was recorded; written by us, optional
=================  ==================================================================================

Tables may be ``.parquet``, ``.csv`` or ``.ndjson``. Any file but ``alert.json`` may be absent or broken:
that becomes ``missing`` evidence. ``truth.json`` is for scoring and is never opened here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError

from data.domain import Alert, AlertLevel, Change, Evidence, EvidenceKind
from data.errors import InputError, SourceMalformed
from data.parse import parse_number, parse_tags, parse_time
from data.sources import Request
from data.telemetry import (
    LOG_COLUMNS,
    METRIC_COLUMNS,
    SPAN_COLUMNS,
    Metrics,
    Telemetry,
    as_utc_column,
    empty_logs,
    empty_spans,
)
from data.topology import ServiceGraph

T = TypeVar("T")
Note = Callable[[str, str], None]

_SUFFIXES = (".parquet", ".csv", ".ndjson")
_WARNINGS = {"warning", "warn", "low", "medium", "minor"}
_GAPS = {"", "nan", "none", "null", "<na>"}
_INFOS = {"info", "ok", "none", "debug"}


class BundleSource:
    """A recorded incident as a telemetry source.

    With ``replay`` the recording is moved in time so that its own alert falls on the incoming one: an
    incident recorded last month can be handled as though it were happening now. The incoming alert must
    be about a service in the recording; any other sees nothing, and says so.
    """

    name = "bundle"

    def __init__(self, folder: Path, *, replay: bool = False) -> None:
        self._folder = folder
        self._replay = replay

    def collect(self, request: Request) -> Telemetry:
        telemetry = read_telemetry(self._folder)
        if self._replay and request.alert is not None:
            telemetry = self._moved_to(request.alert, telemetry)
        return telemetry.before(request.as_of)

    def _moved_to(self, alert: Alert, telemetry: Telemetry) -> Telemetry:
        if alert.service not in telemetry.services:
            raise SourceMalformed(
                f"the recording in {self._folder.name} holds nothing about {alert.service!r}; "
                f"it knows {', '.join(telemetry.services)}"
            )
        return shifted(telemetry, alert.fired_at - read_alert(self._folder).fired_at)


def read_alert(folder: Path) -> Alert:
    """The alert that opened the recorded incident.

    Raises:
        InputError: naming the file or the key at fault.
    """
    raw = _read_json(folder / "alert.json")
    if not isinstance(raw, dict):
        raise InputError("must hold one JSON object", field="alert.json")
    for key in ("id", "service", "fired_at"):
        if raw.get(key) in (None, ""):
            raise InputError(f"add the key {key!r}", field=f"alert.json:{key}")
    known = {
        "id",
        "service",
        "title",
        "fired_at",
        "metric",
        "value",
        "threshold",
        "severity",
        "source",
        "tags",
    }
    return Alert(
        id=str(raw["id"]),
        source=str(raw.get("source") or "bundle"),
        service=str(raw["service"]),
        title=str(raw.get("title") or f"alert on {raw['service']}"),
        fired_at=parse_time(raw["fired_at"], field="alert.json:fired_at"),
        group=str(raw["id"]),
        level=_level(raw.get("severity")),
        metric=None if raw.get("metric") is None else str(raw["metric"]),
        value=parse_number(raw.get("value")),
        threshold=parse_number(raw.get("threshold")),
        tags=parse_tags(raw.get("tags")),
        extra={k: v for k, v in raw.items() if k not in known},
    )


def read_telemetry(folder: Path) -> Telemetry:
    """Everything recorded in ``folder``, from beginning to end; absent or broken files become ``missing``."""
    parts = _Parts()
    note = parts.note
    metrics = parts.read("metrics", lambda: Metrics.from_long(_read_metrics(folder, note)))
    logs = parts.read("logs", lambda: _read_table(folder, "logs", LOG_COLUMNS, note))
    spans = parts.read("spans", lambda: _read_spans(folder, note))
    changes = parts.read("changes", lambda: _read_changes(folder / "changes.json", note))
    unseen = parts.read("missing", lambda: _read_missing(folder / "missing.json"))
    graph = parts.read("topology", lambda: _read_topology(folder / "topology.json"))
    return Telemetry(
        metrics=metrics or Metrics.empty(),
        logs=empty_logs() if logs is None else logs,
        spans=empty_spans() if spans is None else spans,
        changes=changes or (),
        graph=graph or ServiceGraph(),
        missing=(*(unseen or ()), *parts.missing),
    )


def write_bundle(folder: Path, alert: Alert, telemetry: Telemetry) -> None:
    """Record an incident as a bundle that :func:`read_alert` and :func:`read_telemetry` read back."""
    folder.mkdir(parents=True, exist_ok=True)
    record = alert.model_dump(mode="json", exclude={"extra", "group", "status", "level", "environment", "link"})
    record = {**alert.extra, **record, "severity": alert.level.value}
    telemetry.metrics.to_long().to_parquet(folder / "metrics.parquet", index=False)
    telemetry.logs.to_json(folder / "logs.ndjson", orient="records", lines=True, date_format="iso", date_unit="us")
    telemetry.spans.to_parquet(folder / "spans.parquet", index=False)
    (folder / "topology.json").write_text(json.dumps(telemetry.graph.as_json(), indent=1) + "\n")
    changes = [{**c.extra, **c.model_dump(mode="json", exclude={"extra"})} for c in telemetry.changes]
    (folder / "changes.json").write_text(json.dumps(changes, indent=1) + "\n")
    missing = [item.model_dump(mode="json") for item in telemetry.missing]
    (folder / "missing.json").write_text(json.dumps(missing, indent=1) + "\n")
    # Last: a bundle with an alert is a whole bundle, also where the writer may die half way.
    (folder / "alert.json").write_text(json.dumps(record, indent=1) + "\n")


def shifted(telemetry: Telemetry, by: timedelta) -> Telemetry:
    """The same telemetry, every time in it moved by ``by``."""
    return Telemetry(
        metrics=replace(telemetry.metrics, timestamps=telemetry.metrics.timestamps + np.timedelta64(by)),
        logs=telemetry.logs.assign(timestamp=telemetry.logs["timestamp"] + by),
        spans=telemetry.spans.assign(timestamp=telemetry.spans["timestamp"] + by),
        changes=tuple(c.model_copy(update={"timestamp": c.timestamp + by}) for c in telemetry.changes),
        graph=telemetry.graph,
        missing=telemetry.missing,
    )


class _Parts:
    """Reads the parts of a bundle, keeping a note of each that is absent or broken."""

    def __init__(self) -> None:
        self.missing: list[Evidence] = []

    def read(self, part: str, reader: Callable[[], T]) -> T | None:
        try:
            return reader()
        except FileNotFoundError:
            self.note(part, f"no {part} were recorded" if part != "topology" else "no topology was recorded")
        except (ValidationError, InputError, ValueError, TypeError, OSError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self.note(part, f"{part} could not be read: {reason}")
        return None

    def note(self, part: str, summary: str) -> None:
        self.missing.append(
            Evidence(id=f"missing:{part}", kind=EvidenceKind.missing, summary=summary, source="bundle",
                     detail={"part": part})
        )  # fmt: skip


def _level(severity: Any) -> AlertLevel:
    word = str(severity or "error").strip().lower()
    if word in _WARNINGS:
        return AlertLevel.warning
    return AlertLevel.info if word in _INFOS else AlertLevel.error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("not found; a bundle needs at least this file", field=str(path)) from error
    except (ValueError, OSError) as error:
        raise InputError(f"is not readable JSON: {error}", field=path.name) from error


def _read_table(folder: Path, stem: str, columns: Sequence[str], note: Note) -> pd.DataFrame:
    """One table in whichever format it was recorded, with ``columns`` present and times in UTC."""
    path = next((p for p in (folder / f"{stem}{suffix}" for suffix in _SUFFIXES) if p.exists()), None)
    if path is None:
        raise FileNotFoundError(folder / stem)
    table = _read_rows(path, note)
    if table.empty and not len(table.columns):  # written when there was nothing to write
        table = pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    absent = [name for name in ("timestamp", "service") if name not in table.columns]
    if absent:
        raise InputError(f"add the column {absent[0]!r}", field=path.name)
    table = table.assign(timestamp=as_utc_column(table["timestamp"]))
    for name in columns:
        if name not in table.columns:
            table[name] = None
    kept = table[table["timestamp"].notna() & table["service"].notna()]
    if len(kept) < len(table):
        note(stem, f"{len(table) - len(kept)} rows of {path.name} have no time or no service and were left out")
    return kept.sort_values("timestamp", kind="stable", ignore_index=True)


def _read_rows(path: Path, note: Note) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        # As text: a trace id such as 007 or 1e5 is not a number. Numeric columns are converted where they are used.
        return pd.read_csv(path, dtype="string")
    rows, bad = [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line) if line.strip() else None
        except ValueError:
            row = line
        if isinstance(row, dict):
            rows.append(row)
        elif row is not None:
            bad += 1
    if bad and not rows:
        raise InputError("no line of it is a JSON object", field=path.name)
    if bad:
        note(path.stem, f"{bad} lines of {path.name} are not JSON objects and were left out")
    return pd.DataFrame(rows)


def _read_metrics(folder: Path, note: Note) -> pd.DataFrame:
    """The samples; a value that is written but is no number is noted. An empty one is only a gap."""
    table = _read_table(folder, "metrics", METRIC_COLUMNS, note)
    text = table["value"].astype("string").str.strip()
    wrong = pd.to_numeric(table["value"], errors="coerce").isna() & text.notna() & ~text.str.lower().isin(_GAPS)
    if wrong.any():
        sample = str(text[wrong].iloc[0])[:40]
        note("metrics", f"{int(wrong.sum())} metric values are no numbers, such as {sample!r}, and were left out")
    return table


def _read_spans(folder: Path, note: Note) -> pd.DataFrame:
    spans = _read_table(folder, "spans", SPAN_COLUMNS, note)
    return spans.assign(duration_ms=pd.to_numeric(spans["duration_ms"], errors="coerce").astype(float))


def _read_changes(path: Path, note: Note) -> tuple[Change, ...]:
    """Every change that can be read; each that cannot is noted, and the others are kept."""
    if not path.exists():
        raise FileNotFoundError(path)
    raw = _read_json(path)
    if not isinstance(raw, list):
        raise InputError("must hold a JSON list", field=path.name)
    changes = []
    for index, item in enumerate(raw):
        try:
            changes.append(parse_change(item, field=f"{path.name}[{index}]"))
        except InputError as error:
            note("changes", f"a change could not be read: {error}")
    return tuple(changes)


def parse_change(raw: Mapping[str, Any], *, field: str) -> Change:
    """One change event; keys we do not know are kept in ``extra``."""
    if not isinstance(raw, Mapping):
        raise InputError("must be a JSON object", field=field)
    known = set(Change.model_fields) - {"extra"}
    fields = {k: v for k, v in raw.items() if k in known and v is not None}
    extra = {k: v for k, v in raw.items() if k not in known}
    if "timestamp" in fields:
        fields["timestamp"] = parse_time(fields["timestamp"], field=f"{field}.timestamp")
    try:
        return Change(**fields, extra=extra)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(first["msg"], field=f"{field}.{name}") from error


def _read_missing(path: Path) -> tuple[Evidence, ...]:
    return tuple(Evidence.model_validate(item) for item in _read_json(path)) if path.exists() else ()


def _read_topology(path: Path) -> ServiceGraph:
    if not path.exists():
        raise FileNotFoundError(path)
    raw = _read_json(path)
    try:
        nodes = {str(n["id"]): n.get("host") for n in raw.get("nodes", [])}
        edges = [(str(e["caller"]), str(e["callee"])) for e in raw.get("edges", [])]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError('must be {"nodes": [{"id"}], "edges": [{"caller", "callee"}]}', field=path.name) from error
    return ServiceGraph(edges, nodes, {k: str(v) for k, v in nodes.items() if v is not None})
