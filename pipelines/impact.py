"""How bad an incident is, once its telemetry has been looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from data.domain import Alert, Diagnosis, Severity
from data.impact import Impact
from data.reports import Report
from data.telemetry import Metrics, Telemetry
from models.impact import Measured, doors_of, failing_share, slowdown, users_on, weigh_impact
from models.traces import join_spans


def impact_of(alert: Alert, telemetry: Telemetry, diagnosis: Diagnosis, *, objective: float) -> Impact:
    """What ``alert`` says and what the telemetry shows, in one answer.

    Args:
        objective: the share that has to succeed, such as 0.999.
    """
    return weigh_impact(Report.of(alert), measure(alert, telemetry, diagnosis), objective=objective)


def measure(alert: Alert, telemetry: Telemetry, diagnosis: Diagnosis) -> Measured:
    """What the metrics and the graph say of how bad it is; nothing later than the diagnosis is looked at.

    Spans are not counted: whoever samples them keeps those that failed or were slow rather than others.
    """
    since = diagnosis.onset or alert.fired_at
    seen = telemetry.before(diagnosis.as_of)
    graph = seen.graph.merged(join_spans(seen.spans, seen.services).graph)
    reached = diagnosis.blast_radius.services
    doors = doors_of(graph)
    met = sorted(doors.intersection((*reached, alert.service)))
    return Measured(
        anomaly=diagnosis.anomaly_score,
        radius=diagnosis.blast_radius,
        failing=failing_share(alert.service, seen.metrics, since),
        users=users_on(reached, seen.metrics),
        slower=slowdown(alert.service, seen.metrics, since),
        doors=(len(met), len(doors)) if doors else None,
        door_failing=_worst(failing_share, met, seen.metrics, since),
        door_slower=_worst(slowdown, met, seen.metrics, since),
    )


def severity_with(impact: Impact, diagnosis: Diagnosis) -> Severity:
    """What the incident is held to be: what the text and the error budget tell may make it worse, never better."""
    return max(diagnosis.severity, impact.severity, key=lambda found: found.rank)


def in_words(impact: Impact) -> str:
    """One line for the timeline; the terms are kept with it."""
    chances = ", ".join(f"{severity.value} {p:.0%}" for severity, p in impact.probabilities.items() if p >= 0.005)
    parts = [f"impact looks {impact.severity.value} ({chances})"]
    if impact.burn_rate is not None:
        parts.append(f"{impact.failing:.1%} fail, {impact.burn_rate:.3g} times what the error budget allows")
    if impact.users is not None:
        parts.append(f"{impact.users:g} users are on the services it reaches")
    return "; ".join(parts)


def _worst(
    tell: Callable[[str, Metrics, datetime], float | None], services: Sequence[str], metrics: Metrics, since: datetime
) -> float | None:
    found = (tell(service, metrics, since) for service in services)
    return max((figure for figure in found if figure is not None), default=None)
