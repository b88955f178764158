"""The order of the steps, with scripted ones: what follows what, and what is never reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from data.domain import IncidentStatus
from pipelines.respond import conclude, respond, take_in
from pipelines.triage import Triage


class ScriptedSteps:
    """Steps that answer as they are told and remember being asked."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[str] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def step(*_: object) -> Any:
            return self._answers.get(name)

        step.__name__ = name
        return step


class Plain:
    """Runs steps at once, without recording; remembers which were run and which flows were begun."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def step(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.log.append(function.__name__)
        return function(*args, **kwargs)

    def begin_respond(self, incident_id: str, look: int = 1) -> None:
        self.log.append(f"respond {incident_id}" + (f" again, {look}" if look > 1 else ""))

    def begin_conclude(self, incident_id: str) -> None:
        self.log.append(f"conclude {incident_id}")


def log_of(flow: Callable[..., Any], **answers: Any) -> list[str]:
    plain = Plain()
    flow("INC-1", ScriptedSteps(**answers), plain)
    return plain.log


@pytest.mark.parametrize(
    ("triage", "log"),
    [
        (Triage("INC-1", is_new=True), ["triage", "respond INC-1"]),
        (Triage("INC-1"), ["triage"]),
        (Triage("INC-1", look=2), ["triage", "respond INC-1 again, 2"]),
        (Triage("INC-1", resolved=True), ["triage", "conclude INC-1"]),
        (Triage(None), ["triage"]),
    ],
)
def test_an_alert_opens_joins_or_ends_an_incident(triage: Triage, log: list[str]) -> None:
    assert log_of(take_in, triage=triage) == log


def test_an_incident_is_carried_to_a_pull_request_and_no_further() -> None:
    assert log_of(respond, propose=True, ask=True) == ["collect", "investigate", "propose", "ask", "is_approved"]


def test_what_the_policy_approves_goes_on_at_once() -> None:
    log = log_of(respond, propose=True, ask=True, is_approved=True)
    assert log == ["collect", "investigate", "propose", "ask", "is_approved", "conclude INC-1"]


def test_what_could_not_be_put_to_anybody_ends_there() -> None:
    assert log_of(respond, propose=True, ask=False) == ["collect", "investigate", "propose", "ask"]


def test_without_a_safe_proposal_nothing_is_written() -> None:
    assert log_of(respond, propose=False) == ["collect", "investigate", "propose"]


@pytest.mark.parametrize("verdict", list(IncidentStatus))
def test_only_an_approval_merges(verdict: IncidentStatus) -> None:
    log = log_of(conclude, verdict=verdict)
    assert log == ["verdict", "act" if verdict is IncidentStatus.approved else "withdraw"]


@pytest.mark.parametrize("done", [True, False])
def test_only_what_was_done_is_deployed(done: bool) -> None:
    log = log_of(conclude, verdict=IncidentStatus.approved, act=done)
    assert log == ["verdict", "act", "deploy"][: 3 if done else 2]
