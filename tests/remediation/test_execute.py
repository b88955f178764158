"""From a diagnosis to a merged pull request in a real repository."""

from __future__ import annotations

import pytest

from data.domain import Decision, Outcome, PullRequestState
from data.errors import ActionError, PolicyError, ProposalError
from remediation.approval import Approval, approve
from remediation.execute import (
    action_request,
    merge_pull_request,
    needs_a_person,
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

    given = [Approval(proposal_id=proposal.id, by="grace")]
    approved = approve(proposal, given, policy, request=request, forge=forge, pull_request=opened)
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


def test_a_retry_finds_its_pull_request_even_after_the_merge(repo, case):
    incident, diagnosis, proposal = case
    allowed = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
    forge = LocalForge(repo.path)
    first = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=allowed)
    merge = Decision(outcome=Outcome.act, action="merge", by="grace", explanation="yes")
    merged = merge_pull_request(forge, first.number, decision=merge)
    assert open_pull_request(forge, "main", incident, diagnosis, proposal, decision=allowed) == merged


@pytest.mark.parametrize(
    "decision",
    [
        Decision(outcome=Outcome.ask, action="open_pull_request", by="r", explanation="ask"),
        Decision(outcome=Outcome.act, action="merge", by="r", explanation="another action"),
    ],
)
def test_nothing_is_opened_without_a_decision_to(repo, case, decision):
    incident, diagnosis, proposal = case
    refs = repo("for-each-ref")
    with pytest.raises(PolicyError, match="open_pull_request needs a decision"):
        open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=decision)
    assert repo("for-each-ref") == refs


def test_what_no_code_carries_out_is_said_to_need_a_person(repo, incident, diagnosis_for, change_of):
    diagnosis = diagnosis_for("flag-1")
    proposal = propose_fix(incident, diagnosis, [change_of("flag-1", "flag")])
    allowed = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
    assert "a person has to do it" in needs_a_person(proposal)
    assert plan_fix(LocalForge(repo.path), "main", incident, diagnosis, proposal) is None
    with pytest.raises(ActionError, match="flag_off is done where the service runs"):
        open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=allowed)


def test_a_change_that_fails_a_required_check_is_not_proposed(repo, incident, diagnosis_for, change_of):
    commit = repo.commit_files("Huge", {f"gen/{n}.txt": "x\n" for n in range(40)})
    diagnosis = diagnosis_for(commit)
    proposal = propose_fix(incident, diagnosis, [change_of(commit)])
    allowed = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
    refs = repo("for-each-ref")
    with pytest.raises(ActionError, match="size"):
        open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=allowed)
    assert repo("for-each-ref") == refs


def test_a_conflict_found_on_opening_writes_nothing(repo, culprit, case):
    incident, diagnosis, proposal = case
    repo.commit_files("Build on it", {"checkout/cart.py": "PAGE = 2\n"})
    refs = repo("for-each-ref")
    allowed = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
    with pytest.raises(ProposalError, match="conflicts"):
        open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=allowed)
    assert repo("for-each-ref") == refs


def test_the_policy_is_asked_about_the_service_that_is_touched(case):
    incident, diagnosis, proposal = case
    request = action_request("merge", incident, diagnosis, proposal)
    assert (request.service, request.severity, request.environment) == ("checkout", "high", "production")
    assert request.confidence == proposal.proposed_solution.confidence_score
