"""An opportunity as the nouns that the approval path knows: an alert, an incident, a diagnosis and a proposal."""

from __future__ import annotations

import hashlib
from datetime import datetime

from data.domain import (
    ADVICE_SOURCE,
    Alert,
    AlertLevel,
    BlastRadius,
    Candidate,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Incident,
    IncidentStatus,
    Severity,
)
from data.proposal import Proposal, ProposedSolution, Remedy, RootCauseAnalysis, Scale, ScaleDown, Tune
from data.topology import ServiceGraph
from models.optimize import Opportunity, OpportunityKind
from pipelines.optimize.savings import Saving
from remediation import wording
from remediation.choice import Choice
from remediation.text import plain

SYNTHESIZER = "optimize"
_SHRINKING = {OpportunityKind.oversized, OpportunityKind.idle}
_WHAT = {
    OpportunityKind.missing_index: "index",
    OpportunityKind.repeated_query: "query",
    OpportunityKind.small_pool: "pool",
    OpportunityKind.large_pool: "pool",
    OpportunityKind.small_cache: "cache",
}


def alert_of(opportunity: Opportunity, at: datetime, environment: str | None) -> Alert:
    """The notification that opens its incident. ``group`` is the same in every review that finds it again."""
    group = f"{ADVICE_SOURCE}/{opportunity.key}"
    return Alert(
        id=f"{group}/{at.isoformat()}",
        source=ADVICE_SOURCE,
        service=opportunity.service,
        title=f"{opportunity.service} could do better: {plain(opportunity.action, 160)}",
        fired_at=at,
        group=group,
        level=AlertLevel.info,
        environment=environment,
        tags={"optimisation": str(opportunity.kind)},
    )


def incident_of(alert: Alert, incident_id: str) -> Incident:
    """Low severity: nothing is wrong."""
    return Incident(
        id=incident_id,
        title=alert.title,
        service=alert.service,
        status=IncidentStatus.open,
        severity=Severity.low,
        opened_at=alert.fired_at,
        alerts=(alert,),
        environment=alert.environment,
    )


def diagnosis_of(opportunity: Opportunity, graph: ServiceGraph, at: datetime) -> Diagnosis:
    """What was seen and how sure it is, in the form every proposal rests on. No change is blamed or acquitted."""
    evidence = tuple(
        Evidence(
            id=f"o{number}",
            kind=EvidenceKind.span if fact.is_span else EvidenceKind.metric,
            summary=plain(fact.text, 400),
            source="review",
            service=opportunity.service,
            at=at,
            detail=fact.detail,
        )
        for number, fact in enumerate(opportunity.facts, 1)
    )
    ids = tuple(item.id for item in evidence)
    reached = (opportunity.service, *sorted(graph.callers(opportunity.service)))
    return Diagnosis(
        candidates=(Candidate(service=opportunity.service, probability=opportunity.confidence, evidence=ids),),
        changes=(),
        no_change_probability=0.0,
        severity=Severity.low,
        blast_radius=BlastRadius(services=reached),
        anomaly_score=0.0,
        evidence=evidence,
        unseen=opportunity.unknown,
        as_of=at,
    )


def proposal_of(opportunity: Opportunity, saving: Saving, diagnosis: Diagnosis, incident_id: str) -> Proposal:
    """The recommendation as a proposal: its remedy, what it rests on, what it saves and how sure that is."""
    ids = tuple(item.id for item in diagnosis.evidence)
    cited = " ".join(f"{item.summary} [{item.id}]." for item in diagnosis.evidence)
    remedy = remedy_of(opportunity)
    words = wording.of(Choice(remedy, str(opportunity.kind), opportunity.confidence, ids))
    held, of = opportunity.blocks
    is_loop = opportunity.kind is OpportunityKind.repeated_query
    win = f"Besides, {opportunity.effect}." if opportunity.effect else ""
    return Proposal(
        id="PROP-" + hashlib.sha256(f"{incident_id}\x1f{remedy.model_dump_json()}".encode()).hexdigest()[:12],
        incident_id=incident_id,
        synthesizer=SYNTHESIZER,
        remedy=remedy,
        root_cause_analysis=RootCauseAnalysis(
            summary=f"{_KINDS[opportunity.kind].format(service=plain(opportunity.service, 80))} [{ids[0]}].",
            details=f"What was seen: {cited}\nWhat could not be seen: {_sentences(opportunity.unknown)}",
            confidence_score=opportunity.confidence,
            factors_contributing=(
                f"it held in {held} of {of} {'requests' if is_loop else 'stretches of time'}; the probability is that "
                "the next one shows it too (Laplace's rule of succession), not that the remedy is right",
            ),
        ),
        proposed_solution=ProposedSolution(
            type=words.type,
            summary=f"{plain(opportunity.action, 300)}.",
            rollback_instructions=words.rollback,
            verification_steps=(words.check, f"The next review no longer lists this of {opportunity.service}."),
            estimated_impact=" ".join(filter(None, (f"{str(saving)[:1].upper()}{str(saving)[1:]}.", win))),
            risk_assessment=opportunity.risk,
            confidence_score=opportunity.confidence,
        ),
        additional_recommendations=(words.follow_up,),
    )


def remedy_of(opportunity: Opportunity) -> Remedy:
    """What guarded code, or a person, is to do."""
    service, reason = opportunity.service, plain(opportunity.action, 300)
    if opportunity.kind in _WHAT:
        return Tune(service=service, what=_WHAT[opportunity.kind], reason=reason)
    target = opportunity.target
    sizes: dict[str, float | int] = {}
    if opportunity.kind is OpportunityKind.idle:
        sizes["replicas"] = 0
    elif target is not None and target.replicas is not None:
        sizes["replicas"] = target.replicas[1]
    elif target is not None:
        pairs = {"cpu_cores": target.cpu_cores, "memory_mib": target.memory_mib}
        sizes |= {name: pair[1] for name, pair in pairs.items() if pair and pair[0] != pair[1]}
    kind = ScaleDown if opportunity.kind in _SHRINKING else Scale
    return kind.model_validate({"service": service, "reason": reason, **sizes})


_KINDS = {
    OpportunityKind.oversized: "{service} has more than its busiest hours need",
    OpportunityKind.undersized: "{service} has less than its busiest hours need",
    OpportunityKind.idle: "Nobody asks anything of {service}",
    OpportunityKind.missing_index: "A statement of {service} looks as though it lacks an index",
    OpportunityKind.repeated_query: "{service} asks for rows one at a time",
    OpportunityKind.small_pool: "The connection pool of {service} is full in its busiest hours",
    OpportunityKind.large_pool: "The connection pool of {service} is hardly used",
    OpportunityKind.small_cache: "The cache of {service} evicts what is asked for again",
}


def _sentences(found: tuple[str, ...]) -> str:
    return " ".join(f"{plain(text, 300)}." for text in found) or "nothing is known to be missing."
