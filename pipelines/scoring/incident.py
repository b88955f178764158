"""What one incident is: the whole diagnosis, or the part of it that was asked for."""

from __future__ import annotations

from pydantic import Field

from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    ChangeCandidate,
    Diagnosis,
    Evidence,
    Noun,
    Probability,
    Severity,
    Utc,
)
from data.impact import Impact
from data.telemetry import Telemetry
from pipelines.impact import impact_of, severity_with
from pipelines.scoring.telemetry import TelemetryMessage


class IncidentRequest(Noun):
    """An alert and what was seen around it; nothing later than ``as_of`` is used, null means all of it."""

    alert: Alert
    telemetry: TelemetryMessage = Field(default_factory=TelemetryMessage)
    as_of: Utc | None = None


class DiagnosisReply(Noun):
    """``model`` names the version of the ranker that answered."""

    model: str
    diagnosis: Diagnosis


class CausesReply(Noun):
    """Services that may be the cause, best first, with the evidence they cite.

    ``cannot_tell`` says why none of them can be named as the cause; null where the first can.
    """

    model: str
    candidates: tuple[Candidate, ...]
    cannot_tell: str | None
    evidence: tuple[Evidence, ...]
    unseen: tuple[str, ...]
    onset: Utc | None


class ChangesReply(Noun):
    """Changes that may have done it, best first, and how probably none did."""

    model: str
    changes: tuple[ChangeCandidate, ...]
    no_change_probability: Probability
    no_change_evidence: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    unseen: tuple[str, ...]


class ImpactReply(Noun):
    """How bad it is, with every term of the answer, and how far it reaches.

    ``severity`` is what the incident is held to be: the worse of what its telemetry and its whole impact say.
    """

    model: str
    severity: Severity
    impact: Impact
    blast_radius: BlastRadius
    unseen: tuple[str, ...]


def causes_of(diagnosis: Diagnosis, model: str) -> CausesReply:
    cited = tuple(id_ for candidate in diagnosis.candidates for id_ in candidate.evidence)
    return CausesReply(
        model=model,
        candidates=diagnosis.candidates,
        cannot_tell=diagnosis.cannot_tell,
        evidence=diagnosis.cited(_once(cited)),
        unseen=diagnosis.unseen,
        onset=diagnosis.onset,
    )


def changes_of(diagnosis: Diagnosis, model: str) -> ChangesReply:
    cited = (*(id_ for change in diagnosis.changes for id_ in change.evidence), *diagnosis.no_change_evidence)
    return ChangesReply(
        model=model,
        changes=diagnosis.changes,
        no_change_probability=diagnosis.no_change_probability,
        no_change_evidence=diagnosis.no_change_evidence,
        evidence=diagnosis.cited(_once(cited)),
        unseen=diagnosis.unseen,
    )


def impact_reply(
    request: IncidentRequest, telemetry: Telemetry, diagnosis: Diagnosis, model: str, *, objective: float
) -> ImpactReply:
    """``objective`` is the share of requests that has to succeed."""
    impact = impact_of(request.alert, telemetry, diagnosis, objective=objective)
    return ImpactReply(
        model=model,
        severity=severity_with(impact, diagnosis),
        impact=impact,
        blast_radius=diagnosis.blast_radius,
        unseen=diagnosis.unseen,
    )


def _once(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))
