"""Which incident an alert belongs to: one that is open already, a new one, or none.

An alert of a group that an open incident holds belongs to it. Any other firing alert is compared with every alert
of every open incident in the same environment, and joins the best match that reaches :data:`THRESHOLD`:

    score = nearness * recency
    nearness = 0.7 ** calls between the two services (0 beyond two calls)
    recency  = 0.5 ** (minutes apart / 30)           (0 beyond thirty minutes)

So the same service joins for half an hour, a direct caller or callee just as long, and one two calls away for
about a quarter of an hour. The incident's timeline says in words why an alert joined.

An incident that was handed to a person without a fix is looked at again when another alert joins it: what opened it
may have been a false alarm or a first faint sign, and what it could not tell then it may be able to tell now.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.action import Operation
from data.domain import Alert, AlertLevel, AlertStatus, Incident, IncidentStatus, Look, PullRequest, Severity, now
from data.store import Store, new_incident_id
from data.topology import ServiceGraph
from data.transaction import Transaction
from pipelines.intake import UNKNOWN_SERVICE

NEARNESS_PER_CALL = 0.7
MOST_CALLS = 2
HALVED_AFTER_MINUTES = 30.0
MOST_MINUTES = 30.0
THRESHOLD = 0.35
# A storm of alerts that nothing can be made of is looked at so many times more, and no oftener.
MOST_LOOKS = 4


@dataclass(frozen=True)
class Triage:
    """What became of an alert. ``is_new``: it opened the incident. ``resolved``: it closed the incident.

    ``look``: it joined an incident that is to be looked at anew; this is which look at it, from 2 on.
    """

    incident_id: str | None
    is_new: bool = False
    resolved: bool = False
    look: int | None = None


@dataclass(frozen=True)
class Match:
    """How well an alert fits an open incident, and why, in words."""

    incident: Incident
    score: float
    reason: str


def triage(store: Store, key: str, graph: ServiceGraph) -> Triage:
    """Take a stored alert in. Doing it again for the same alert changes nothing and gives the same answer.

    Raises:
        StoreError: if no alert has that key.
    """
    with store.exclusive() as transaction:
        alert, handled, incident_id = transaction.taken_in(key)
        if handled:
            return _earlier(transaction, key, incident_id)
        incidents = transaction.unresolved()
        held = next((incident for incident in incidents if _holds(incident, alert)), None)
        if alert.status is AlertStatus.resolved:
            result = _recover(transaction, key, alert, held)
        elif held is not None:
            result = _repeat(transaction, key, alert, held)
            _raise_severity(transaction, held, alert)
        elif _has_recovered_since(transaction, key, alert):
            result = _open_and_close(transaction, key, alert)
        elif match := correlate(alert, incidents, graph):
            result = _join(transaction, key, alert, match)
            _raise_severity(transaction, match.incident, alert)
        else:
            result = _open(transaction, key, alert)
        return result


def correlate(alert: Alert, incidents: list[Incident], graph: ServiceGraph) -> Match | None:
    """The open incident that a firing alert most likely belongs to, or None when none is likely enough."""
    troubles = [i for i in incidents if i.environment == alert.environment and not i.is_advice]
    near = [_match(alert, incident, graph) for incident in troubles]
    likely = [match for match in near if match.score >= THRESHOLD]
    return max(likely, key=lambda match: match.score, default=None)


def first_severity(anomaly_score: float | None, level: AlertLevel) -> Severity:
    """Severity by the first rule; ``anomaly_score`` in [0, 1], None while nothing has been investigated.

    Above 0.85 and an error: critical. Above 0.6 and an error or a warning: high. Else medium. Without a score,
    an error is provisionally high: critical takes evidence, and a person should look before there is any.
    """
    if anomaly_score is None:
        return Severity.high if level is AlertLevel.error else Severity.medium
    from models.impact import severity_of  # loads numpy, which taking an alert in does not need

    return severity_of(anomaly_score, level)


def _match(alert: Alert, incident: Incident, graph: ServiceGraph) -> Match:
    firing = [other for other in incident.alerts if other.status is AlertStatus.firing]
    return max(
        (_fit(alert, other, incident, graph) for other in firing),
        key=lambda match: match.score,
        default=Match(incident, 0.0, ""),
    )


def _fit(alert: Alert, other: Alert, incident: Incident, graph: ServiceGraph) -> Match:
    minutes = abs((alert.fired_at - other.fired_at).total_seconds()) / 60
    # Two alerts about services we cannot name have nothing in common but that.
    calls = None if UNKNOWN_SERVICE in (alert.service, other.service) else graph.distance(alert.service, other.service)
    if calls is None or calls > MOST_CALLS or minutes > MOST_MINUTES:
        return Match(incident, 0.0, "")
    score = NEARNESS_PER_CALL**calls * 0.5 ** (minutes / HALVED_AFTER_MINUTES)
    return Match(incident, score, f"{_relation(alert.service, other.service, graph)}, {_apart(minutes)}")


def _relation(one: str, other: str, graph: ServiceGraph) -> str:
    """How two services within two calls of each other are related, in words."""
    if one == other:
        return f"both are about {one}"
    for caller, callee in ((other, one), (one, other)):
        calls = graph.downstream(caller).get(callee)
        if calls == 1:
            return f"{caller} calls {callee}"
        if calls is not None and calls <= MOST_CALLS:
            return f"{caller} calls {callee} through {graph.path(callee, caller)[1]}"
    shared = sorted(set(graph.callees(one)) & set(graph.callees(other)))
    if shared:
        return f"{one} and {other} both call {shared[0]}"
    shared = sorted(set(graph.callers(one)) & set(graph.callers(other)))
    return f"{shared[0]} calls both {one} and {other}" if shared else f"{one} and {other} are close"


def _apart(minutes: float) -> str:
    whole = round(minutes)
    return "at the same time" if whole == 0 else f"{whole} minute{'s' if whole != 1 else ''} apart"


def _holds(incident: Incident, alert: Alert) -> bool:
    return any((other.source, other.group) == (alert.source, alert.group) for other in incident.alerts)


def _still_firing(incident: Incident, recovered: Alert) -> list[Alert]:
    """The newest alert of each group that fires on after ``recovered``. Alerts are in the order received."""
    newest = {(alert.source, alert.group): alert for alert in incident.alerts}
    del newest[(recovered.source, recovered.group)]
    return [alert for alert in newest.values() if alert.status is AlertStatus.firing]


def _recover(transaction: Transaction, key: str, alert: Alert, held: Incident | None) -> Triage:
    """The incident ends with the last of its groups; a recovery of what we never saw fire belongs to none."""
    if held is None:
        transaction.attach(key, None)
        return Triage(None)
    transaction.attach(key, held.id)
    firing = _still_firing(held, alert)
    if firing:
        others = ", ".join(sorted({other.service for other in firing}))
        message = f"{alert.service} recovered: {alert.title}; still firing: {others}"
        transaction.note(held.id, "recovered", message, alert=key)
        return Triage(held.id)
    message = f"recovered, as {alert.source} says: {alert.title}"
    transaction.move(held.id, IncidentStatus.resolved, message, alert=key)
    return Triage(held.id, resolved=True)


def _repeat(transaction: Transaction, key: str, alert: Alert, held: Incident) -> Triage:
    transaction.attach(key, held.id)
    message = f"{alert.source} says again ({alert.level.value}): {alert.title}"
    transaction.note(held.id, "repeated", message, alert=key)
    return Triage(held.id)


def _join(transaction: Transaction, key: str, alert: Alert, match: Match) -> Triage:
    transaction.attach(key, match.incident.id)
    message = f"{alert.service}: {alert.title}; joined because {match.reason}"
    transaction.note(match.incident.id, "joined", message, alert=key, score=round(match.score, 3), threshold=THRESHOLD)
    return Triage(match.incident.id, look=_look_again(transaction, key, alert, match.incident))


def _look_again(transaction: Transaction, key: str, alert: Alert, incident: Incident) -> int | None:
    """Have an incident looked at anew that a person was handed without a fix; which look it is, None where it is none.

    Where a fix was put to people, they have something to decide, or decided it: that is not taken from under them.
    """
    looks = len(transaction.all(incident.id, Look))
    if incident.status is not IncidentStatus.escalated or looks >= MOST_LOOKS:
        return None
    if any(transaction.all(incident.id, kind) for kind in (PullRequest, Operation)):
        return None
    transaction.put(incident.id, Look(alert=alert))
    message = f"looking again, from the alert about {alert.service}"
    transaction.move(incident.id, IncidentStatus.investigating, message, alert=key, look=looks + 2)
    return looks + 2


def _open(transaction: Transaction, key: str, alert: Alert) -> Triage:
    at = now()
    incident = Incident(
        id=new_incident_id(at),
        title=alert.title,
        service=alert.service,
        status=IncidentStatus.open,
        severity=first_severity(None, alert.level),
        opened_at=at,
        alerts=(alert,),
        environment=alert.environment,
    )
    transaction.open(incident)
    transaction.attach(key, incident.id)
    message = f"{alert.source} alert about {alert.service}: {alert.title}"
    transaction.note(incident.id, "opened", message, alert=key, severity=incident.severity.value)
    return Triage(incident.id, is_new=True)


def _open_and_close(transaction: Transaction, key: str, alert: Alert) -> Triage:
    """Keep a record of what fired and recovered before it was taken in; there is nothing left to do about it."""
    opened = _open(transaction, key, alert)
    assert opened.incident_id is not None
    transaction.move(opened.incident_id, IncidentStatus.resolved, "recovered before it was taken in", alert=key)
    return Triage(opened.incident_id, resolved=True)


def _raise_severity(transaction: Transaction, incident: Incident, alert: Alert) -> None:
    """An error that joins what began as a warning makes it as severe as if it had begun as an error.

    Until the investigation has begun, that is: from then on severity rests on evidence.
    """
    severity = first_severity(None, alert.level)
    if incident.status is IncidentStatus.open and severity.rank > incident.severity.rank:
        transaction.set_severity(incident.id, severity)


def _has_recovered_since(transaction: Transaction, key: str, alert: Alert) -> bool:
    """Whether the same group's recovery arrived after this alert: flows run at once, and it may have overtaken."""
    return any(later.status is AlertStatus.resolved for later in transaction.handled_since(key, alert))


def _earlier(transaction: Transaction, key: str, incident_id: str | None) -> Triage:
    """What :func:`triage` answered when it took this alert in."""
    if incident_id is None:
        return Triage(None)
    told = {kind: detail for kind, detail in transaction.events(incident_id) if detail.get("alert") == key}
    resolved = IncidentStatus.resolved.value in told
    look = told.get(IncidentStatus.investigating.value, {}).get("look")
    return Triage(incident_id, is_new="opened" in told and not resolved, resolved=resolved, look=look)
