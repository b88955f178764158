"""What was approved is held to the policy once more before it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data import audit
from data.action import Applied, Operation
from data.domain import Change, ChangeKind, Decision, Feedback, IncidentStatus, Outcome, Verdict, now
from data.proposal import Remedy
from data.settings import load_settings
from pipelines.act import Acting
from pipelines.casefile import CaseFiles
from pipelines.sites import Site, Sites
from remediation.policy import Policy

ID = "INC-1"
RESTART = Operation(
    kind="restart", service="cart", target="cart", summary="Restart cart", before={"pid": 1}, after={"pid": 2}
)


class Counting:
    """A platform that counts what is done to it."""

    def __init__(self) -> None:
        self.done = 0

    def plan(self, remedy: Remedy) -> Operation:
        return RESTART

    def rehearse(self, operation: Operation) -> None:
        return None

    def apply(self, operation: Operation) -> tuple[Change, ...]:
        self.done += 1
        return (Change(id="c", kind=ChangeKind.infrastructure, timestamp=now(), service="cart", summary="Restarted"),)

    def go_on(self, operation: Operation) -> tuple[Change, ...]:
        return ()

    def missing(self, operation: Operation) -> str | None:
        return None


@pytest.fixture
def approved(past: Any, tmp_path: Path) -> Callable[..., tuple[Acting, Counting]]:
    """An incident whose restart is approved, by a person or by a rule, under a policy that came into force since."""

    def made(outcome: str, by_person: bool, **parts: object) -> tuple[Acting, Counting]:
        rule = {"name": "r", "actions": ["restart"], "outcome": outcome, "approvers": {"people": ["*"]}}
        policy, platform = Policy.model_validate({"version": 1, "rules": [rule], **parts}), Counting()
        past.proposed(ID)
        past.put(ID, RESTART, Decision(outcome=Outcome.act, action="restart", by="ann", explanation="yes"))
        if by_person:
            past.put(ID, Feedback(incident_id=ID, proposal_id=f"P-{ID}", verdict=Verdict.approved, by="ann"))
        past.store.move(ID, IncidentStatus.approved, "approved")
        settings = load_settings(state_dir=tmp_path)
        files = CaseFiles(past.store, tmp_path / "incidents")
        return Acting(settings=settings, files=files, sites=Sites(Site(platform=platform)), policy=policy), platform

    return made


def freeze(during: str) -> dict[str, object]:
    hour = timedelta(hours=1)
    return {"name": "launch", "from": now() - hour, "to": now() + hour, "reason": "launch", "during": during}


@pytest.mark.parametrize(
    ("outcome", "by_person", "parts", "is_done"),
    [
        ("ask", True, {}, True),
        ("act", False, {}, True),
        ("ask", False, {}, False),  # it was earned then, and is lost now
        ("refuse", True, {}, False),
        ("ask", True, {"freezes": [freeze("refuse")]}, False),
        ("ask", True, {"freezes": [freeze("ask")]}, True),
        ("act", False, {"freezes": [freeze("ask")]}, False),
        ("act", True, {"tiers": {"ceiling": "suggest"}}, False),
    ],
)
def test_what_the_policy_no_longer_lets_happen_is_asked_again(
    approved: Callable[..., tuple[Acting, Counting]],
    past: Any,
    outcome: str,
    by_person: bool,
    parts: dict[str, object],
    is_done: bool,
) -> None:
    acting, platform = approved(outcome, by_person, **parts)
    assert acting.act(ID) is is_done
    assert platform.done == is_done
    stands = past.store.incident(ID).status
    assert stands is (IncidentStatus.merged if is_done else IncidentStatus.awaiting_approval)
    assert (past.store.latest(ID, Applied) is not None) is is_done
    if not is_done:
        assert past.store.events(ID)[-1].message.startswith("not done: ")
        assert "restart" not in [entry.action for entry in audit.entries(past.store.engine)]
