"""How bad it is, and how far it reaches."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from data.domain import AlertLevel, BlastRadius, Severity
from data.impact import Impact, ImpactTerm
from data.reports import Report
from data.telemetry import Metrics, SeriesKey, to_datetime64
from data.topology import ServiceGraph
from models.base import Finding
from models.indicators import Kind, kind_of, words_of
from models.sentences import MetricBlock
from models.severity import shipped

# At this many spreads an entity is as likely well as ill: among a dozen series three spreads are not rare.
_EVEN = 4.0

# Declared weights, in log-odds of one step of severity over the next lower one. The burn rates are those of the Site
# Reliability Workbook, chapter 5: 14.4 and 6 page somebody, 1 opens a ticket.
ANOMALY_WEIGHT = 2.0
REACH_WEIGHT = 0.4
BURN_WEIGHTS = ((14.4, 1.5), (6.0, 1.0), (1.0, 0.3))
CALM_WEIGHT = -0.5
BUDGET_DAYS = 30.0
PERCENT_WORDS = frozenset({"%", "percent", "pct", "percentage"})
SHARE_WORDS = frozenset({"ratio", "share", "fraction", "rate"})
USER_WORDS = frozenset({"users", "user", "sessions", "visitors", "customers"})


def anomaly_score(service: str, blocks: Sequence[MetricBlock], findings: Sequence[Finding]) -> float:
    """In [0, 1]: how abnormal the entity looks in its own telemetry; 0 where it has none."""
    worst = max((float(b.scores.harm[i]) for b in blocks for i, k in enumerate(b.scores.keys) if k.service == service),
                default=0.0)  # fmt: skip
    worst = max([worst, *(f.score for f in findings if f.service == service)])
    return float(worst**2 / (worst**2 + _EVEN**2))


def severity_of(score: float, level: AlertLevel) -> Severity:
    """The first rule: how loud the monitor was, and how abnormal its subject is."""
    if score > 0.85 and level is AlertLevel.error:
        return Severity.critical
    if score > 0.6 and level in (AlertLevel.error, AlertLevel.warning):
        return Severity.high
    return Severity.medium


def blast_radius(service: str, graph: ServiceGraph, symptomatic: Collection[str]) -> BlastRadius:
    """``service`` and everything that calls it, directly or not, near ones first."""
    distance = graph.upstream(service)
    reached = tuple(sorted(distance, key=lambda s: (distance[s], s)))
    return BlastRadius(services=reached, symptomatic=tuple(s for s in reached if s in symptomatic))


def symptomatic_services(blocks: Sequence[MetricBlock], findings: Sequence[Finding]) -> frozenset[str]:
    """Services that show something a monitor might have fired on."""
    shown = {b.scores.keys[i].service for b in blocks for i in np.flatnonzero(b.scores.harm > _EVEN)}
    return frozenset(shown | {f.service for f in findings if f.score > 1.0})


@dataclass(frozen=True)
class Measured:
    """What the telemetry says of an incident; None where it says nothing. ``failing`` is a share, in [0, 1]."""

    anomaly: float
    radius: BlastRadius
    failing: float | None = None
    users: float | None = None


def weigh_impact(report: Report, measured: Measured, *, objective: float) -> Impact:
    """How bad it is: what the text says, tilted by what was measured.

    Every term adds to the log-odds of one step of severity over the next lower one. The text's share was learned;
    the others are declared, for no public data holds both telemetry and how bad an incident was.

    Args:
        objective: the share that has to succeed, such as 0.999.
    """
    read = shipped().assess(report)
    burn_rate = None if measured.failing is None else measured.failing / (1.0 - objective)
    terms = measured_terms(measured, burn_rate)
    tilt = math.fsum(term.log_odds for term in terms)
    raised = {s: p * math.exp(tilt * s.rank) for s, p in read.probabilities.items()}
    whole = math.fsum(raised.values())
    probabilities = {s: p / whole for s, p in raised.items()}
    said = [ImpactTerm(text=f"{t.name!r} in the text", log_odds=t.log_odds, learned=True, of=t.of) for t in read.terms]
    return Impact(
        severity=max(Severity, key=lambda s: probabilities[s]) if terms else read.severity,
        probabilities=probabilities,
        anomaly_score=measured.anomaly,
        services=measured.radius.services,
        symptomatic=measured.radius.symptomatic,
        terms=(*terms, *said),
        users=measured.users,
        failing=measured.failing,
        burn_rate=burn_rate,
        budget_gone_h=BUDGET_DAYS * 24.0 / burn_rate if burn_rate else None,
    )


def measured_terms(measured: Measured, burn_rate: float | None) -> list[ImpactTerm]:
    """What was measured, as terms; what says nothing either way is left out."""
    others = len(measured.radius.symptomatic) - 1
    found = [(f"anomaly score {measured.anomaly:.2f} of its telemetry", ANOMALY_WEIGHT * (measured.anomaly - 0.5))]
    if others > 0:
        found.append(
            (
                f"{others} more service{'s' * (others != 1)} that depend on it show it",
                REACH_WEIGHT * math.log2(1 + others),
            )
        )
    if burn_rate is not None:
        weight = next((w for rate, w in BURN_WEIGHTS if burn_rate >= rate), CALM_WEIGHT)
        found.append((f"the error budget burns {burn_rate:.3g} times as fast as allowed", weight))
    return [ImpactTerm(text=text, log_odds=round(log_odds, 4)) for text, log_odds in found if log_odds]


def failing_share(service: str, metrics: Metrics, since: datetime) -> float | None:
    """The mean share that failed at ``service`` since an instant; the worst of the metrics that count it, if any.

    A "rate" beyond a whole counts failures, not a share of them, and is left out.
    """
    late = metrics.timestamps >= to_datetime64(since)
    shares = []
    for j, key in enumerate(metrics.keys):
        scale = _share_of(key)
        values = metrics.values[late, j]
        if key.service == service and scale and np.isfinite(values).any() and np.nanmax(metrics.values[:, j]) <= scale:
            share = float(np.nanmean(values)) / scale
            shares.append(1.0 - share if kind_of(key.metric, key.unit) is Kind.availability else share)
    return min(max(max(shares), 0.0), 1.0) if shares else None


def users_on(services: Collection[str], metrics: Metrics) -> float | None:
    """The last count of users or sessions on ``services``, the largest where several count; None where none does."""
    counts = []
    for j, key in enumerate(metrics.keys):
        known = metrics.values[np.isfinite(metrics.values[:, j]), j]
        if key.service in services and words_of(key.metric) & USER_WORDS and len(known):
            counts.append(float(known[-1]))
    return max(counts, default=None)


def _share_of(key: SeriesKey) -> float | None:
    """What a whole is in a metric that counts a share of failures or successes; None for any other metric."""
    if kind_of(key.metric, key.unit) not in (Kind.error, Kind.availability):
        return None
    words = words_of(key.metric) | {key.unit.lower()}
    if words & PERCENT_WORDS:
        return 100.0
    return 1.0 if words & SHARE_WORDS else None
