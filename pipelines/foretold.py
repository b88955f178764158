"""What is foretold becomes an alert once, and its recovery when it has become unlikely.

Such an alert goes through the same flow as any other, tagged ``proactive``; it is a warning, for nobody suffers yet.
Nothing is remembered here: what is firing is read from the incidents, so a restart neither repeats nor forgets one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from data.domain import Alert, AlertLevel, AlertStatus, IncidentStatus
from data.store import Store
from data.telemetry import SeriesKey

SOURCE = "forecast"


@dataclass(frozen=True)
class Foretold:
    """What is to be expected of one thing.

    Attributes:
        key: what it is about; one alert at a time is raised about it.
        is_likely, is_unlikely: whether to raise an alert, and whether to call one off; in between nothing is done.
        title: the alert's; ``calm`` is that of its recovery.
        extra: what the prediction rests on, for people to check.
    """

    key: SeriesKey
    is_likely: bool
    is_unlikely: bool
    title: str
    calm: str
    threshold: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def tell(
    store: Store, handle: Callable[[str], None], environment: str | None, found: Iterable[Foretold], as_of: datetime
) -> list[Alert]:
    """Raise an alert for what is likely and not yet told, and call off what no longer is; returns what was raised."""
    firing = {_key_of(alert): alert for alert in _firing(store, environment)}
    raised: list[Alert] = []
    for foretold in found:
        known = firing.get(foretold.key)
        if known is not None and foretold.is_unlikely:
            raised.append(_called_off(known, as_of, foretold))
        elif known is None and foretold.is_likely:
            raised.append(_alert(foretold, as_of, environment))
    for receipt in store.receive([(alert, "") for alert in raised]):
        handle(receipt.key)
    return raised


def _alert(foretold: Foretold, as_of: datetime, environment: str | None) -> Alert:
    key = foretold.key
    group = f"{key.service}/{key.metric}/{key.instance}/{as_of.isoformat()}"
    return Alert(
        id=group,
        source=SOURCE,
        service=key.service,
        title=foretold.title,
        fired_at=as_of,
        group=group,
        level=AlertLevel.warning,
        metric=key.metric,
        threshold=foretold.threshold,
        environment=environment,
        tags={"proactive": "true"},
        extra={"instance": key.instance, "unit": key.unit, **foretold.extra},
    )


def _called_off(alert: Alert, at: datetime, foretold: Foretold) -> Alert:
    """The notification that ends ``alert``: what it foretold has become unlikely."""
    return alert.model_copy(update={"status": AlertStatus.resolved, "fired_at": at, "title": foretold.calm})


def _firing(store: Store, environment: str | None) -> list[Alert]:
    """What was foretold in this environment and has neither come nor been called off."""
    alerts: dict[str, Alert] = {}
    for incident in store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}):
        if incident.environment == environment:
            alerts |= {alert.group: alert for alert in incident.alerts if alert.source == SOURCE}
    return [alert for alert in alerts.values() if alert.status is AlertStatus.firing]


def _key_of(alert: Alert) -> SeriesKey:
    return SeriesKey(alert.service, alert.metric or "", alert.extra.get("instance", ""), alert.extra.get("unit", ""))
