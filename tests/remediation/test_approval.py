"""Whose yes counts, how many it takes, and that only the first answer does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from data.domain import Decision, Outcome, PullRequestState, Severity, Verdict
from data.errors import PolicyError
from remediation.approval import Approval, approve, authorise, authorise_no
from remediation.execute import action_request, close_pull_request, merge_pull_request, open_pull_request, propose_fix
from remediation.forge import LocalForge
from remediation.policy import (
    ActionKind,
    ActionRequest,
    Approvers,
    Freeze,
    Policy,
    Rule,
    load_policy,
    load_policy_or_refuse,
)

ACT = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")

MERGE = ActionRequest(action=ActionKind.merge, service="checkout", confidence=0.8, severity=Severity.high)


@pytest.fixture
def desk(repo, culprit, incident, diagnosis_for, change_of):
    """An open pull request, and ``approve(*who, ...)`` about it."""
    diagnosis = diagnosis_for(culprit)
    proposal = propose_fix(incident, diagnosis, [change_of(culprit)])
    forge = LocalForge(repo.path)
    opened = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=ACT)
    asked = action_request("merge", incident, diagnosis, proposal)

    def answer(*people, policy=None, **fields):
        given = [Approval(proposal_id=proposal.id, by=by) for by in people]
        request = asked.model_copy(update=fields)
        return approve(proposal, given, policy or load_policy(), request=request, forge=forge, pull_request=opened)

    answer.forge, answer.number, answer.proposal, answer.request = forge, opened.number, proposal, asked
    return answer


def policy(outcome: str = "ask", approvals: int = 1, **approvers: object) -> Policy:
    rule = Rule(
        name="r",
        actions=("merge",),
        outcome=outcome,
        approvers=Approvers.model_validate(approvers),
        approvals=approvals,
    )
    return Policy(version=1, rules=(rule,), roles={"lead": ("ada",)})


def test_an_approval_is_a_decision_to_act_by_that_person(desk):
    decision = desk("grace")
    assert (decision.outcome, decision.action, decision.by) == (Outcome.act, "merge", "grace")
    assert desk("grace") == decision
    assert desk("grace", "linus") == decision, "the first word stands"


def test_of_many_at_once_one_wins(desk):
    def vote(n: int) -> str:
        try:
            return desk(f"p{n}").by if n % 2 else desk.forge.review(desk.number, Verdict.rejected, f"p{n}").by
        except PolicyError as late:
            return str(late)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(vote, range(4)))
    [winner] = [s for s in said if len(s) == 2]
    assert all(f"by {winner}" in s for s in said if s != winner)


def test_what_was_rejected_cannot_be_approved(desk):
    desk.forge.review(desk.number, Verdict.rejected, "grace")
    closed = close_pull_request(desk.forge, desk.number, "wrong_change")
    assert closed.state is PullRequestState.closed
    with pytest.raises(PolicyError, match="already rejected by grace"):
        desk("linus")


@pytest.mark.parametrize(
    ("rules", "by", "roles", "allowed"),
    [
        (policy(people=["grace"]), "grace", (), True),
        (policy(people=["linus"]), "grace", (), False),
        (policy(roles=["sre"]), "grace", ("dev", "sre"), True),
        (policy(roles=["sre"]), "grace", ("dev",), False),
        (policy(roles=["lead"]), "ada", (), True),
        (policy(roles=["lead"]), "grace", (), False),
        (policy(people=["*"]), "grace", (), True),
        (policy(people=["*"]), "api", (), True),
        (policy(), "grace", ("admin",), False),
        (policy("refuse", people=["*"]), "grace", (), False),
        (Policy(version=1, rules=()), "grace", (), False),
    ],
)
def test_the_policy_says_whose_word_counts(rules, by, roles, allowed):
    for verb in (authorise, authorise_no):
        if allowed:
            assert verb(rules, MERGE, by, roles).name == "r"
        else:
            with pytest.raises(PolicyError):
                verb(rules, MERGE, by, roles)


def test_approvals_that_do_not_count_decide_nothing(desk):
    assert desk("grace", policy=policy(people=["linus"])).outcome is Outcome.ask
    for refusing in (policy("refuse", people=["*"]), load_policy_or_refuse(Path("none.yaml"))):
        with pytest.raises(PolicyError):
            desk("grace", policy=refusing)
    assert desk.forge.record(desk.number).review is None


def test_two_people_have_to_agree_and_the_same_one_counts_once(desk):
    two = policy(approvals=2, people=["*"])
    for who in (("grace",), ("grace", "grace"), ("grace", "Grace"), ("grace", " GRACE ")):
        first = desk(*who, policy=two)
        assert (first.outcome, first.by) == (Outcome.ask, "grace")
        assert "1 of 2: grace" in first.explanation
        assert desk.forge.record(desk.number).review is None
    decision = desk("grace", "grace", "linus", "ada", policy=two)
    assert (decision.outcome, decision.by) == (Outcome.act, "grace and linus")
    assert desk.forge.record(desk.number).review.by == "grace and linus"
    assert desk("grace", "linus", "ada", policy=two) == decision


def test_only_those_the_policy_names_make_up_the_two(desk):
    two = policy(approvals=2, people=["linus"], roles=["lead"])
    assert desk("grace", "linus", policy=two).outcome is Outcome.ask
    assert desk("grace", "linus", "ada", policy=two).by == "linus and ada"


def test_a_shared_token_is_no_second_person(desk):
    two = policy(approvals=2, people=["*"])
    with pytest.raises(PolicyError, match="nobody in particular"):
        authorise(two, desk.request, "api")
    assert desk("grace", "api", policy=two).outcome is Outcome.ask
    assert desk("grace", "api", policy=policy(approvals=2, people=["*", "api"])).outcome is Outcome.act


def test_protected_paths_can_take_two_people(desk):
    careful = policy(people=["*"]).model_copy(update={"protected_approvals": 2})
    assert desk("grace", policy=careful, paths=(".github/workflows/ci.yml",)).outcome is Outcome.ask
    assert desk("grace", policy=careful, paths=("src/cart.py",)).outcome is Outcome.act


def test_a_freeze_takes_approvals_back_and_still_takes_a_no(desk):
    at = desk.request.at
    freeze = {"name": "launch", "from": at - timedelta(hours=1), "to": at + timedelta(hours=1), "reason": "launch"}
    frozen = policy(people=["*"]).model_copy(update={"freezes": (Freeze.model_validate(freeze),)})
    with pytest.raises(PolicyError, match=r"freeze 'launch' lasts until .* \(launch\)"):
        desk("grace", policy=frozen)
    assert desk.forge.record(desk.number).review is None
    assert authorise_no(frozen, desk.request, "grace").name == "r"


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "x" * 300])
def test_whoever_decides_is_named(by):
    with pytest.raises(PolicyError, match="has to be named"):
        authorise(load_policy(), MERGE, by)


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
