"""Datadog's webhook: the payload our template makes (docs/webhooks.md), and the one Datadog sends by default.

The variables and what they mean: https://docs.datadoghq.com/integrations/webhooks/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from data.domain import Alert, AlertLevel, AlertStatus, now
from data.errors import InputError
from data.parse import parse_number, parse_time
from pipelines.intake import text

# Each thing we look for, under the keys it comes by: our template's first, then those of other templates.
_KEYS = {
    "id": ("id", "event_id"),
    "title": ("alert_title", "event_title", "title"),
    "message": ("event_msg", "text_only_msg", "body", "message"),
    "cycle": ("alert_cycle_key",),
    "aggregate": ("aggreg_key",),
    "monitor": ("alert_id",),
    "transition": ("alert_transition",),
    "type": ("alert_type",),
    "metric": ("alert_metric",),
    "status": ("alert_status",),
    "query": ("alert_query",),
    "scope": ("alert_scope",),
    "host": ("hostname", "host"),
    "service": ("service",),
    "environment": ("env", "environment"),
    "date": ("date",),
    "updated": ("date_posix", "last_updated"),
    "link": ("link", "event_url", "url"),
}
# Where text or a number has to be: a list or an object there means that the template is broken.
SCALAR_KEYS = (*(key for keys in _KEYS.values() for key in keys), "event_type", "alert_priority", "version")
IDENTITIES = ("id", "cycle", "aggregate", "monitor", "title")
IDENTITY_KEYS = tuple(key for what in IDENTITIES for key in _KEYS[what])
_IDENTIFY = frozenset({"id", "cycle", "aggregate", "monitor", "scope"})
# What an Alert holds as it came; every other key goes to ``extra``.
_HELD = frozenset({"alert_metric", "env", "environment", "event_url", "link", "service", "tags", "url"})

_VARIABLE = re.compile(r"\$[A-Za-z][A-Za-z0-9_]*(\[[^\]]*\])?")
_PREFIX = re.compile(
    r"\s*(?:\[P\d\]\s*)?\[(?P<word>(?:re-)?(?:triggered|recovered|warn|no data)|renotify)"
    r"(?: on \{(?P<scope>[^}\]]*)\})?\]\s*",
    re.I,
)
_NUMBER = r"(-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)"
_STATUS_THRESHOLD = re.compile(rf"\bwas\s*(?:>=|<=|==|>|<)\s*{_NUMBER}")
_QUERY_THRESHOLD = re.compile(rf"(?:>=|<=|==|>|<)\s*{_NUMBER}\s*$")
_QUERY_METRIC = re.compile(r"(?:^|[:(\s])([A-Za-z][A-Za-z0-9_.]{0,199})\{")
_VALUE = re.compile(rf"\bmetric value:\s*{_NUMBER}", re.I)

_LEVELS = {
    "error": AlertLevel.error,
    "warning": AlertLevel.warning,
    "info": AlertLevel.info,
    "success": AlertLevel.info,
}
_TRANSITION_LEVELS = {
    "triggered": AlertLevel.error,
    "no-data": AlertLevel.error,
    "warn": AlertLevel.warning,
    "recovered": AlertLevel.info,
}


def datadog(payload: Mapping[str, Any]) -> Alert:
    """The alert in one Datadog webhook payload.

    A value that is still a ``$VARIABLE`` is absent, since Datadog leaves a variable it has no value for as it is.
    The group is the alert cycle, else the aggregation key, else monitor and scope. The id carries the transition,
    so that the same notification twice is one alert and a recovery is another.

    Raises:
        InputError: naming the field, if the payload identifies nothing, or a field cannot be read.
    """
    if not isinstance(payload, Mapping):
        raise InputError(
            "must be a JSON object; paste the template from docs/webhooks.md into Datadog", field="payload"
        )
    sent = _Payload(payload)
    if not any(sent.get(what) for what in IDENTITIES):
        raise InputError("is missing, and so is every other identity; send $ID, or $ALERT_TITLE at least", field="id")
    transition = _transition(sent)
    group = _group(sent)
    return Alert(
        id=_identity(sent, transition),
        source="datadog",
        service=_service(sent),
        title=_title(sent),
        fired_at=_fired_at(sent),
        group=group,
        status=_status(sent, transition),
        level=_level(sent, transition),
        metric=_metric(sent),
        value=_found(_VALUE, sent.get("message")),
        threshold=_threshold(sent),
        environment=_environment(sent),
        tags=sent.tags,
        link=text.clean(sent.get("link") or "") or None,
        extra=sent.extra(),
    )


@dataclass
class _Payload:
    """What was sent, with absent values gone; ``notes`` collects what had to be guessed."""

    raw: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(init=False)
    scope: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        for key in SCALAR_KEYS:
            text.scalar(self.raw.get(key), field=key)
        self.tags = {k: v for k, v in text.tags(_present(self.raw.get("tags"))).items() if _present(v) or not v}
        self.scope = text.tags(self.get("scope"))

    def get(self, what: str) -> str | None:
        """The first of a thing's keys that has a value, as cleaned text."""
        for key in _KEYS[what]:
            value = text.scalar(_present(self.raw.get(key)), field=key)
            # What identifies is not cut here: two long keys may differ at their very end.
            cleaned = text.clean(value, len(value) if what in _IDENTIFY else text.TEXT_CHARACTERS) if value else ""
            if cleaned:
                return cleaned
        return None

    def extra(self) -> dict[str, Any]:
        kept = {k: v for k, v in self.raw.items() if k not in _HELD and _present(v) is not None}
        extra: dict[str, Any] = text.tidy(kept)
        return {**extra, "intake_notes": self.notes} if self.notes else extra


