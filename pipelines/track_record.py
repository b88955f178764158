"""How earlier fixes of one kind for one service turned out: what a tier is earned by, and lost by.

Read from what is stored anyway: a person's answer, what was done, what telemetry said of it, whether it was taken back,
whether the trouble returned, and what somebody said afterwards. Nothing is counted until it is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.action import Applied, Recovery, RecoveryOutcome, TakenBack
from data.domain import Diagnosis, Feedback, Incident, IncidentStatus, PullRequest, RejectReason, Verdict
from data.labels import Label
from data.proposal import Proposal
from data.store import Store
from pipelines.recurrence import RECURRENCE, return_of
from remediation.execute import touched_service
from remediation.policy import ActionKind, Deed, Result, TrackRecord

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
    since = at - timedelta(days=days) - RECURRENCE
    incidents = [i for i in store.having(Diagnosis, Feedback, Label, Applied, since=since) if i.opened_at <= at]
    told = _Told.of(store, since)
    same: dict[tuple[str, str | None], list[Incident]] = defaultdict(list)
    for incident in incidents:
        same[incident.service, incident.environment].append(incident)
    found = [_known(told, i, same[i.service, i.environment], at) for i in incidents]
    return sorted((k for k in found if k is not None and k.deed.at <= at), key=lambda known: known.deed.at)


@dataclass(frozen=True)
class _Told:
    """The newest of what is stored of each incident, read at once: there may be thousands."""

    diagnoses: Mapping[str, Diagnosis]
    proposals: Mapping[str, Proposal]
    answers: Mapping[str, Feedback]
    labels: Mapping[str, Label]
    applied: Mapping[str, Applied]
    recoveries: Mapping[str, Recovery]
    taken_back: Mapping[str, TakenBack]
    pull_requests: Mapping[str, PullRequest]

    @classmethod
    def of(cls, store: Store, since: datetime) -> _Told:
        return cls(
            diagnoses=store.newest(Diagnosis, since=since),
            proposals=store.newest(Proposal, since=since),
            answers=store.newest(Feedback, since=since),
            labels=store.newest(Label, since=since),
            applied=store.newest(Applied, since=since),
            recoveries=store.newest(Recovery, since=since),
            taken_back=store.newest(TakenBack, since=since),
            pull_requests=store.newest(PullRequest, since=since),
        )


def _known(told: _Told, incident: Incident, others: Iterable[Incident], at: datetime) -> KnownDeed | None:
    proposal, diagnosis = told.proposals.get(incident.id), told.diagnoses.get(incident.id)
    if proposal is None or diagnosis is None:
        return None
    deed = (
        _of_words(told, incident, diagnosis, proposal)
        or _of_what_was_done(told, incident, others, at)
        or _confirmed(told, incident, diagnosis)
    )
    if deed is None:
        return None
    applied, kind = told.applied.get(incident.id), proposal.remedy.kind
    if applied is not None:
        return KnownDeed(ActionKind(applied.action), applied.service, deed)
    by_merge = kind not in set(ActionKind) or incident.id in told.pull_requests
    action = ActionKind.merge if by_merge else ActionKind(kind)
    return KnownDeed(action, touched_service(incident, diagnosis, proposal), deed)


def _of_words(told: _Told, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Deed | None:
    """What a person held against it."""
    label, answer = told.labels.get(incident.id), told.answers.get(incident.id)
    if label is not None and _leader(diagnosis) not in label.services:
        cause = "nothing was wrong" if label.nothing_wrong else f"the cause was {', '.join(label.services)}"
        return _bad(incident, label.at, f"was about the wrong cause ({cause}, says {label.by})")
    rejected = answer is not None and answer.verdict is Verdict.rejected and answer.proposal_id == proposal.id
    if answer is not None and rejected and answer.reason not in _BLAMELESS:
        return _bad(incident, answer.at, f"was rejected by {answer.by} ({answer.reason or 'no reason'})")
    return None


def _of_what_was_done(told: _Told, incident: Incident, others: Iterable[Incident], at: datetime) -> Deed | None:
    """What came of carrying it out; None where that was not done, or is not known yet."""
    applied = told.applied.get(incident.id)
    if applied is None:
        return None
    recovery, taken_back = told.recoveries.get(incident.id), told.taken_back.get(incident.id)
    if taken_back is not None:
        return _bad(incident, taken_back.at, "was taken back")
    if recovery is not None and recovery.outcome.is_bad:
        return _bad(incident, recovery.at, f"did not help ({recovery.outcome.value.replace('_', ' ')})")
    if applied.is_canary:
        return None  # it is being tried on a part
    return _of_recovering(incident, applied, recovery, others, at)


def _of_recovering(
    incident: Incident, applied: Applied, recovery: Recovery | None, others: Iterable[Incident], at: datetime
) -> Deed | None:
    over = incident.resolved_at
    if incident.status is not IncidentStatus.resolved or over is None or over > at:
        late = applied.at + RECURRENCE  # not recovering for so long says the same as coming back
        return _bad(incident, late, "had not recovered a day later") if at > late else None
    back = return_of(incident, others)
    if back is not None:
        return _bad(incident, back.opened_at, f"came back as {back.id}")
    if recovery is not None and recovery.outcome is not RecoveryOutcome.recovered:
        return None  # over, and nobody saw that this is why
    return Deed(incident_id=incident.id, at=over, result=Result.recovered, why=f"recovered after {applied.summary}")


def _confirmed(told: _Told, incident: Incident, diagnosis: Diagnosis) -> Deed | None:
    label = told.labels.get(incident.id)
    if label is None or _leader(diagnosis) not in label.services:
        return None
    return Deed(incident_id=incident.id, at=label.at, result=Result.confirmed, why=f"was right, says {label.by}")


def _leader(diagnosis: Diagnosis) -> str | None:
    return diagnosis.suspects[0].service if diagnosis.suspects else None


def _bad(incident: Incident, at: datetime, why: str) -> Deed:
    return Deed(incident_id=incident.id, at=at, result=Result.bad, why=why)
