"""A person's yes and no: how many it takes, and that only the first answer counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data import audit
from data.domain import Decision, Feedback, IncidentStatus, Outcome, RejectReason, Verdict
from data.errors import PolicyError, StoreError
from pipelines.answers import Answers
from pipelines.casefile import CaseFiles
from pipelines.rulings import Rulings, approvals_of
from pipelines.sites import Site, Sites
from remediation.approval import Approval
from remediation.policy import ActionKind, Policy

ID = "INC-1"


@pytest.fixture
def desk(past: Any, tmp_path: Path) -> Any:
    """``desk(approvals=2)``: the answers to an incident whose fix waits, under a policy that wants so many people."""
    past.proposed(ID)

    def answers(approvals: int = 1, **parts: object) -> Answers:
        rule = {"name": "r", "actions": ["restart"], "outcome": "ask", "approvals": approvals}
        rule |= {"approvers": {"people": ["*"]}}
        policy = Policy.model_validate({"version": 1, "rules": [rule], **parts})
        files = CaseFiles(past.store, tmp_path)
        Rulings(files, policy).decide(ID, ActionKind.restart)
        return Answers(files=files, sites=Sites(Site()), policy=policy)

    return answers


def test_one_yes_is_enough_where_the_rule_asks_for_one(desk: Any, past: Any) -> None:
    decision = desk().approve(ID, "grace")
    assert (decision.outcome, decision.action, decision.by) == (Outcome.act, "restart", "grace")
    assert past.store.incident(ID).status is IncidentStatus.approved
    assert past.store.latest(ID, Feedback).verdict is Verdict.approved
    with pytest.raises(PolicyError, match="decided already"):
        desk().approve(ID, "linus")


def test_the_first_of_two_is_kept_and_the_second_decides(desk: Any, past: Any) -> None:
    answers = desk(approvals=2)
    for by in ("grace", "grace", "GRACE"):
        first = answers.approve(ID, by)
        assert (first.outcome, past.store.incident(ID).status) == (Outcome.ask, IncidentStatus.awaiting_approval)
    assert approvals_of(past.store, ID).model_dump() == {"people": ("grace",), "needed": 2}
    assert past.store.latest(ID, Feedback) is None
    assert "1 of 2: grace" in [event.message for event in past.store.events(ID)][-1]
    decision = answers.approve(ID, "linus")
    assert (decision.outcome, decision.by) == (Outcome.act, "grace and linus")
    assert past.store.latest(ID, Decision) == decision
    assert past.store.incident(ID).status is IncidentStatus.approved
    said = [entry.actor for entry in audit.entries(past.store.engine) if entry.action == "approve"]
    assert said == ["grace", "grace", "GRACE", "linus"]


def test_one_no_is_enough_after_a_yes(desk: Any, past: Any) -> None:
    answers = desk(approvals=2)
    answers.approve(ID, "grace")
    feedback = answers.reject(ID, "linus", RejectReason.wrong_change, true_change="abc", comment="it was the flag")
    assert (feedback.verdict, feedback.reason, feedback.true_change) == (Verdict.rejected, "wrong_change", "abc")
    assert past.store.incident(ID).status is IncidentStatus.escalated
    with pytest.raises(PolicyError, match="decided already"):
        answers.approve(ID, "ada")


def test_approvals_of_an_earlier_proposal_do_not_count(desk: Any, past: Any) -> None:
    answers = desk(approvals=2)
    past.put(ID, Approval(proposal_id="another", by="ada"))
    assert answers.approve(ID, "grace").outcome is Outcome.ask


def test_the_shared_token_is_no_second_person_and_keeps_no_approval(desk: Any, past: Any) -> None:
    with pytest.raises(PolicyError, match="nobody in particular"):
        desk(approvals=2).approve(ID, "api")
    assert past.store.all(ID, Approval) == []


def test_what_was_asked_before_a_freeze_waits_for_its_end(desk: Any, past: Any) -> None:
    hour = timedelta(hours=1)
    freeze = {"name": "launch", "from": past.at - hour, "to": past.at + hour, "reason": "launch"}
    with pytest.raises(PolicyError, match="freeze 'launch'"):
        desk(freezes=[freeze]).approve(ID, "grace")
    assert past.store.incident(ID).status is IncidentStatus.awaiting_approval
    assert desk().approve(ID, "grace").outcome is Outcome.act


@pytest.mark.parametrize("approvals", [1, 2])
def test_of_many_at_once_one_answer_stands(desk: Any, past: Any, approvals: int) -> None:
    answers = desk(approvals=approvals)

    def answer(n: int) -> str:
        try:
            if n == 5:
                return answers.reject(ID, f"p{n}", RejectReason.other).verdict.value
            return answers.approve(ID, f"p{n}").outcome.value
        except PolicyError as late:
            return str(late)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(answer, range(6)))
    won = [each for each in said if each in ("act", "rejected")]
    late = [each for each in said if each not in ("act", "rejected", "ask")]
    assert len(won) == 1
    assert all("decided already" in each for each in late)
    assert len(past.store.all(ID, Feedback)) == 1


def test_a_reason_that_is_not_in_the_list_and_nothing_to_answer(desk: Any, past: Any) -> None:
    with pytest.raises(ValueError, match="because"):
        desk().reject(ID, "grace", "because")
    assert past.store.latest(ID, Feedback) is None
    past.store.move(ID, IncidentStatus.investigating, "again")
    with pytest.raises(StoreError, match="nothing about INC-1 waits"):
        desk().approve(ID, "grace")
