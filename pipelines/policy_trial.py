"""What another policy would have said to every question that was asked so far. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from data.domain import Decision, Diagnosis, Feedback, Incident, Noun, Outcome, PullRequest, Utc, now
from data.proposal import Proposal
from data.store import Store
from pipelines.rulings import Ruling, graph_of
from pipelines.track_record import KnownDeed, known_deeds, record_of
from remediation import execute
from remediation.policy import ActionKind, ActionRequest, Policy, Standing, TrackRecord, decide, reaching, standing

# Longer than any policy may look back.
_EVER_DAYS = 3650.0


class Trial(Noun):
    """One question, the answer it was given, and the one it would be given.

    ``was`` is None where no answer was kept. ``rebuilt``: the question itself was not kept, and is put together from
    what is stored of its incident; what its files were and how much of the budget was spent is then not known.
    """

    incident_id: str
    at: Utc
    action: ActionKind
    service: str
    was: Outcome | None
    was_by: str | None
    becomes: Outcome
    by: str
    explanation: str
    rebuilt: bool

    @property
    def is_changed(self) -> bool:
        return self.was is not self.becomes


def try_policy(store: Store, policy: Policy, *, at: datetime | None = None) -> list[Trial]:
    """Every question so far under ``policy``, oldest first.

    Tiers are those the deeds known by each question's time had earned; a deed is taken as it turned out in the end.
    """
    deeds = known_deeds(store, at=at or now(), days=_EVER_DAYS) if policy.tiers.can_be_earned else []
    found = [
        _trial(policy, incident.id, asked, was, deeds, rebuilt)
        for incident in store.having(Ruling, Proposal)
        for asked, was, rebuilt in _questions(store, incident)
    ]
    return sorted(found, key=lambda trial: (trial.at, trial.incident_id, trial.action))


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """How often each answer would change to which: ``ask -> act``; unchanged ones under ``same``."""
    names = (f"{t.was or 'unknown'} -> {t.becomes}" if t.is_changed else "same" for t in trials)
    return dict(sorted(Counter(names).items()))


def standings(store: Store, policy: Policy, *, at: datetime | None = None) -> dict[tuple[ActionKind, str], Standing]:
    """The tier of every kind of action on every service of which anything is known."""
    when = at or now()
    deeds = known_deeds(store, at=when, days=policy.tiers.days)
    pairs = sorted({(known.action, known.service) for known in deeds})
    return {pair: standing(policy.tiers, record_of(deeds, *pair), when) for pair in pairs}


def _trial(
    policy: Policy,
    incident_id: str,
    asked: ActionRequest,
    was: Decision | None,
    deeds: Sequence[KnownDeed],
    rebuilt: bool,
) -> Trial:
    by_then = [known for known in deeds if known.deed.at <= asked.at]
    record = record_of(by_then, asked.action, asked.service) if deeds else TrackRecord()
    becomes = decide(policy, asked.model_copy(update={"record": record}))
    return Trial(
        incident_id=incident_id,
        at=asked.at,
        action=asked.action,
        service=asked.service,
        was=was.outcome if was else None,
        was_by=was.by if was else None,
        becomes=becomes.outcome,
        by=becomes.by,
        explanation=becomes.explanation,
        rebuilt=rebuilt,
    )


def _questions(store: Store, incident: Incident) -> Iterator[tuple[ActionRequest, Decision | None, bool]]:
    """What was asked about an incident, each kind of action once, as it was asked last."""
    kept = {ruling.request.action: ruling for ruling in store.all(incident.id, Ruling)}
    for ruling in kept.values():
        yield ruling.request, ruling.decision, False
    if not kept:
        yield from _rebuilt(store, incident)


def _rebuilt(store: Store, incident: Incident) -> Iterator[tuple[ActionRequest, Decision | None, bool]]:
    proposal, diagnosis = store.latest(incident.id, Proposal), store.latest(incident.id, Diagnosis)
    if proposal is None or diagnosis is None:
        return
    kind, decisions = proposal.remedy.kind, store.all(incident.id, Decision)
    by_merge = kind not in set(ActionKind) or store.latest(incident.id, PullRequest) is not None
    for action in (ActionKind.open_pull_request, ActionKind.merge) if by_merge else (ActionKind(kind),):
        was = next((decision for decision in decisions if decision.action == action), None)
        asked = execute.action_request(action, incident, diagnosis, proposal)
        asked = asked.model_copy(update={"at": was.at if was else proposal.created_at})
        yield reaching(asked, graph_of(store, incident.id)), _as_asked(store, incident, was), True


def _as_asked(store: Store, incident: Incident, was: Decision | None) -> Decision | None:
    """What a person's yes answered was a question."""
    answer = store.latest(incident.id, Feedback)
    if was is None or answer is None or answer.by != was.by:
        return was
    return was.model_copy(update={"outcome": Outcome.ask})
