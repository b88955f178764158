"""Keep watch: telemetry that leaves its usual range becomes an alert, and its return becomes that alert's recovery.

The watch speaks the same language as any monitor: it stores alerts and hands them to the flow. It remembers
nothing itself. What is firing is read from the open incidents, so a restart neither repeats nor forgets an alert.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.domain import Alert, AlertStatus, IncidentStatus
from data.sources import Request, Source
from data.store import Store
from data.telemetry import Metrics, SeriesKey
from models.detect import Breach, detect_lasting, has_recovered
from pipelines.calm import calm_metrics, episodes
from pipelines.collect import gather

SOURCE = "watch"
HISTORY = timedelta(minutes=10)
# A service that fires already alerts once more when something there has moved so many times as far: what fired first
# may have been a false alarm, and would swallow what comes after it.
WORSE = 3.0


@dataclass(frozen=True)
class Watch:
    """Looks at the sources; raises at most one new alert a look.

    One at a time, because the first alert's investigation learns who calls whom, and only then can the next be
    told to belong to the same incident.
    """

    sources: Sequence[Source]
    store: Store
    handle: Callable[[str], None]
    environment: str | None
    deadline_s: float

    def look(self, as_of: datetime) -> list[Alert]:
        """One look; returns the alerts and recoveries it raised."""
        request = Request(alert=None, start=as_of - HISTORY, as_of=as_of, metrics_only=True)
        metrics = gather(request, self.sources, deadline_s=self.deadline_s).metrics
        firing = self._firing()
        raised = [recovery(alert, as_of) for alert in firing if _is_over(alert, metrics, as_of)]
        # One alert a service: a second symptom of what is firing already tells nobody anything, unless it is far worse.
        known = _worst(firing)
        past = episodes(self.store, self.environment, since=request.start, before=as_of)
        breaches = detect_lasting(calm_metrics(metrics, past), as_of=as_of)
        fresh = [b for b in breaches if b.score >= WORSE * known.get(b.key.service, 0.0)]
        if fresh and not self._is_settling():
            raised.append(alert_about(fresh[0], as_of, self.environment))
        for receipt in self.store.receive([(alert, "") for alert in raised]):
            self.handle(receipt.key)
        return raised

    def _firing(self) -> list[Alert]:
        """What the watch itself raised and has not yet seen recover."""
        alerts: dict[str, Alert] = {}
        for incident in self.store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}):
            alerts |= {alert.group: alert for alert in incident.alerts if alert.source == SOURCE}
        return [alert for alert in alerts.values() if alert.status is AlertStatus.firing]

    def _is_settling(self) -> bool:
        """Whether an incident is still being investigated: its alerts' neighbours are not yet known."""
        unsettled = (IncidentStatus.open, IncidentStatus.investigating)
        return self.store.backlog() > 0 or bool(self.store.incidents(unsettled))


def alert_about(breach: Breach, at: datetime, environment: str | None) -> Alert:
    """The notification that a series has left its usual range."""
    key = breach.key
    group = f"{key.service}/{key.metric}/{key.instance}/{at.isoformat()}"
    usual, unit = f"{breach.usual:.3g}", f" {key.unit}" if key.unit else ""
    return Alert(
        id=group,
        source=SOURCE,
        service=key.service,
        title=f"{key.service} {key.metric} is {breach.now:.3g}{unit}, usually {usual}{unit}",
        fired_at=at,
        group=group,
        metric=key.metric,
        value=breach.now,
        threshold=breach.limit,
        environment=environment,
        extra={"instance": key.instance, "unit": key.unit, "usual": breach.usual, "rises": breach.rises,
               "score": breach.score},
    )  # fmt: skip


def recovery(alert: Alert, at: datetime) -> Alert:
    """The notification that ends ``alert``."""
    return alert.model_copy(
        update={"status": AlertStatus.resolved, "fired_at": at, "title": f"{alert.service} {alert.metric} is as usual"}
    )


def _worst(firing: Sequence[Alert]) -> dict[str, float]:
    """How far, in ordinary variations, the worst that fires of each service had moved when it alerted."""
    worst: dict[str, float] = {}
    for alert in firing:
        worst[alert.service] = max(worst.get(alert.service, 0.0), float(alert.extra.get("score", math.inf)))
    return worst


def _is_over(alert: Alert, metrics: Metrics, as_of: datetime) -> bool:
    if alert.metric is None or alert.threshold is None:
        return False
    key = SeriesKey(alert.service, alert.metric, alert.extra.get("instance", ""), alert.extra.get("unit", ""))
    rises = bool(alert.extra.get("rises", True))
    return has_recovered(metrics, key, limit=alert.threshold, rises=rises, as_of=as_of)
