"""The flow: from an alert to a decision, one step a function, each step durable.

    alert -> triage -> collect -> investigate -> propose -> open a pull request -> wait for a person -> act

Two flows: ``take_in`` handles one alert, ``respond`` one incident. Every step is idempotent: after a crash the
step that was under way runs again, and those before it do not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ParamSpec, Protocol, TypeVar

from data.domain import IncidentStatus
from pipelines.triage import Triage

P = ParamSpec("P")
R = TypeVar("R")


class Durable(Protocol):
    """How steps are run: checkpointed by DBOS in production (``worker``), plainly in tests."""

    def step(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a step, or give its recorded result when it has run already."""
        ...

    def start(self, incident_id: str) -> None:
        """Begin ``respond`` for an incident, once."""
        ...

    def tell(self, incident_id: str) -> None:
        """Wake the flow of an incident, if one is waiting."""
        ...

    def wait_for_word(self, timeout: timedelta) -> bool:
        """Sleep until this incident's flow is told something; False when ``timeout`` passed first."""
        ...


class Steps(Protocol):
    """What the flow does, each in the words of one function; see :mod:`pipelines.steps`."""

    @property
    def approval_timeout(self) -> timedelta: ...

    def triage(self, key: str) -> Triage: ...
    def collect(self, incident_id: str) -> None: ...
    def investigate(self, incident_id: str) -> None: ...
    def propose(self, incident_id: str) -> bool: ...
    def open_pull_request(self, incident_id: str) -> bool: ...
    def standing(self, incident_id: str) -> IncidentStatus: ...
    def merge(self, incident_id: str) -> None: ...
    def withdraw(self, incident_id: str, because: str) -> None: ...


def take_in(key: str, do: Steps, durable: Durable) -> str | None:
    """Handle one stored alert: it opens an incident, joins one, or ends one. Returns the incident's id, if any."""
    triage = durable.step(do.triage, key)
    if triage.incident_id is None:
        return None
    if triage.is_new:
        durable.start(triage.incident_id)
    elif triage.resolved:
        durable.tell(triage.incident_id)
    return triage.incident_id


def respond(incident_id: str, do: Steps, durable: Durable) -> None:
    """Handle one incident. A person takes over wherever no safe step is left."""
    durable.step(do.collect, incident_id)
    durable.step(do.investigate, incident_id)
    if durable.step(do.propose, incident_id) and durable.step(do.open_pull_request, incident_id):
        resolve(incident_id, do, durable)


def resolve(incident_id: str, do: Steps, durable: Durable) -> None:
    """Wait for a person, then do what they said. What nobody decides in time is withdrawn, never merged."""
    while (standing := durable.step(do.standing, incident_id)) is IncidentStatus.awaiting_approval:
        if not durable.wait_for_word(do.approval_timeout):
            durable.step(do.withdraw, incident_id, f"nobody decided within {do.approval_timeout.days} days")
            return
    if standing is IncidentStatus.approved:
        durable.step(do.merge, incident_id)
    elif standing is IncidentStatus.resolved:
        durable.step(do.withdraw, incident_id, "the alert recovered before anybody decided")
    else:
        durable.step(do.withdraw, incident_id, "a person rejected the proposal")
