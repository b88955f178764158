"""Look ahead: a series that is likely to reach its limit becomes an alert before it does.

Such an alert goes through the same flow as any other, tagged ``proactive``; it is a warning, for nobody suffers yet.
It carries the probability, the expected time, and how often such predictions were wrong. Once the breach is no longer
likely the alert recovers. Like the watch, this remembers nothing itself: what is firing is read from the incidents.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.datasets.series import usual_step
from data.domain import Alert, AlertLevel, AlertStatus, IncidentStatus, now
from data.errors import ConfigError, InputError
from data.sources import Request, Source
from data.store import Store
from data.telemetry import Metrics, SeriesKey
from models.indicators import Kind, kind_of
from pipelines.collect import gather
from pipelines.forecast import Clocked, Outlook, Span, look_ahead

log = logging.getLogger(__name__)

SOURCE = "forecast"
RAISED_FROM, OVER_BELOW = 0.5, 0.2
# With fewer rows nothing is known of how it usually goes.
LEAST_ROWS = 30
# What can be full has a limit by nature; nearly full is late enough.
FILLS_UP = frozenset({Kind.disk, Kind.memory, Kind.saturation, Kind.pool})
PERCENT_UNITS, SHARE_UNITS = frozenset({"%", "percent", "pct"}), frozenset({"ratio", "share", "fraction"})
NEARLY_FULL = 0.95


@dataclass(frozen=True)
class Limit:
    """What must not be reached. ``service`` and ``metric`` may hold ``*`` and ``?``."""

    metric: str
    threshold: float
    service: str = "*"
    above: bool = True
    horizon: Span | None = None

    def covers(self, key: SeriesKey) -> bool:
        return fnmatchcase(key.service, self.service) and fnmatchcase(key.metric, self.metric)


@dataclass(frozen=True)
class Lookout:
    """Looks ahead over all services of one environment every ``every_s`` seconds.

    ``limits`` come first; what none covers has a limit only if it is a share or percentage of something that fills up.
    """

    sources: Sequence[Source]
    store: Store
    handle: Callable[[str], None]
    environment: str | None
    every_s: float
    deadline_s: float
    horizon: timedelta
    history: timedelta
    limits: Sequence[Limit] = ()

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set. A look that fails is logged, and the next one is made all the same."""
        while not stop.wait(self.every_s):
            try:
                self.look(now())
            except Exception:
                log.exception("could not look ahead; trying again in %g s", self.every_s)

    def look(self, as_of: datetime) -> list[Alert]:
        """One look over every series that has a limit; returns the alerts and recoveries it raised."""
        request = Request(alert=None, start=as_of - self.history, as_of=as_of)
        metrics = gather(request, self.sources, deadline_s=self.deadline_s).metrics
        firing = {_series_of(alert): alert for alert in self._firing()}
        raised: list[Alert] = []
        for key, outlook in self.outlooks(metrics):
            known = firing.get(key)
            if known is not None and outlook.prediction.probability < OVER_BELOW:
                raised.append(called_off(known, as_of, outlook))
            elif known is None and outlook.prediction.probability >= RAISED_FROM and not outlook.prediction.breaching:
                raised.append(self._alert(key, outlook, as_of))
        for receipt in self.store.receive([(alert, "") for alert in raised]):
            self.handle(receipt.key)
        return raised

    def outlooks(self, metrics: Metrics) -> Iterator[tuple[SeriesKey, Outlook]]:
        """What is to be expected of every series that has a limit and enough history."""
        step = usual_step(metrics.timestamps)
        for j, key in enumerate(metrics.keys):
            limit = self._limit_of(key)
            values = metrics.values[:, j]
            if limit is None or step is None or np.isfinite(values).sum() < LEAST_ROWS:
                continue
            column = Clocked(key.metric, values, step, None)
            horizon = limit.horizon or Span(seconds=self.horizon.total_seconds())
            yield key, look_ahead(column, threshold=limit.threshold, horizon=horizon, above=limit.above)

    def _limit_of(self, key: SeriesKey) -> Limit | None:
        return next((limit for limit in self.limits if limit.covers(key)), None) or natural_limit(key)

    def _alert(self, key: SeriesKey, outlook: Outlook, as_of: datetime) -> Alert:
        group = f"{key.service}/{key.metric}/{key.instance}/{as_of.isoformat()}"
        prediction, question = outlook.prediction, outlook.question
        unit = f" {key.unit}" if key.unit else ""
        when = f" in about {outlook.lead_s / 60:.0f} min" if outlook.lead_s else ""
        direction = "reach" if question.above else "fall to"
        return Alert(
            id=group,
            source=SOURCE,
            service=key.service,
            title=f"{key.service} {key.metric} is likely ({prediction.probability:.0%}) to {direction} "
            f"{question.threshold:g}{unit}{when}",
            fired_at=as_of,
            group=group,
            level=AlertLevel.warning,
            metric=key.metric,
            threshold=question.threshold,
            environment=self.environment,
            tags={"proactive": "true"},
            extra={"instance": key.instance, "unit": key.unit, **_foretold(outlook)},
        )

    def _firing(self) -> list[Alert]:
        """What was foretold in this environment and has neither come nor been called off."""
        alerts: dict[str, Alert] = {}
        for incident in self.store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}):
            if incident.environment == self.environment:
                alerts |= {alert.group: alert for alert in incident.alerts if alert.source == SOURCE}
        return [alert for alert in alerts.values() if alert.status is AlertStatus.firing]


