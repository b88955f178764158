"""What is known beside one incident's own telemetry: how incidents like it went, what else is wrong, what runbooks say.

Likeness is the weighted Jaccard index of two incidents' features (who alerted and by which metric, what is blamed, the
words of the title), each weighted by its inverse document frequency (Spärck Jones, 1972): what nearly every incident
shares tells nothing. Nothing of this ranks a cause; it is shown to whoever drafts a fix.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from data.domain import Diagnosis, Feedback, Incident, IncidentStatus, Verdict
from data.errors import ConfigError
from data.excerpt import ChangeExcerpt
from data.labels import Label
from data.proposal import Proposal
from data.store import Store
from pipelines.recurrence import return_of
from pipelines.runbooks import excerpts
from remediation.choice import blamed_change
from remediation.llm.prompt import Facts, Past

MOST_PAST = 300
MOST_SHOWN = 5
MOST_OPEN = 10
LIKE_FROM = 0.2

Features = frozenset[tuple[str, str]]


def facts_about(store: Store, incident: Incident, diagnosis: Diagnosis, runbooks: Path | None = None) -> Facts:
    """What a language model may be told beside the diagnosis; ``runbooks`` is a folder of them, None for none."""
    return Facts(
        known_issues=_open_beside(store, incident),
        history=precedents(store, incident, diagnosis),
        runbooks=from_runbooks(runbooks, incident, diagnosis),
    )


def from_runbooks(folder: Path | None, incident: Incident, diagnosis: Diagnosis) -> tuple[str, ...]:
    """What the runbooks say of an incident like this; where they cannot be read, that is what is told."""
    if folder is None:
        return ()
    try:
        return excerpts(folder, _words_about(incident, diagnosis))
    except ConfigError as missing:
        return (f"(the runbooks could not be read: {missing})",)


def precedents(store: Store, incident: Incident, diagnosis: Diagnosis) -> tuple[Past, ...]:
    """The incidents most like this one that were over before it opened, the likest first."""
    over = [
        known
        for known in store.incidents([IncidentStatus.resolved], limit=MOST_PAST)
        if _comparable(known, incident) and known.resolved_at is not None and known.resolved_at <= incident.opened_at
    ]
    features = {known.id: _features(known, store.latest(known.id, Diagnosis)) for known in over}
    own = _features(incident, diagnosis)
    weight = _weights([own, *features.values()])
    ranked = sorted(((_likeness(own, features[known.id], weight), known) for known in over), key=lambda p: -p[0])
    return tuple(_past(store, known, like, over) for like, known in ranked[:MOST_SHOWN] if like >= LIKE_FROM)


def _comparable(known: Incident, incident: Incident) -> bool:
    return known.id != incident.id and known.environment == incident.environment and not known.is_advice


def _features(incident: Incident, diagnosis: Diagnosis | None) -> Features:
    alert = incident.alert
    found = {("alert", alert.service), *(("word", word) for word in _words(alert.title))}
    if alert.metric:
        found.add(("metric", alert.metric))
    if diagnosis is not None and diagnosis.suspects:
        lead = diagnosis.suspects[0]
        found.add(("cause", lead.service))
        if lead.indicator:
            found.add(("indicator", lead.indicator))
        found.add(("changed", "yes" if blamed_change(diagnosis) else "no"))
    return frozenset(found)


def _weights(documents: list[Features]) -> Mapping[tuple[str, str], float]:
    """Inverse document frequency, smoothed so that what is everywhere still counts a little."""
    seen = Counter(feature for document in documents for feature in document)
    return {feature: math.log((1 + len(documents)) / (1 + count)) + 0.1 for feature, count in seen.items()}


def _likeness(one: Features, other: Features, weight: Mapping[tuple[str, str], float]) -> float:
    shared, all_of_them = sum(weight[f] for f in one & other), sum(weight[f] for f in one | other)
    return shared / all_of_them if all_of_them else 0.0


def _past(store: Store, incident: Incident, likeness: float, others: Iterable[Incident]) -> Past:
    return Past(
        id=incident.id,
        title=incident.title,
        cause=_cause(store, incident.id),
        fix=_fix(store, incident, others),
        minutes_to_recover=_minutes(store, incident),
        likeness=likeness,
    )


def _cause(store: Store, incident_id: str) -> str:
    """What a person said it was, where one did; else what was diagnosed."""
    label, said = store.latest(incident_id, Label), store.latest(incident_id, Feedback)
    if label is not None:
        named = "nothing was wrong" if label.nothing_wrong else ", ".join(label.services)
        return f"{named} (a person looked into it{': ' + label.comment if label.comment else ''})"
    if said is not None and said.true_service:
        return f"{said.true_service} (a person said so)"
    diagnosis = store.latest(incident_id, Diagnosis)
    if diagnosis is None or not diagnosis.suspects:
        return "not known"
    lead, blamed = diagnosis.suspects[0], blamed_change(diagnosis)
    excerpt = store.latest(incident_id, ChangeExcerpt)
    change = next((c for c in excerpt.changes if blamed and c.id == blamed.id), None) if excerpt else None
    did = f", by {change.kind} “{change.summary}”" if change else ""
    return f"{lead.service}{did} (as diagnosed, {lead.probability:.0%} sure)"


def _fix(store: Store, incident: Incident, others: Iterable[Incident]) -> str:
    proposal, said = store.latest(incident.id, Proposal), store.latest(incident.id, Feedback)
    if proposal is None:
        return "none was proposed"
    summary = proposal.proposed_solution.summary
    if said is None:
        return f"{summary} (nobody answered)"
    if said.verdict is Verdict.rejected:
        return f"{summary} (rejected: {said.reason.value if said.reason else 'no reason given'})"
    again = "but the same service alerted again within a day" if return_of(incident, others) else "and it recovered"
    return f"{summary} (approved, {again})"


def _minutes(store: Store, incident: Incident) -> float | None:
    """From the first alert to the recovery. One that was closed by hand did not recover by anybody's word."""
    closing = [event for event in store.events(incident.id) if event.kind == IncidentStatus.resolved.value]
    if incident.resolved_at is None or not any("alert" in event.detail for event in closing):
        return None
    fired = min(alert.fired_at for alert in incident.alerts)
    return (incident.resolved_at - fired).total_seconds() / 60


def _open_beside(store: Store, incident: Incident) -> tuple[str, ...]:
    """Other incidents that are not over, as sentences: what is wrong there may be what is seen here."""
    still = store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}, limit=MOST_OPEN)
    return tuple(
        f"{known.id} about {known.service} is open since {known.opened_at:%Y-%m-%d %H:%M} UTC: {known.title}"
        for known in still
        if _comparable(known, incident)
    )


def _words_about(incident: Incident, diagnosis: Diagnosis) -> frozenset[str]:
    """What to look for in runbooks."""
    alert = incident.alert
    texts = [alert.service, alert.title, alert.metric or ""]
    texts += [f"{c.service} {c.indicator or ''}" for c in diagnosis.suspects[:3]]
    return _words(" ".join(texts))


def _words(text: str) -> frozenset[str]:
    """Words of three letters and more; figures differ each time and say nothing of what it is."""
    return frozenset(re.findall(r"[a-z]{3,}", text.lower()))
