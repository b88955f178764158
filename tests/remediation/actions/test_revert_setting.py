"""Settings and flags kept in a repository: put back in their file by pull request, or refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from data.domain import Decision, Outcome, PullRequestState
from data.errors import ProposalError
from remediation.execute import (
    goes_by_pull_request,
    merge_pull_request,
    open_pull_request,
    plan_fix,
    propose_fix,
)
from remediation.forge import LocalForge

FILE = "checkout/limits.yaml"
BEFORE = "# Agreed with the payment team.\nrequests: 40  # a second\ntimeout_ms: 900\n"
OPEN = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
MERGE = Decision(outcome=Outcome.act, action="merge", by="grace", explanation="yes")


@pytest.fixture
def config(repo: Any) -> Any:
    """The repository with a setting that was changed by its last commit."""
    repo.commit_files("Add limits", {FILE: BEFORE})
    repo.commit_files("Ask for less", {FILE: BEFORE.replace("40", "2")})
    return repo


def case(repo: Any, incident: Any, diagnosis_for: Any, change_of: Any, **more: Any) -> Any:
    """An incident that a setting's change is blamed for, without the commit that carried it."""
    change = change_of("cfg-1", "config", files=(FILE,), **more)
    diagnosis = diagnosis_for("cfg-1")
    return incident, diagnosis, propose_fix(incident, diagnosis, [change]), [change]


def test_the_diff_of_the_change_is_undone_by_git(
    config: Any, incident: Any, diagnosis_for: Any, change_of: Any
) -> None:
    diff = config("diff", "HEAD~1", "HEAD") + "\n"
    incident, diagnosis, proposal, changes = case(config, incident, diagnosis_for, change_of, diff=diff)
    assert goes_by_pull_request(proposal, changes)
    assert not goes_by_pull_request(proposal, []), "without the change, nothing says which file"
    forge = LocalForge(config.path)
    opened = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=OPEN, changes=changes)
    assert config("show", f"{opened.branch}:{FILE}") + "\n" == BEFORE
    assert "Put back" in opened.title
    again = open_pull_request(forge, "main", incident, diagnosis, proposal, decision=OPEN, changes=changes)
    assert again == opened
    merged = merge_pull_request(forge, opened.number, decision=MERGE)
    assert merged.state is PullRequestState.merged
    assert (config.path / FILE).read_text() == BEFORE


def test_a_key_is_set_to_what_it_was_and_comments_stay(
    config: Any, incident: Any, diagnosis_for: Any, change_of: Any
) -> None:
    known = {"key": "requests", "before": 40, "after": 2}
    incident, diagnosis, proposal, changes = case(config, incident, diagnosis_for, change_of, extra=known)
    plan = plan_fix(LocalForge(config.path), "main", incident, diagnosis, proposal, changes)
    assert plan is not None
    assert config("show", f"{plan.head}:{FILE}") + "\n" == BEFORE


@pytest.mark.parametrize(
    ("now", "why"),
    [(BEFORE, "has this value already"), (BEFORE.replace("requests: 40", "requests: 7"), "cannot be undone")],
)
def test_what_was_changed_since_is_not_put_back(
    config: Any, incident: Any, diagnosis_for: Any, change_of: Any, now: str, why: str
) -> None:
    diff = config("diff", "HEAD~1", "HEAD") + "\n"
    known = {"key": "requests", "before": 40} if "already" in why else {}
    config.commit_files("Change it again", {FILE: now})
    incident, diagnosis, proposal, changes = case(config, incident, diagnosis_for, change_of, diff=diff, extra=known)
    with pytest.raises(ProposalError, match=why):
        plan_fix(LocalForge(config.path), "main", incident, diagnosis, proposal, changes)


def test_a_diff_that_touches_other_files_is_refused(
    config: Any, incident: Any, diagnosis_for: Any, change_of: Any
) -> None:
    config.commit_files("Both", {FILE: BEFORE, "checkout/cart.py": "PAGE = 3\n"})
    diff = config("diff", "HEAD~1", "HEAD") + "\n"
    incident, diagnosis, proposal, changes = case(config, incident, diagnosis_for, change_of, diff=diff)
    with pytest.raises(ProposalError, match=r"also touches checkout/cart\.py"):
        plan_fix(LocalForge(config.path), "main", incident, diagnosis, proposal, changes)
