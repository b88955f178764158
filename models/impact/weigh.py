"""How bad it is, in one answer: what the text says, tilted by what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping

from data.domain import Severity
from data.impact import Impact, ImpactTerm
from data.reports import Report
from models.impact.learned import Measured, shipped_weights, tilted
from models.severity import shipped
from models.severity.model import LEVEL, Level

BUDGET_DAYS = 30.0


def weigh_impact(report: Report, measured: Measured, *, objective: float) -> Impact:
    """How bad it is: what the text says, tilted by what was measured.

    Every term of what was measured adds to the log-odds of one step of severity over the next lower one.

    Args:
        objective: the share that has to succeed, such as 0.999.
    """
    read, weights = shipped().assess(report), shipped_weights()
    terms = weights.terms(measured)
    tilt = math.fsum(term.log_odds for term in terms)
    probabilities = tilted(_split(read.probabilities, weights.usual), tilt)
    burn_rate = None if measured.failing is None else measured.failing / (1.0 - objective)
    said = [ImpactTerm(text=f"{t.name!r} in the text", log_odds=t.log_odds, learned=True, of=t.of) for t in read.terms]
    return Impact(
        severity=max(Severity, key=lambda s: probabilities[s]),
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


def _split(told: Mapping[Severity, float], usual: Mapping[Severity, float]) -> dict[Severity, float]:
    """What the text says of the worst two together, shared out as they usually are.

    Text does not tell them apart: alerting rules know no "high", and status pages hardly a "critical". What was
    measured does.
    """
    worst = [severity for severity in Severity if LEVEL[severity] is Level.worst]
    mass, whole = math.fsum(told[s] for s in worst), math.fsum(usual[s] for s in worst)
    return {s: mass * usual[s] / whole if s in worst else p for s, p in told.items()}
