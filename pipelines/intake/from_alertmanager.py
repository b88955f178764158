"""Prometheus Alertmanager's webhook, and what speaks its format (Grafana alerting, Mimir, VictoriaMetrics).

The format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from data.domain import Alert, AlertLevel, AlertStatus, now
from data.errors import InputError
from data.parse import parse_number, parse_time
from pipelines.intake import text

# Labels that name a service, surest first. ``job`` names a scrape configuration, which often is the service.
_SERVICE_LABELS = ("service", "service_name", "app", "application", "app_kubernetes_io_name", "deployment", "job")
_ENVIRONMENT_LABELS = ("env", "environment", "deployment_environment")
_LEVELS = {
    **dict.fromkeys(("critical", "error", "page", "high", "emergency", "fatal"), AlertLevel.error),
    **dict.fromkeys(("warning", "warn", "medium"), AlertLevel.warning),
    **dict.fromkeys(("info", "informational", "low", "none", "notice"), AlertLevel.info),
}
_COMPARISON = re.compile(r"(?:>=|<=|==|>|<)\s*(?:bool\s+)?(-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)\s*$")
_PLAIN_METRIC = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]{0,199})\s*(?:\{[^}]*\})?\s*(?:>=|<=|==|>|<)")
_HELD = frozenset({"status", "labels", "generatorURL"})


def alertmanager(payload: Mapping[str, Any]) -> list[Alert]:
    """The alerts in one Alertmanager notification, in its order.

    The group is the fingerprint and start: the same until it is resolved, new when it fires again. A repeated
    notification of an alert that still fires is the same alert.

    Raises:
        InputError: naming the field, if there is no alert in it, or a field cannot be read.
    """
    if not isinstance(payload, Mapping):
        raise InputError("must be a JSON object as Alertmanager's webhook_config sends it", field="payload")
    alerts = payload.get("alerts")
    if not isinstance(alerts, list) or not alerts:
        raise InputError("must be a list of at least one alert; use Alertmanager's own webhook payload", field="alerts")
    common = {k: v for k, v in payload.items() if k in ("receiver", "groupKey", "externalURL", "truncatedAlerts") and v}
    return [_alert(item, text.tidy(common), f"alerts.{position}") for position, item in enumerate(alerts)]


def _alert(item: Any, common: dict[str, Any], where: str) -> Alert:
    if not isinstance(item, Mapping):
        raise InputError("must be an object with labels, status and startsAt", field=where)
    labels = _texts(item.get("labels"), f"{where}.labels")
    annotations = _texts(item.get("annotations"), f"{where}.annotations")
    if not item.get("labels"):
        raise InputError("is empty; an alert without labels is about nothing", field=f"{where}.labels")
    notes: list[str] = []
    status = _status(item.get("status"), f"{where}.status")
    started = _time(item.get("startsAt"), f"{where}.startsAt", notes)
    fingerprint = text.name(text.scalar(item.get("fingerprint"), field=f"{where}.fingerprint") or "") or _digest(labels)
    link = text.scalar(item.get("generatorURL"), field=f"{where}.generatorURL")
    expression = _expression(link)
    extra = {k: v for k, v in item.items() if k not in _HELD and v}
    group = text.name(f"{fingerprint}@{_start(item, started)}")
    return Alert(
        id=group,
        source="alertmanager",
        service=_service(labels, notes),
        title=text.line(
            annotations.get("summary") or annotations.get("title") or labels.get("alertname") or fingerprint
        ),
        fired_at=_ended(item.get("endsAt"), started) if status is AlertStatus.resolved else started,
        group=group,
        status=status,
        level=_level(labels, notes),
        metric=_plain_metric(expression),
        value=parse_number(annotations.get("value")),
        threshold=_threshold(expression),
        environment=_first(labels, _ENVIRONMENT_LABELS, 128),
        tags=labels,
        link=text.clean(link or "") or None,
        extra={**text.tidy(extra), **common, **({"intake_notes": notes} if notes else {})},
    )


def _texts(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError("must be an object of texts", field=where)
    texts = {text.name(str(k)): text.scalar(v, field=f"{where}.{text.line(str(k), 80)}") for k, v in value.items()}
    return {k: text.clean(v) for k, v in texts.items() if k and v}


def _status(value: Any, where: str) -> AlertStatus:
    said = text.scalar(value, field=where)
    if said is None:
        return AlertStatus.firing
    try:
        return AlertStatus(said)
    except ValueError as error:
        raise InputError(f"{text.line(said, 40)!r} is neither firing nor resolved", field=where) from error


def _time(value: Any, where: str, notes: list[str]) -> datetime:
    said = text.scalar(value, field=where)
    if not said:
        notes.append("no startsAt: taken to have fired when it was received")
        return now()
    return parse_time(said, field=where)


def _start(item: Mapping[str, Any], started: datetime) -> str:
    # Without a start, only the fingerprint can say that a repeat is the same alert.
    return started.isoformat() if item.get("startsAt") else ""


def _ended(value: Any, started: datetime) -> datetime:
    """When it was resolved; Alertmanager writes the year 1 where it does not know."""
    try:
        return parse_time(value, field="endsAt")
    except InputError:
        return started


def _digest(labels: Mapping[str, str]) -> str:
    joined = "\x1f".join(f"{k}\x1e{v}" for k, v in sorted(labels.items()))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]


def _first(labels: Mapping[str, str], wanted: tuple[str, ...], limit: int = text.NAME_CHARACTERS) -> str | None:
    return next((text.name(labels[label])[:limit] for label in wanted if labels.get(label)), None)


def _service(labels: Mapping[str, str], notes: list[str]) -> str:
    service = _first(labels, _SERVICE_LABELS)
    if service:
        return service
    instance = _first(labels, ("instance", "node", "host"))
    if instance:
        notes.append("no service label: taken to be about the instance")
        return re.sub(r":\d+$", "", instance)
    notes.append("no service label: add a label service=NAME to the alerting rule")
    return text.UNKNOWN_SERVICE


def _level(labels: Mapping[str, str], notes: list[str]) -> AlertLevel:
    said = labels.get("severity", "").lower()
    if said not in _LEVELS:
        notes.append("no severity label we know (critical, warning, info): taken to be an error")
    return _LEVELS.get(said, AlertLevel.error)


def _expression(link: str | None) -> str:
    """The alerting rule's expression, which Prometheus puts into the link it gives."""
    try:
        return parse_qs(urlsplit(link or "").query).get("g0.expr", [""])[0]
    except ValueError:  # more fields than urllib will read, or a bracket in the host
        return ""


def _plain_metric(expression: str) -> str | None:
    found = _PLAIN_METRIC.match(expression)
    return found[1] if found else None


def _threshold(expression: str) -> float | None:
    found = _COMPARISON.search(expression)
    return parse_number(found[1]) if found else None
