"""A game day: break the shop for real, and see whether it is noticed, understood, fixed and well again.

The flow sees what it sees of any system. The right answer lies beside what it said, for the reader; nothing that
detects, ranks or repairs can read it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from data.domain import Alert, AlertStatus, Decision, Diagnosis, Incident, IncidentStatus, PullRequest, now
from data.lab.lab import Lab
from data.lab.truth import Truth
from data.proposal import Proposal
from data.store import Store

APPROVER = "drill"
SETTLED = frozenset({IncidentStatus.awaiting_approval, IncidentStatus.escalated, IncidentStatus.resolved})
_NOT_ESCALATED = frozenset(IncidentStatus) - {IncidentStatus.escalated}
_POLL_S = 0.5

Say = Callable[[str], None]


class Approves(Protocol):
    """The part of the control plane that a drill speaks to."""

    def approve(self, incident_id: str, by: str) -> Decision: ...


@dataclass(frozen=True)
class Patience:
    """How long a drill waits, in seconds.

    For history before the first fault; to be noticed, settled, and well again; for another alert to have an incident
    looked at again that was handed to a person; for calm before the next fault, and then for ``rest_s`` more, so that
    the tail of one is not taken for the beginning of another.
    """

    history_s: float = 100.0
    notice_s: float = 240.0
    settle_s: float = 180.0
    second_look_s: float = 30.0
    recover_s: float = 300.0
    calm_s: float = 180.0
    # Longer than what counts as the same trouble come back (pipelines/calm.py).
    rest_s: float = 75.0


@dataclass(frozen=True)
class Drill:
    """Plays faults one after the other on a running shop, with a watch on it."""

    lab: Lab
    store: Store
    responder: Approves
    say: Say
    approve: bool
    patience: Patience = Patience()

    def play(self, fault: str, seed: int) -> dict[str, Any]:
        """One fault, put in and taken out again; returns what happened, with the right answer beside it."""
        self.say(f"{fault}: put in")
        truth = self.lab.break_(fault, seed)
        try:
            noticed = self._await_alert(truth.starts_at)
            record = self._handled(*noticed, truth) if noticed else {"done": "nothing: it was not noticed"}
        finally:
            self.lab.heal(truth)
        return {"fault": fault, "seed": seed, **_BLANK, **record, "truth": _answer(truth)}

    def await_history(self, since: datetime) -> None:
        """Wait until the shop has been watched long enough, as it runs now, to know what is usual."""
        ready = since + timedelta(seconds=self.patience.history_s)
        while (missing := (ready - now()).total_seconds()) > 0:
            self.say(f"watching what is usual for another {missing:.0f} s")
            time.sleep(min(missing, 30.0))

    def await_calm(self) -> None:
        """Wait until no incident has been open for a while.

        One that stays open although the fault was taken out is closed, as whoever leads a game day does: the next fault
        would else be taken for more of it.
        """
        end, calm_since = time.monotonic() + self.patience.calm_s, time.monotonic()
        while time.monotonic() - calm_since < self.patience.rest_s:
            still_open = self._open()
            if still_open and time.monotonic() > end:
                for incident in still_open:
                    self.store.move(incident.id, IncidentStatus.resolved, "closed: the game day goes on")
            elif still_open:
                calm_since = time.monotonic()
            time.sleep(_POLL_S)

    def _handled(self, incident: Incident, alert: Alert, truth: Truth) -> dict[str, Any]:
        noticed = (alert.fired_at - truth.starts_at).total_seconds()
        self.say(f"{truth.fault}: noticed after {noticed:.0f} s: {alert.title}")
        incident = self._await_answer(incident.id)
        if incident.status is IncidentStatus.awaiting_approval and self.approve:
            self.responder.approve(incident.id, APPROVER)
            self.say(f"{truth.fault}: approved; waiting for telemetry to recover")
            incident = self._await_status(incident.id, {IncidentStatus.resolved}, self.patience.recover_s)
        recovered = incident.status is IncidentStatus.resolved
        mttr = (incident.resolved_at - truth.starts_at).total_seconds() if incident.resolved_at else None
        return {
            "detected_after_s": round(noticed, 1),
            "incident": incident.id,
            **_finding(self.store.latest(incident.id, Diagnosis)),
            "done": self._done(incident.id),
            "recovered": recovered,
            "mttr_s": round(mttr, 1) if mttr is not None else None,
        }

    def _done(self, incident_id: str) -> str:
        proposal, request = self.store.latest(incident_id, Proposal), self.store.latest(incident_id, PullRequest)
        last = [e.message for e in self.store.events(incident_id) if e.kind != "unseen"][-1]
        if proposal is None:
            return last
        where = f"pull request {request.number} is {request.state.value}" if request else "no pull request"
        return f"{proposal.proposed_solution.summary} ({where}); {last}"

    def _await_alert(self, since: datetime) -> tuple[Incident, Alert] | None:
        """The first alert since then, and its incident: a new one, or one that was open by a false alarm."""
        end = time.monotonic() + self.patience.notice_s
        while time.monotonic() < end:
            fired = [(i, a) for i in self.store.incidents() for a in i.alerts if _began(a, since)]
            if fired:
                return min(fired, key=lambda pair: pair[1].fired_at)
            time.sleep(_POLL_S)
        return None

    def _await_answer(self, incident_id: str) -> Incident:
        """Until a fix waits for a person, or a person has to take over, and no second look is taken at it."""
        incident = self._await_status(incident_id, SETTLED, self.patience.settle_s)
        while incident.status is IncidentStatus.escalated:
            again = self._await_status(incident_id, _NOT_ESCALATED, self.patience.second_look_s)
            if again.status is IncidentStatus.escalated:
                break
            incident = self._await_status(incident_id, SETTLED, self.patience.settle_s)
        return incident

    def _await_status(self, incident_id: str, wanted: Collection[IncidentStatus], for_s: float) -> Incident:
        end = time.monotonic() + for_s
        while (incident := self.store.incident(incident_id)).status not in wanted and time.monotonic() < end:
            time.sleep(_POLL_S)
        return incident

    def _open(self) -> list[Incident]:
        return self.store.incidents(set(IncidentStatus) - {IncidentStatus.resolved})


_BLANK: dict[str, Any] = {
    "detected_after_s": None,
    "incident": None,
    "services": [],
    "changes": [],
    "no_change_probability": None,
    "recovered": False,
    "mttr_s": None,
}


def _began(alert: Alert, since: datetime) -> bool:
    return alert.status is AlertStatus.firing and alert.fired_at >= since


def _finding(diagnosis: Diagnosis | None) -> dict[str, Any]:
    if diagnosis is None:
        return {}
    return {
        "services": [{"service": c.service, "probability": c.probability} for c in diagnosis.candidates],
        "changes": [{"id": c.id, "probability": c.probability} for c in diagnosis.changes],
        "no_change_probability": diagnosis.no_change_probability,
    }


def _answer(truth: Truth) -> dict[str, Any]:
    return {"services": list(truth.services), "indicators": list(truth.indicators), "changes": list(truth.changes)}