def natural_limit(key: SeriesKey) -> Limit | None:
    """The limit of what fills up and is measured as a share of the whole, whatever it is called."""
    if kind_of(key.metric, key.unit) not in FILLS_UP:
        return None
    words = set(key.metric.lower().replace("-", "_").split("_")) | {key.unit.lower()}
    if words & {"free", "available", "idle"}:
        return None
    if words & PERCENT_UNITS:
        return Limit(key.metric, 100 * NEARLY_FULL)
    return Limit(key.metric, NEARLY_FULL) if words & SHARE_UNITS else None


def called_off(alert: Alert, at: datetime, outlook: Outlook) -> Alert:
    """The notification that ends ``alert``: what it foretold has become unlikely."""
    title = f"{alert.service} {alert.metric} is no longer likely to breach ({outlook.prediction.probability:.0%})"
    return alert.model_copy(update={"status": AlertStatus.resolved, "fired_at": at, "title": title})


def read_limits(path: Path) -> tuple[Limit, ...]:
    """Limits from a YAML list of ``metric``, ``threshold``, and optional ``service``, ``below`` and ``horizon``.

    Raises:
        ConfigError: naming the entry and what is wrong with it.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"QAI_PREDICT_LIMITS: {path} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise ConfigError(f"QAI_PREDICT_LIMITS: {path} must hold a list of limits, each with metric and threshold")
    return tuple(_limit(entry, f"QAI_PREDICT_LIMITS: {path}, entry {n}") for n, entry in enumerate(entries, 1))


def _limit(entry: Any, where: str) -> Limit:
    known = {"metric", "threshold", "service", "below", "horizon"}
    if not isinstance(entry, dict) or not {"metric", "threshold"} <= set(entry) <= known:
        raise ConfigError(f"{where}: needs metric and threshold, and may have service, below and horizon")
    try:
        horizon = Span.parse(str(entry["horizon"]), field="horizon") if "horizon" in entry else None
        threshold = float(entry["threshold"])
    except (InputError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error
    above = not entry.get("below", False)
    return Limit(str(entry["metric"]), threshold, str(entry.get("service", "*")), above, horizon)


def _series_of(alert: Alert) -> SeriesKey:
    return SeriesKey(alert.service, alert.metric or "", alert.extra.get("instance", ""), alert.extra.get("unit", ""))


def _foretold(outlook: Outlook) -> dict[str, Any]:
    """What the prediction rests on, for people to check."""
    prediction = outlook.prediction
    history = {name: value for name, value in vars(prediction.history).items() if value is not None}
    found: dict[str, Any] = {
        "probability": round(prediction.probability, 3),
        "lead_s": outlook.lead_s,
        "told_by": prediction.told_by,
        "history": history,
    }
    if prediction.elsewhere is not None:
        found["elsewhere"] = vars(prediction.elsewhere)
    return found
