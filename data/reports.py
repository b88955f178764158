"""A report: what a monitor or a person wrote when trouble began, before anybody had measured anything.

Alerts of any vendor, alerting rules and status-page incidents are all reports. Reading is lenient: names differ
between senders, and a report that lacks almost everything is still a report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.domain import Alert
from data.errors import InputError
from data.parse import parse_number, parse_tags

_TITLE = ("title", "summary", "name", "alert", "alertname", "headline", "subject")
_TEXT = ("text", "body", "description", "message", "details", "content")
_EXPRESSION = ("expr", "query", "expression", "promql")
_STATED = ("severity", "level", "priority")
_LONGEST = 20_000
# What monitors put before a title says that they fired, which every alert did, and not what is wrong.
_STATE = re.compile(r"^\s*\[(?:re-)?(?:triggered|firing|alerting|alert|renotify)\b[^\]]*\]\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """One alert, alerting rule or incident text.

    Attributes:
        expression: the monitor's query, in PromQL or whatever it speaks; empty where there is none.
        stated: the severity its sender gave it, in the sender's word; empty where there is none.
        value, threshold: what was measured and what it was held against, in the same unit.
    """

    title: str = ""
    text: str = ""
    id: str | None = None
    service: str = ""
    expression: str = ""
    stated: str = ""
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, alert: Alert) -> Report:
        """What ``alert`` says."""
        said = (alert.extra.get(name) for name in ("description", "body", "text", "message"))
        return cls(
            title=_without_state(alert.title),
            text=next((s for s in said if isinstance(s, str)), ""),
            id=alert.id,
            service=alert.service,
            metric=alert.metric or "",
            value=alert.value,
            threshold=alert.threshold,
            labels=alert.tags,
        )


def read_reports(path: Path) -> Iterator[tuple[int, Report]]:
    """The reports in an NDJSON file, each with its line number from 1; a JSON list counts its items instead.

    Raises:
        InputError: naming the line that is not a JSON object or says nothing.
    """
    try:
        whole = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text; give one JSON object a line", field=str(path)) from error
    for number, record in _records(whole, path):
        where = f"{path}, line {number}"
        if isinstance(record, str):
            record = {"text": record}
        if not isinstance(record, Mapping):
            raise InputError("is not a JSON object; give one object a line, with title and text", field=where)
        yield number, report_of(record, field=where)


def report_of(record: Mapping[str, Any], *, field: str = "report") -> Report:
    """``record`` as a report: whatever its sender calls title, text, expression, labels and severity.

    Nested ``labels`` and ``annotations`` (Alertmanager) and ``updates`` (status pages; the first one only, the later
    ones being written with hindsight) are read, too. Unknown keys are left alone.

    Raises:
        InputError: if there is no text in it at all.
    """
    labels = _mapping(record.get("labels")) | _mapping(record.get("tags"))
    fields = {**labels, **_mapping(record.get("annotations")), **record}
    title, text = _first(fields, _TITLE), _first(fields, _TEXT) or _first_update(record.get("updates"))
    if not text and "summary" in fields and title != str(fields["summary"]):
        text = str(fields["summary"])
    expression = _first(fields, _EXPRESSION)
    if not (title or text or expression):
        raise InputError(f"says nothing; give at least one of {', '.join((*_TITLE[:3], *_TEXT[:3]))}", field=field)
    identity = fields.get("id")
    return Report(
        title=_without_state(title[:_LONGEST]),
        text=text[:_LONGEST],
        id=None if identity is None else str(identity),
        service=_first(fields, ("service", "job", "component")),
        expression=expression[:_LONGEST],
        stated=_first(fields, _STATED).lower(),
        metric=_first(fields, ("metric",)),
        value=parse_number(fields.get("value")),
        threshold=parse_number(fields.get("threshold")),
        labels=labels,
    )


def _records(whole: str, path: Path) -> Iterator[tuple[int, Any]]:
    if whole.lstrip().startswith("["):
        try:
            yield from enumerate(json.loads(whole), 1)
        except ValueError as error:
            raise InputError(f"is not valid JSON: {error}", field=str(path)) from error
        return
    for number, line in enumerate(whole.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise InputError(f"is not valid JSON: {error}", field=f"{path}, line {number}") from error


def _without_state(title: str) -> str:
    return _STATE.sub("", title) or title


def _mapping(value: Any) -> dict[str, str]:
    return parse_tags(value) if isinstance(value, Mapping | list | str) else {}


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = (fields.get(name) for name in names)
    return next((str(v).strip() for v in found if isinstance(v, str | int | float) and str(v).strip()), "")


def _first_update(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else {}
    return _first(first, _TEXT) if isinstance(first, Mapping) else ""
