"""How earlier fixes of one kind for one service turned out: what a tier is earned by, and lost by.

Read from what is stored anyway: a person's answer, what was done, what telemetry said of it, whether it was taken back,
whether the trouble returned, and what somebody said afterwards. Nothing is counted until it is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.action import Applied, Recovery, RecoveryOutcome, TakenBack
from data.domain import Diagnosis, Feedback, Incident, IncidentStatus, PullRequest, RejectReason, Verdict
from data.labels import Label
from data.proposal import Proposal
from data.store import Store
from remediation.execute import touched_service
from remediation.policy import ActionKind, Deed, Result, TrackRecord

# The same service alerting again so soon says that the cause was not mended; so does not recovering for as long.
SOON = timedelta(hours=24)
# Whoever says this says nothing against the fix.
_BLAMELESS = frozenset({RejectReason.already_fixed})


def track_record(store: Store, action: ActionKind, service: str, *, at: datetime, days: float) -> TrackRecord:
    """The deeds of ``action`` on ``service`` in the ``days`` up to ``at``, as far as they were known then.

    Causes that people confirmed count for every action on a service: what they speak for is the diagnosis.
    """
    return record_of(known_deeds(store, at=at, days=days), action, service)


def record_of(deeds: Iterable[KnownDeed], action: ActionKind, service: str) -> TrackRecord:
    """Those of ``deeds`` that are about one kind of action on one service, as :func:`track_record` gives them."""
    found = [
        known.deed
        for known in deeds
        if known.service == service and (known.action is action or known.deed.result is Result.confirmed)
    ]
    return TrackRecord(deeds=tuple(found))


@dataclass(frozen=True)
class KnownDeed:
    """A deed, and what it was."""

    action: ActionKind
    service: str
    deed: Deed


def known_deeds(store: Store, *, at: datetime, days: float) -> list[KnownDeed]:
    """Every deed that was known by ``at`` of incidents of the ``days`` before, oldest first."""
    since = at - timedelta(days=days) - SOON
    incidents = [i for i in store.having(Feedback, Label, Applied, since=since) if i.opened_at <= at]
    around = [i for i in store.having(Diagnosis, since=since) if i.opened_at <= at]
    found = [known for i in incidents if (known := _known(store, i, around, at)) is not None]
    return sorted((known for known in found if known.deed.at <= at), key=lambda known: known.deed.at)


def _known(store: Store, incident: Incident, others: Iterable[Incident], at: datetime) -> KnownDeed | None:
    proposal, diagnosis = store.latest(incident.id, Proposal), store.latest(incident.id, Diagnosis)
    if proposal is None or diagnosis is None:
        return None
    deed = _of_words(store, incident, diagnosis, proposal) or _of_what_was_done(store, incident, others, at)
    if deed is None:
        deed = _confirmed(store, incident, diagnosis)
    if deed is None:
        return None
    applied = store.latest(incident.id, Applied)
    if applied is not None:
        return KnownDeed(ActionKind(applied.action), applied.service, deed)
    kind = proposal.remedy.kind
    by_merge = kind not in set(ActionKind) or store.latest(incident.id, PullRequest) is not None
    action = ActionKind.merge if by_merge else ActionKind(kind)
    return KnownDeed(action, touched_service(incident, diagnosis, proposal), deed)


def _of_words(store: Store, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Deed | None:
    """What a person held against it."""
    label, answer = store.latest(incident.id, Label), store.latest(incident.id, Feedback)
    if label is not None and _leader(diagnosis) not in label.services:
        cause = "nothing was wrong" if label.nothing_wrong else f"the cause was {', '.join(label.services)}"
        return _bad(incident, label.at, f"was about the wrong cause ({cause}, says {label.by})")
    rejected = answer is not None and answer.verdict is Verdict.rejected and answer.proposal_id == proposal.id
    if answer is not None and rejected and answer.reason not in _BLAMELESS:
        return _bad(incident, answer.at, f"was rejected by {answer.by} ({answer.reason or 'no reason'})")
    return None


def _of_what_was_done(store: Store, incident: Incident, others: Iterable[Incident], at: datetime) -> Deed | None:
    """What came of carrying it out; None where that was not done, or is not known yet."""
    applied = store.latest(incident.id, Applied)
    if applied is None:
        return None
    recovery, taken_back = store.latest(incident.id, Recovery), store.latest(incident.id, TakenBack)
    if taken_back is not None:
        return _bad(incident, taken_back.at, "was taken back")
    if recovery is not None and recovery.outcome.is_bad:
        return _bad(incident, recovery.at, f"did not help ({recovery.outcome.value.replace('_', ' ')})")
    if applied.is_canary:
        return None  # it is being tried on a part
    over = incident.resolved_at
    if incident.status is not IncidentStatus.resolved or over is None or over > at:
        late = applied.at + SOON
        return _bad(incident, late, "had not recovered a day later") if at > late else None
    back = next((other for other in others if _is_return(incident, other, over)), None)
    if back is not None:
        return _bad(incident, back.opened_at, f"came back as {back.id}")
    if recovery is not None and recovery.outcome is not RecoveryOutcome.recovered:
        return None  # over, and nobody saw that this is why
    return Deed(incident_id=incident.id, at=over, result=Result.recovered, why=f"recovered after {applied.summary}")


def _confirmed(store: Store, incident: Incident, diagnosis: Diagnosis) -> Deed | None:
    label = store.latest(incident.id, Label)
    if label is None or _leader(diagnosis) not in label.services:
        return None
    return Deed(incident_id=incident.id, at=label.at, result=Result.confirmed, why=f"was right, says {label.by}")


def _is_return(incident: Incident, other: Incident, over: datetime) -> bool:
    same = (other.service, other.environment) == (incident.service, incident.environment)
    return same and other.id != incident.id and over <= other.opened_at <= over + SOON


def _leader(diagnosis: Diagnosis) -> str | None:
    return diagnosis.candidates[0].service if diagnosis.candidates else None


def _bad(incident: Incident, at: datetime, why: str) -> Deed:
    return Deed(incident_id=incident.id, at=at, result=Result.bad, why=why)
