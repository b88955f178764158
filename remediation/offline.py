"""The synthesiser that needs no language model: sentences made from evidence, each citing what it rests on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from data.domain import Candidate, Change, Diagnosis, Evidence, EvidenceKind, Incident
from data.proposal import (
    ApplyPatch,
    ConfigurationAction,
    ConfigurationChange,
    Proposal,
    ProposedSolution,
    RootCauseAnalysis,
)
from remediation import wording
from remediation.choice import Choice, choose
from remediation.readings import Reading, number, reading_of
from remediation.text import plain, short

NAME = "offline"


def draft(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change]) -> Proposal:
    """The fix the evidence supports.

    Raises:
        ProposalError: none is.
    """
    return _written(incident, diagnosis, changes, choose(diagnosis, changes))


def patch_draft(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change], service: str) -> Proposal:
    """What the evidence says where it calls for no ready-made remedy and ``service`` is to be patched instead."""
    candidate = max(diagnosis.candidates, key=lambda candidate: candidate.probability)
    rule = "no ready-made remedy fits, so its code or configuration is patched"
    choice = Choice(ApplyPatch(service=service), rule, candidate.probability, candidate.evidence, candidate)
    return _written(incident, diagnosis, changes, choice)


def _written(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change], choice: Choice) -> Proposal:
    return Proposal(
        id=_identity(incident, choice),
        incident_id=incident.id,
        synthesizer=NAME,
        remedy=choice.remedy,
        root_cause_analysis=_analysis(incident, diagnosis, changes, choice),
        proposed_solution=_solution(incident, diagnosis, choice),
        additional_recommendations=_recommendations(diagnosis, choice),
    )


def alternatives(diagnosis: Diagnosis, changes: Sequence[Change] = (), *, blamed: str | None = None) -> tuple[str, ...]:
    """What else it could be: the other explanations of at least 5 %, most probable first, as sentences."""
    by_id = {change.id: change for change in changes}
    found = [(c.probability, f"{plain(c.service, 80)} is the cause", c.evidence) for c in diagnosis.suspects[1:]]
    others = [other for other in diagnosis.changes if other.id != blamed]
    found += [(o.probability, f"{_named(by_id.get(o.id), o.id)} did it", o.evidence) for o in others]
    # Only where a change is blamed is "none did it" an alternative; elsewhere it is what is being said.
    if blamed is not None:
        found.append((diagnosis.no_change_probability, "no recorded change did it", diagnosis.no_change_evidence))
    ranked = sorted((item for item in found if item[0] >= 0.05), key=lambda item: -item[0])
    return tuple(f"{what} (probability {p:.2f}){_cite(diagnosis, ids)}" for p, what, ids in ranked[:6])


def _analysis(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change], choice: Choice) -> RootCauseAnalysis:
    return RootCauseAnalysis(
        summary=_cause(diagnosis, choice),
        details="\n".join(_details(diagnosis, changes, choice)),
        confidence_score=choice.confidence,
        factors_contributing=_factors(diagnosis, choice),
    )


def _details(diagnosis: Diagnosis, changes: Sequence[Change], choice: Choice) -> Iterator[str]:
    """What the summary does not say, a line for each question, in short sentences that cite."""
    supporting = _supporting(diagnosis, choice)
    reasons = [item for item in supporting if item.kind is EvidenceKind.change]
    seen = [item for item in supporting if item.kind is not EvidenceKind.change]
    yield _line("What was seen", seen) or "No single observation stands out."
    about = "the change" if choice.change else "no change"
    favour, against = [r for r in reasons if not _against(r)], [r for r in reasons if _against(r)]
    yield from filter(None, (_line(f"What speaks for {about}", favour), _line("What speaks against it", against)))
    others = alternatives(diagnosis, changes, blamed=choice.change.id if choice.change else None)
    yield "What else it could be: " + (". ".join(others) or "nothing else reaches a probability of 0.05") + "."
    yield "What could not be seen: " + (_joined(diagnosis.unseen) or "nothing is known to be missing.")


def _line(heading: str, items: Sequence[Evidence]) -> str:
    return f"{heading}: " + " ".join(_sentence(item.summary, item.id) for item in items) if items else ""


def _against(reason: Evidence) -> bool:
    """Whether a reason weighs against its change; each ends with its weight, such as ``(-0.9)``."""
    return bool(re.search(r"\(-\d[\d.]*\)$", reason.summary))


def _cause(diagnosis: Diagnosis, choice: Choice) -> str:
    if choice.change is None:
        where = (
            f"The likeliest cause lies in {plain(choice.candidate.service, 80)}" if choice.candidate else "No service"
        )
        sure = f"probability {choice.confidence:.2f}"
        return f"{where} ({sure}): {choice.rule}{_cite(diagnosis, choice.evidence)}."
    fault = ""
    if diagnosis.cannot_tell is not None:
        fault = f" Which service is at fault cannot be told: {plain(diagnosis.cannot_tell, 240)}."
    elif choice.candidate is not None:
        sure = f"probability {choice.candidate.probability:.2f}"
        about = _cite(diagnosis, choice.candidate.evidence)
        fault = f" The service most likely at fault is {plain(choice.candidate.service, 80)} ({sure}){about}."
    what = _named(choice.change, choice.change.id)
    sure = f"probability {choice.confidence:.2f}"
    return f"The likeliest cause is {what} ({sure}){_cite(diagnosis, choice.evidence)}.{fault}"


def _solution(incident: Incident, diagnosis: Diagnosis, choice: Choice) -> ProposedSolution:
    words = wording.of(choice)
    return ProposedSolution(
        type=words.type,
        summary=words.summary,
        configuration_changes=_configuration(choice),
        rollback_instructions=words.rollback,
        verification_steps=_verification(incident, diagnosis, choice, words.check),
        estimated_impact=_impact(incident, diagnosis),
        risk_assessment=words.risk,
        confidence_score=choice.confidence,
        references=_references(incident, choice),
    )


def _verification(incident: Incident, diagnosis: Diagnosis, choice: Choice, own: str) -> tuple[str, ...]:
    """Steps in the order to take them: the remedy is in place, the indicators are back, the alert is quiet."""
    readings = [r for item in _supporting(diagnosis, choice) if (r := reading_of(item)) is not None]
    steps = [own, *(_back_to(reading) for reading in readings[:4])]
    alert = incident.alert
    about = f"{plain(alert.metric, 80)} of {plain(alert.service, 80)}" if alert.metric else plain(alert.service, 80)
    limit = f" (its threshold is {number(alert.threshold)})" if alert.threshold is not None else ""
    steps.append(f"The alert on {about}{limit} recovers and stays quiet for 15 minutes.")
    return tuple(steps)


def _back_to(reading: Reading) -> str:
    of = f" of {plain(reading.service, 80)}" if reading.service else ""
    was = f"; it was {number(reading.current)} during the incident" if reading.current is not None else ""
    return f"{plain(reading.name, 100)}{of} is back at {reading.target()}{was} [{reading.evidence}]."


def _impact(incident: Incident, diagnosis: Diagnosis) -> str:
    reached = diagnosis.blast_radius.symptomatic or diagnosis.blast_radius.services or (incident.service,)
    names = ", ".join(plain(service, 80) for service in dict.fromkeys(reached))
    return f"Expected to end the trouble in {names}, if the cause is right; severity is {diagnosis.severity}."


def _recommendations(diagnosis: Diagnosis, choice: Choice) -> tuple[str, ...]:
    found = [wording.of(choice).follow_up]
    found += [f"Close a blind spot: {_sentence(blind)}" for blind in diagnosis.unseen[:3]]
    if choice.confidence < 0.5:
        found.insert(0, "The cause is less likely than not to be right: look at the alternatives before approving.")
    return tuple(found)


def _factors(diagnosis: Diagnosis, choice: Choice) -> tuple[str, ...]:
    found = [f"rule: {choice.rule}"]
    if choice.candidate and len(choice.candidate.path) > 1:
        way = " -> ".join(plain(service, 80) for service in choice.candidate.path)
        found.append(f"path from the cause to the alert: {way}")
    if diagnosis.onset is not None:
        found.append(f"estimated onset: {diagnosis.onset:%Y-%m-%d %H:%M:%S} UTC")
    return tuple(found)


def _references(incident: Incident, choice: Choice) -> tuple[str, ...]:
    found = [f"alert {plain(incident.alert.id, 100)}"]
    if choice.change:
        found.append(f"{choice.change.kind} {plain(choice.change.id, 100)}")
    return tuple(found)


def _configuration(choice: Choice) -> tuple[ConfigurationChange, ...]:
    if choice.change is None or choice.remedy.kind not in ("revert_config", "flag_off"):
        return ()
    where = plain(choice.change.files[0] if choice.change.files else choice.change.service or choice.change.kind, 200)
    return (ConfigurationChange(path=where, key=plain(choice.change.id, 200), action=ConfigurationAction.revert),)


def _supporting(diagnosis: Diagnosis, choice: Choice) -> tuple[Evidence, ...]:
    """What the cause rests on: the rule's evidence, then the candidate's; each once, at most eight."""
    of_candidate: Candidate | None = choice.candidate
    ids = dict.fromkeys(choice.evidence + (of_candidate.evidence if of_candidate else ()))
    return tuple(e for e in diagnosis.cited(tuple(ids)) if e.kind is not EvidenceKind.missing)[:8]


def _cite(diagnosis: Diagnosis, ids: Sequence[str]) -> str:
    """Citations for those of ``ids`` that exist: `` [a] [b]``, or nothing."""
    known = {item.id for item in diagnosis.evidence}
    return "".join(f" [{i}]" for i in list(dict.fromkeys(i for i in ids if i in known))[:4])


def _named(change: Change | None, change_id: str) -> str:
    if change is None:
        return f"change {plain(short(change_id), 80)}"
    identity = plain(short(change.id), 80)
    summary = f" “{plain(change.summary, 100)}”" if change.summary else ""
    when = f" at {change.timestamp:%H:%M} UTC"
    return f"{change.kind} {identity}{summary}{when}"


def _sentence(text: str, cited: str | None = None) -> str:
    """``text`` as one sentence, with what it rests on before its full stop."""
    line = plain(text, 300)
    end = line[-1] if line.endswith((".", "!", "?")) else "."
    citation = f" [{cited}]" if cited else ""
    return line.removesuffix(end) + citation + end


def _joined(sentences: Sequence[str]) -> str:
    return " ".join(_sentence(sentence) for sentence in sentences[:6])


def _identity(incident: Incident, choice: Choice) -> str:
    """The same incident and remedy give the same id, so that a step run again proposes nothing new."""
    basis = f"{incident.id}\x1f{choice.remedy.model_dump_json()}"
    return "PROP-" + hashlib.sha256(basis.encode()).hexdigest()[:12]
