"""Which remedy the evidence calls for, by rules anybody can check. One remedy, or a reason why there is none.

Where it cannot be told which service caused it (``Diagnosis.cannot_tell``), nothing is proposed, unless one change is
likelier than all other explanations together. Else, in order:

1. A change is blamed when it is more probable than "no change did it". What undoes it depends on its kind:
   whatever carried a known commit is undone by reverting the commit; a flag is put back; a configuration or a
   deploy without a known commit is rolled back. A change nobody can undo, such as a region failing, gets no remedy.
2. With no change to blame, the leading candidate's own evidence decides: demand or saturation that rose calls
   for capacity; memory, file descriptors, threads or connections that rose while demand did not, or an
   out-of-resource message, look like a leak and call for a restart.
3. Otherwise nothing is proposed, and a person takes over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.domain import Candidate, Change, ChangeCandidate, ChangeKind, Diagnosis, Evidence, EvidenceKind
from data.errors import ProposalError
from data.proposal import FlagOff, Remedy, Restart, RevertCommit, RevertConfig, RollbackDeploy, Scale
from remediation.readings import Reading, reading_of
from remediation.text import plain

# Likelier than all other explanations together.
CLEAR_CHANGE = 0.5
_REVERT = re.compile(r"\s*(revert|reverts|reverted|roll ?back)\b", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DEMAND = _words("request requests req reqs rps qps throughput calls invocations traffic messages")
_SATURATION = _words(
    "cpu queue queued depth backlog lag pool pending inflight saturation utilization utilisation throttled"
)
_LEAKING = _words("memory mem heap rss fds fd descriptors goroutines threads handles sockets")
# Slow calls hold connections a little longer anyway: these have run up only at so many times the usual.
_HELD, RUN_UP = _words("connections connection conns"), 5.0
_NOT_DEMAND = _words("error errors failed failures duration latency ms seconds time wait timeout 4xx 5xx p99 p95 p50")
_EXHAUSTED = re.compile(
    r"out of memory|oom.?kill|outofmemoryerror|\bmemoryerror\b|too many open files|can(no|')?t allocate memory"
    r"|memory limit exceeded|std::bad_alloc",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """A remedy and what led to it.

    Attributes:
        remedy: what guarded code, or a person, is to do.
        rule: the rule that chose it, in one clause.
        confidence: the probability of everything the remedy needs to be true, taken from the diagnosis.
        evidence: ids of the evidence the rule went by, strongest first.
        candidate: the service thought to be the cause; None where only a change is blamed.
        change: the change to be undone; None for a remedy that undoes none.
    """

    remedy: Remedy
    rule: str
    confidence: float
    evidence: tuple[str, ...]
    candidate: Candidate | None = None
    change: Change | None = None


def choose(diagnosis: Diagnosis, changes: Sequence[Change]) -> Choice:
    """The one remedy the evidence supports.

    Raises:
        ProposalError: there is none that is safe; the message says why and what a person can do.
    """
    refuse_untold(diagnosis)
    candidate = max(diagnosis.suspects, key=lambda c: c.probability, default=None)
    blamed = blamed_change(diagnosis)
    if blamed is not None:
        return _undo(blamed, candidate, _change_named(blamed.id, changes))
    if candidate is None:
        raise ProposalError(
            "no service stands out and no change is more likely than none to be the cause; look at what could not "
            f"be seen first: {_listed(diagnosis.unseen)}"
        )
    return _relieve(candidate, diagnosis)


def refuse_untold(diagnosis: Diagnosis) -> None:
    """Refuse to go on from a diagnosis that names no cause.

    Raises:
        ProposalError: it cannot be told which service caused it, and no change is likelier than not to have done it.
    """
    blamed = blamed_change(diagnosis)
    if diagnosis.cannot_tell is None or (blamed is not None and blamed.probability > CLEAR_CHANGE):
        return
    raise ProposalError(
        f"what caused this cannot be told ({plain(diagnosis.cannot_tell, 240)}), and a fix for a guess does harm; look "
        f"at what could not be seen first: {_listed(diagnosis.unseen)}"
    )


def blamed_change(diagnosis: Diagnosis) -> ChangeCandidate | None:
    """The most probable change, when it is more probable than that no change did it; a tie blames nobody."""
    best = max(diagnosis.changes, key=lambda change: change.probability, default=None)
    return best if best is not None and best.probability > diagnosis.no_change_probability else None


def _undo(blamed: ChangeCandidate, candidate: Candidate | None, change: Change) -> Choice:
    remedy, rule = _remedy_for(change)
    # Undoing the change needs the change to be the cause, wherever it shows; that is the probability it was given.
    return Choice(remedy, rule, blamed.probability, blamed.evidence, candidate, change)


def _remedy_for(change: Change) -> tuple[Remedy, str]:
    if _REVERT.match(change.summary):
        raise ProposalError(
            f"the blamed change {plain(change.summary, 120)!r} is itself a revert: undoing it would bring back what "
            "somebody took out, so a person has to decide"
        )
    commit = change.commit or (change.id if change.kind is ChangeKind.commit else None)
    if change.kind is ChangeKind.flag:
        return FlagOff(flag=change.id, service=change.service), "a feature flag is blamed, so it is put back"
    if commit and _COMMIT.fullmatch(commit):
        what = "a commit" if change.kind is ChangeKind.commit else f"a {change.kind} of a known commit"
        return RevertCommit(commit=commit.lower()), f"{what} is blamed, so the commit is reverted"
    if change.kind is ChangeKind.config:
        return RevertConfig(change_id=change.id, service=change.service), "a configuration change is blamed"
    if change.kind is ChangeKind.deploy:
        rule = "a deploy whose commit is not known is blamed, so it is rolled back to the version before"
        return RollbackDeploy(change_id=change.id, service=change.service), rule
    named = plain(change.id, 80)
    if change.kind is ChangeKind.commit:
        raise ProposalError(f"the blamed commit {named!r} has no usable id; find it and revert it by hand")
    raise ProposalError(
        f"the blamed {change.kind} change {named!r} ({plain(change.summary, 120)}) has no undo we know of; "
        "a person has to decide"
    )


def _relieve(candidate: Candidate, diagnosis: Diagnosis) -> Choice:
    """The remedy for a cause that no change explains: capacity, a restart, or none."""
    if diagnosis.no_change_probability < 0.5:
        raise ProposalError(_torn(diagnosis))
    # Both have to hold: this service is the cause, and no change is.
    confidence = candidate.probability * diagnosis.no_change_probability
    own = _evidence_of(candidate, diagnosis)
    risen = [reading for item in own if (reading := reading_of(item)) is not None and reading.rose]
    demand = [r for r in risen if _is(r, _DEMAND) and not _is(r, _NOT_DEMAND | _SATURATION)]
    saturated = [r for r in risen if _is(r, _SATURATION) and not _is(r, _NOT_DEMAND)]
    leaking = [r.evidence for r in risen if _is(r, _LEAKING) or (_is(r, _HELD) and r.rose_by(RUN_UP))]
    leaking += [e.id for e in own if e.kind is EvidenceKind.log and _EXHAUSTED.search(e.summary)]
    service, unblamed = candidate.service, diagnosis.no_change_evidence[:1]
    if leaking and not demand:
        rule = "memory or another held resource ran up while demand did not, and no change explains it"
        return Choice(Restart(service=service, reason=rule), rule, confidence, (*leaking, *unblamed), candidate)
    if demand or saturated:
        rule = "demand rose" if demand else "a resource ran to saturation"
        rule += " and no change explains it, so capacity is added"
        cited = tuple(dict.fromkeys(r.evidence for r in (*demand, *saturated)))
        return Choice(Scale(service=service, reason=rule), rule, confidence, (*cited, *unblamed), candidate)
    raise ProposalError(
        f"{service} is the likeliest cause, but no change is blamed and nothing seen of it (no rise in demand, "
        "saturation or held resources) says what would help; a person has to decide"
    )


def _torn(diagnosis: Diagnosis) -> str:
    """Why nothing is done, neither to a change nor otherwise, where no single change leads and none is not clear."""
    none, together = diagnosis.no_change_probability, sum(change.probability for change in diagnosis.changes)
    if none + together < 0.9:
        return (
            "whether a change did it could not be seen, and what undoes a change is not what adds capacity; look at "
            f"what was changed first ({_listed(diagnosis.unseen)})"
        )
    likeliest = sorted(diagnosis.changes, key=lambda change: -change.probability)[:3]
    named = ", ".join(f"{plain(change.id, 40)} {change.probability:.0%}" for change in likeliest)
    return (
        f"that some change did it ({together:.0%}) is likelier than that none did ({none:.0%}), but no single one is; "
        f"look at these first: {named}"
    )


def _evidence_of(candidate: Candidate, diagnosis: Diagnosis) -> tuple[Evidence, ...]:
    """What the candidate cites, and whatever else was seen of the same service."""
    cited = diagnosis.cited(candidate.evidence)
    ids = {item.id for item in cited}
    return cited + tuple(e for e in diagnosis.evidence if e.service == candidate.service and e.id not in ids)


def _is(reading: Reading, words: frozenset[str]) -> bool:
    return bool(reading.words & words)


def _change_named(change_id: str, changes: Sequence[Change]) -> Change:
    for change in changes:
        if change.id == change_id:
            return change
    raise ProposalError(
        f"change {plain(change_id, 80)!r} is blamed but is not among the changes collected; collect them again"
    )


def _listed(sentences: Sequence[str]) -> str:
    return "; ".join(plain(sentence, 120).rstrip(".") for sentence in sentences[:3]) or "nothing is known to be missing"
