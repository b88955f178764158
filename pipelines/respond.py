"""The flow: from an alert to a decision, one step a function, each step durable.

    alert -> triage -> collect -> investigate -> propose -> ask | a person decides -> act -> deploy | it harms -> undo

Four flows: ``take_in`` handles one alert, ``respond`` one incident as far as it goes without a person, ``conclude``
begins when a person has decided, and ``take_back`` when telemetry says that what was done did not help
(:mod:`pipelines.recovery`): nothing waits in between, so a thousand open questions cost nothing.
Every step is idempotent: after a crash the step that was under way runs again, and those before it do not.
"""

from __future__ import annotations

from collections.abc import Callable
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

    def begin_respond(self, incident_id: str, look: int = 1) -> None:
        """Start :func:`respond` for an incident; once for each look at it, however often it is asked."""
        ...

    def begin_conclude(self, incident_id: str) -> None:
        """Start :func:`conclude` for an incident; once, however often it is asked."""
        ...


class Steps(Protocol):
    """What the flow does, each in the words of one function; see :mod:`pipelines.steps`."""

    def triage(self, key: str) -> Triage: ...
    def collect(self, incident_id: str) -> None: ...
    def investigate(self, incident_id: str) -> None: ...
    def propose(self, incident_id: str) -> bool: ...
    def ask(self, incident_id: str) -> bool: ...
    def is_approved(self, incident_id: str) -> bool: ...
    def verdict(self, incident_id: str) -> IncidentStatus: ...
    def act(self, incident_id: str) -> bool: ...
    def deploy(self, incident_id: str) -> None: ...
    def withdraw(self, incident_id: str, because: str) -> None: ...
    def take_back(self, incident_id: str) -> None: ...


def take_in(key: str, do: Steps, durable: Durable) -> str | None:
    """Handle one stored alert: it opens an incident, joins one, which may then be looked at anew, or ends one.

    Returns the incident's id, if any.
    """
    triage = durable.step(do.triage, key)
    if triage.incident_id is None:
        return None
    if triage.is_new:
        durable.begin_respond(triage.incident_id)
    elif triage.look is not None:
        durable.begin_respond(triage.incident_id, triage.look)
    elif triage.resolved:
        durable.begin_conclude(triage.incident_id)
    return triage.incident_id


def respond(incident_id: str, do: Steps, durable: Durable) -> None:
    """Handle one incident until its fix waits for a person, or a person has to take over."""
    durable.step(do.collect, incident_id)
    durable.step(do.investigate, incident_id)
    if not durable.step(do.propose, incident_id) or not durable.step(do.ask, incident_id):
        return
    if durable.step(do.is_approved, incident_id):  # by its rule: nobody has to be waited for
        durable.begin_conclude(incident_id)


def conclude(incident_id: str, do: Steps, durable: Durable) -> None:
    """Do what was decided. What nobody decided is withdrawn, never done."""
    verdict = durable.step(do.verdict, incident_id)
    if verdict is IncidentStatus.approved:
        if durable.step(do.act, incident_id):
            durable.step(do.deploy, incident_id)
    elif verdict is IncidentStatus.resolved:
        durable.step(do.withdraw, incident_id, "the alert recovered before anybody decided")
    elif verdict is IncidentStatus.awaiting_approval:
        durable.step(do.withdraw, incident_id, "nobody decided in time")
    else:
        durable.step(do.withdraw, incident_id, "a person rejected the proposal")


def take_back(incident_id: str, do: Steps, durable: Durable) -> None:
    """Undo what was done for an incident, or say to a person why not."""
    durable.step(do.take_back, incident_id)
