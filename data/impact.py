"""What an incident does to people: how bad, how far, and how fast it uses up what may go wrong."""

from __future__ import annotations

from data.domain import Noun, Probability, Severity


class ImpactTerm(Noun):
    """One thing that was weighed.

    Attributes:
        log_odds: how much likelier it makes each severity than the next lower one; where ``of`` names a severity, how
            much it speaks for that one alone.
        learned: from data, or else a declared weight (docs/impact.md).
        of: which severity it speaks for; empty for whatever was measured.
    """

    text: str
    log_odds: float
    learned: bool = False
    of: str = ""


class Impact(Noun):
    """How bad an incident is, with every term of the answer.

    Attributes:
        probabilities: of each severity; they sum to one.
        services: what calls the suspected cause, and itself.
        symptomatic: those of them that show it.
        users: how many the telemetry says are on those services; None where nothing counts them.
        failing: the share that failed since it began, at the alerting service; None where nothing counts it.
        burn_rate: how many times faster than allowed the error budget is being spent; None where unknown.
        budget_gone_h: hours until a whole budget of 30 days is used up at that rate; None where it is not being spent.
    """

    severity: Severity
    probabilities: dict[Severity, Probability]
    anomaly_score: Probability
    services: tuple[str, ...]
    symptomatic: tuple[str, ...]
    terms: tuple[ImpactTerm, ...]
    users: float | None = None
    failing: float | None = None
    burn_rate: float | None = None
    budget_gone_h: float | None = None
