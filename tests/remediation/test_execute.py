"""From a diagnosis to a merged pull request in a real repository."""

from __future__ import annotations

import pytest

from data.domain import Decision, Outcome, PullRequestState
from data.errors import PolicyError
from remediation.approval import approve
from remediation.execute import (
    action_request,
    merge_pull_request,
    open_pull_request,
    plan_fix,
    propose_fix,
)
from remediation.forge import LocalForge
from remediation.policy import decide, load_policy


@pytest.fixture
def case(repo, culprit, incident, diagnosis_for, change_of):
    diagnosis = diagnosis_for(culprit)
    return incident, diagnosis, propose_fix(incident, diagnosis, [change_of(culprit)])


def test_the_whole_way_from_diagnosis_to_merge(repo, culprit, case):
    incident, diagnosis, proposal = case
    forge, policy, before = LocalForge(repo.path), load_policy(), repo.snapshot()

    plan = plan_fix(forge, "main", incident, diagnosis, proposal)
    decision = decide(policy, action_request("open_pull_request", incident, diagnosis, proposal, plan))
    assert decision.outcome is Outcome.act
    opened = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=decision)
    assert opened.state is PullRequestState.open
    assert "+PAGE = 20" in opened.diff
    assert opened.diff == plan.diff
    assert repo.snapshot() == before

    request = action_request("merge", incident, diagnosis, proposal, plan)
    asked = decide(policy, request)
    assert asked.outcome is Outcome.ask
    with pytest.raises(PolicyError):
        merge_pull_request(forge, opened.number, decision=asked)
    assert repo.snapshot() == before

    approved = approve(proposal, "grace", policy, request=request, forge=forge, pull_request=opened)
    assert repo.snapshot() == before
    merged = merge_pull_request(forge, opened.number, decision=approved)

    assert merged.state is PullRequestState.merged
    assert (repo.path / "checkout/cart.py").read_text().startswith("PAGE = 20\n")
    assert repo("status", "--porcelain") == ""
    assert repo("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)").strip() == "grace"
    assert repo("log", "-1", "--format=%P").split() == [before["main"], opened.head]
    trailers = repo("log", "-1", "--format=%(trailers:only)", opened.head)
    assert f"Reverts: {culprit}" in trailers
    assert f"Incident: {incident.id}" in trailers


def test_opening_again_gives_the_same_pull_request(repo, case):
    incident, diagnosis, proposal = case
    allowed = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
    first = open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=allowed)
    again = open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=allowed)
    assert again == first
    assert repo("for-each-ref", "--format=%(refname)", "refs/pull") == "refs/pull/1/head"