def _present(value: Any) -> Any:
    """``value``, or None where Datadog had nothing to put there."""
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped or stripped.lower() == "null" or _VARIABLE.fullmatch(stripped):
            return None
    return value


def _word(transition: str) -> str:
    return re.sub(r"[\s_]+", "-", transition.strip().lower())


def _transition(sent: _Payload) -> str | None:
    """For example ``re-triggered``; from the title's prefix where the template carries no transition."""
    said = sent.get("transition")
    if said:
        return text.name(_word(said))
    prefix = _PREFIX.match(sent.get("title") or "")
    return _word(prefix["word"]) if prefix else None


def _status(sent: _Payload, transition: str | None) -> AlertStatus:
    kind = (transition or "").removeprefix("re-")
    if kind == "recovered":
        return AlertStatus.resolved
    if kind in _TRANSITION_LEVELS or kind == "renotify":
        return AlertStatus.firing
    if transition:
        sent.notes.append(f"transition {transition!r} is not one Datadog documents; went by the alert's type")
    return AlertStatus.resolved if (sent.get("type") or "").lower() == "success" else AlertStatus.firing


def _level(sent: _Payload, transition: str | None) -> AlertLevel:
    said = _LEVELS.get((sent.get("type") or "").lower())
    return said or _TRANSITION_LEVELS.get((transition or "").removeprefix("re-"), AlertLevel.error)


def _identity(sent: _Payload, transition: str | None) -> str:
    identity = sent.get("id") or sent.get("date") or sent.get("updated")
    if identity is None:
        canonical = json.dumps(text.tidy(sent.raw), sort_keys=True, default=str)
        identity = hashlib.sha256(canonical.encode()).hexdigest()
        sent.notes.append(
            "no $ID and no $DATE: identified by its content, so a repeat in the same words is the same alert"
        )
    return text.name(f"{identity}:{transition or 'none'}")


def _group(sent: _Payload) -> str:
    group = sent.get("cycle") or sent.get("aggregate")
    if group:
        return text.name(group)
    if sent.get("monitor"):
        return text.name(f"{sent.get('monitor')}:{sent.get('scope') or ''}")
    sent.notes.append("no cycle key, aggregation key or monitor id: grouped by title")
    prefix = _PREFIX.match(sent.get("title") or "")
    return text.name(f"{(prefix['scope'] if prefix else None) or ''}:{_title(sent)}")


def _title(sent: _Payload) -> str:
    title = sent.get("title") or f"Datadog alert {sent.get('monitor') or sent.get('id') or ''}"
    return text.line(_PREFIX.sub("", title, count=1) if _PREFIX.match(title) else title) or text.line(title)


def _fired_at(sent: _Payload) -> datetime:
    said, updated = sent.get("date"), sent.get("updated")
    if said is not None:
        return parse_time(said, field="date")
    with suppress(InputError):
        if updated is not None:
            return parse_time(updated, field="last_updated")
    sent.notes.append("no date: taken to have fired when it was received")
    return now()


def _service(sent: _Payload) -> str:
    for said in (sent.get("service"), sent.tags.get("service"), sent.scope.get("service"), _mentioned(sent, "service")):
        if said:
            first, *others = [part.strip() for part in said.split(",") if part.strip()] or [said]
            if others:
                sent.notes.append(f"several services named; took the first of {', '.join((first, *others))}")
            return text.name(first)
    host = sent.get("host") or sent.tags.get("host") or sent.scope.get("host")
    if host:
        sent.notes.append("no service named: taken to be about the host")
        return text.name(host)
    sent.notes.append("no service named: tag the monitor with service:NAME, or add $TAGS[service] to the payload")
    return text.UNKNOWN_SERVICE


def _environment(sent: _Payload) -> str | None:
    said = sent.get("environment") or sent.tags.get("env") or sent.tags.get("environment")
    said = said or sent.scope.get("env") or _mentioned(sent, "env")
    return text.name(said)[:128] if said else None


def _mentioned(sent: _Payload, tag: str) -> str | None:
    """``tag:value`` in the title's scope or the query; a negated, wildcard or templated one says nothing."""
    pattern = re.compile(rf"""(?:^|[{{(,\s"']){tag}:([^\s,{{}}()"'*$]+)(?=[\s,}})"']|$)""")
    for where in (sent.get("title"), sent.get("query")):
        found = pattern.search(where or "")
        if found:
            return found[1]
    return None


def _metric(sent: _Payload) -> str | None:
    said = sent.get("metric")
    if said is None:
        found = _QUERY_METRIC.search(sent.get("query") or "")
        said = found[1] if found else None
    return text.name(said) if said else None


def _threshold(sent: _Payload) -> float | None:
    # The status first: it quotes the warning threshold on a warning, where the query holds the critical one.
    status = _found(_STATUS_THRESHOLD, sent.get("status"))
    return status if status is not None else _found(_QUERY_THRESHOLD, sent.get("query"))


def _found(pattern: re.Pattern[str], where: str | None) -> float | None:
    found = pattern.search(where or "")
    return parse_number(found[1]) if found else None
