"""How bad an incident is, once its telemetry has been looked at."""

from __future__ import annotations

from data.domain import Alert, Diagnosis, Severity
from data.impact import Impact
from data.reports import Report
from data.telemetry import Telemetry
from models.impact import Measured, failing_share, users_on, weigh_impact


def impact_of(alert: Alert, telemetry: Telemetry, diagnosis: Diagnosis, *, objective: float) -> Impact:
    """What ``alert`` says and what the telemetry shows, in one answer.

    Args:
        objective: the share that has to succeed, such as 0.999.
    """
    since = diagnosis.onset or alert.fired_at
    seen = telemetry.before(diagnosis.as_of)
    measured = Measured(
        anomaly=diagnosis.anomaly_score,
        radius=diagnosis.blast_radius,
        failing=failing_share(alert.service, seen.metrics, since),
        users=users_on(diagnosis.blast_radius.services, seen.metrics),
    )
    return weigh_impact(Report.of(alert), measured, objective=objective)


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
