"""Put advice to people: an incident of low severity each, through the same flow as any other fix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from data.domain import Incident, IncidentStatus, now
from data.excerpt import ChangeExcerpt, Topology
from data.sources.bundle import write_bundle
from data.store import new_incident_id
from data.telemetry import Telemetry
from pipelines.casefile import CaseFiles
from pipelines.optimize.proposals import alert_of, diagnosis_of, incident_of, proposal_of
from pipelines.optimize.review import Advice, Review

# What somebody closed is not brought up again before this.
QUIET = timedelta(days=30)


def offer(
    review: Review,
    files: CaseFiles,
    begin: Callable[[str], None],
    environment: str | None = None,
) -> tuple[str, ...]:
    """Open an incident for each advice that has none yet; returns the ids of those opened.

    The diagnosis and the proposal are kept with the incident, so that the flow that ``begin`` starts
    (:func:`pipelines.respond.respond`) finds them made and goes on to ask the policy, and then a person. What nobody
    can carry out by code is escalated to a person there, as every such fix is.
    """
    opened = []
    for advice in review.advice:
        incident_id = _open(advice, review, files, environment)
        if incident_id is not None:
            opened.append(incident_id)
            begin(incident_id)
    return tuple(opened)


def _open(advice: Advice, review: Review, files: CaseFiles, environment: str | None) -> str | None:
    """One incident with all that the flow needs, or None where the same advice stands or was closed of late."""
    store = files.store
    alert = alert_of(advice.opportunity, review.as_of, environment)
    if _is_known(store.incidents(limit=10_000), alert.group, environment):
        return None
    incident = incident_of(alert, new_incident_id(now())).model_copy(update={"opened_at": now()})
    # First, for it is what tells the flow that there is nothing to collect.
    write_bundle(files.snapshot(incident.id), alert, Telemetry(graph=review.graph))
    diagnosis = diagnosis_of(advice.opportunity, review.graph, review.as_of)
    proposal = proposal_of(advice.opportunity, advice.saving, diagnosis, incident.id)
    (receipt,) = store.receive([(alert, "")])
    with store.exclusive() as transaction:
        if transaction.taken_in(receipt.key).handled:
            return None
        transaction.open(incident)
        transaction.attach(receipt.key, incident.id)
        transaction.note(incident.id, "opened", f"a review found: {alert.title}", alert=receipt.key)
        for artifact in (Topology.of(review.graph), ChangeExcerpt(changes=()), diagnosis, proposal):
            transaction.put(incident.id, artifact)
        transaction.note(incident.id, "proposed", proposal.proposed_solution.summary)
    return incident.id


def _is_known(incidents: list[Incident], group: str, environment: str | None) -> bool:
    same = [i for i in incidents if i.is_advice and i.alert.group == group and i.environment == environment]
    return any(i.status is not IncidentStatus.resolved or _is_recent(i) for i in same)


def _is_recent(incident: Incident) -> bool:
    return incident.resolved_at is not None and now() - incident.resolved_at < QUIET
