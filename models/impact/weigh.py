"""How bad it is, in one answer: what the text says, tilted by what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from data.domain import BlastRadius, Severity
from data.impact import Impact, ImpactTerm
from data.reports import Report
from models.severity import shipped

# Declared weights, in log-odds of one step of severity over the next lower one. The burn rates are those of the Site
# Reliability Workbook, chapter 5: 14.4 and 6 page somebody, 1 opens a ticket.
ANOMALY_WEIGHT = 2.0
REACH_WEIGHT = 0.4
BURN_WEIGHTS = ((14.4, 1.5), (6.0, 1.0), (1.0, 0.3))
CALM_WEIGHT = -0.5
BUDGET_DAYS = 30.0


@dataclass(frozen=True)
class Measured:
    """What the telemetry says of an incident; None where it says nothing.

    Attributes:
        failing: the share that fails at the alerting service, in [0, 1].
        slower: how many times as long the alerting service takes as before.
        doors: the share of the services users meet that it reaches, in [0, 1].
        door_failing, door_slower: the same as ``failing`` and ``slower``, of the worst of those services.
    """

    anomaly: float
    radius: BlastRadius
    failing: float | None = None
    users: float | None = None
    slower: float | None = None
    doors: float | None = None
    door_failing: float | None = None
    door_slower: float | None = None


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
