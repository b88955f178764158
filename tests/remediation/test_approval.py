"""Whose yes counts, and that only the first answer does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from data.domain import Decision, Outcome, PullRequestState, RejectReason, Verdict
from data.errors import PolicyError
from remediation.approval import approve, reject
from remediation.execute import action_request, close_pull_request, merge_pull_request, open_pull_request, propose_fix
from remediation.forge import LocalForge
from remediation.policy import Approvers, Policy, Rule, load_policy, load_policy_or_refuse

ACT = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")


@pytest.fixture
def desk(repo, culprit, incident, diagnosis_for, change_of):
    """An open pull request, and ``answer(approve or reject, by, ...)`` about it."""
    diagnosis = diagnosis_for(culprit)
    proposal = propose_fix(incident, diagnosis, [change_of(culprit)])
    forge = LocalForge(repo.path)
    opened = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=ACT)
    request = action_request("merge", incident, diagnosis, proposal)

    def answer(verb, by, *args, policy=None, **more):
        rules = policy or load_policy()
        return verb(proposal, by, *args, rules, request=request, forge=forge, pull_request=opened, **more)

    answer.forge, answer.number, answer.proposal = forge, opened.number, proposal
    return answer


def policy(outcome: str = "ask", **approvers: object) -> Policy:
    rule = Rule(name="r", actions=("merge",), outcome=outcome, approvers=Approvers.model_validate(approvers))
    return Policy(version=1, rules=(rule,))


def test_an_approval_is_a_decision_to_act_by_that_person(desk):
    decision = desk(approve, "grace")
    assert (decision.outcome, decision.action, decision.by) == (Outcome.act, "merge", "grace")
    assert desk(approve, "grace") == decision


def test_a_rejection_is_feedback_with_a_fixed_reason(desk):
    feedback = desk(reject, "grace", RejectReason.wrong_change, true_change="abc", comment="it was the flag")
    assert feedback.verdict is Verdict.rejected
    assert (feedback.reason, feedback.true_change) == (RejectReason.wrong_change, "abc")
    closed = close_pull_request(desk.forge, desk.number, feedback.reason)
    assert closed.state is PullRequestState.closed
    with pytest.raises(PolicyError, match="already rejected by grace"):
        desk(approve, "linus")


def test_a_reason_that_is_not_in_the_list_changes_nothing(desk):
    with pytest.raises(ValueError, match="because"):
        desk(reject, "grace", "because")
    assert desk(approve, "linus").by == "linus"


def test_of_many_at_once_one_wins(desk):
    def vote(n: int):
        try:
            return desk(approve, f"p{n}").by if n % 2 else desk(reject, f"p{n}", RejectReason.other).by
        except PolicyError as late:
            return str(late)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(vote, range(6)))
    winners = [s for s in said if s.startswith("p") and len(s) == 2]
    assert len(winners) == 1
    assert all(f"by {winners[0]}" in s for s in said if s not in winners)


@pytest.mark.parametrize(
    ("rules", "roles", "allowed"),
    [
        (policy(people=["grace"]), (), True),
        (policy(people=["linus"]), (), False),
        (policy(roles=["sre"]), ("dev", "sre"), True),
        (policy(roles=["sre"]), ("dev",), False),
        (policy(people=["*"]), (), True),
        (policy(), ("admin",), False),
        (policy("refuse", people=["*"]), (), False),
        (Policy(version=1, rules=()), (), False),
    ],
)
def test_the_policy_says_whose_word_counts(desk, rules, roles, allowed):
    if allowed:
        assert desk(approve, "grace", policy=rules, roles=roles).outcome is Outcome.act
        return
    for verb, args in ((approve, ()), (reject, (RejectReason.other,))):
        with pytest.raises(PolicyError):
            desk(verb, "grace", *args, policy=rules, roles=roles)
    assert desk.forge.record(desk.number).review is None


def test_an_unreadable_policy_lets_nobody_approve(desk, tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        desk(approve, "grace", policy=load_policy_or_refuse(tmp_path / "none.yaml"))


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "x" * 300])
def test_whoever_decides_is_named(desk, by):
    with pytest.raises(PolicyError, match="has to be named"):
        desk(approve, by)


@pytest.mark.parametrize(
    "decision",
    [
        ACT,
        Decision(outcome=Outcome.ask, action="merge", by="r", explanation="ask"),
        Decision(outcome=Outcome.refuse, action="merge", by="r", explanation="no"),
    ],
)
def test_nothing_is_merged_without_a_decision_to_merge(desk, repo, decision):
    before = repo.snapshot()
    with pytest.raises(PolicyError, match="merge needs a decision to act"):
        merge_pull_request(desk.forge, desk.number, decision=decision)
    assert repo.snapshot() == before
