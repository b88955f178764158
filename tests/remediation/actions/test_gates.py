"""What is merged has passed the gates as it is merged, also where the base branch has moved since."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from data.domain import Decision, Outcome, PullRequestState
from data.errors import ActionError
from remediation.actions.gates import in_the_way
from remediation.actions.undo_merge import undo_merge
from remediation.checks import Check
from remediation.execute import merge_pull_request, open_pull_request, propose_fix
from remediation.forge import LocalForge

OPEN = Decision(outcome=Outcome.act, action="open_pull_request", by="test", explanation="allowed")
MERGE = Decision(outcome=Outcome.act, action="merge", by="grace", explanation="yes")


def opened(repo: Any, culprit: str, incident: Any, diagnosis_for: Any, change_of: Any) -> Any:
    diagnosis = diagnosis_for(culprit)
    proposal = propose_fix(incident, diagnosis, [change_of(culprit)])
    return open_pull_request(LocalForge(repo.path), "main", incident, diagnosis, proposal, decision=OPEN)


@pytest.fixture
def pull_request(repo: Any, culprit: str, incident: Any, diagnosis_for: Any, change_of: Any) -> Any:
    return opened(repo, culprit, incident, diagnosis_for, change_of)


def test_the_gates_answers_are_kept_with_the_pull_request(repo: Any, pull_request: Any) -> None:
    [run] = LocalForge(repo.path).record(pull_request.number).runs
    assert run.base == repo("rev-parse", "main")
    assert {"size", "syntax", "destructive"} <= {check.name for check in run.checks}
    merge_pull_request(LocalForge(repo.path), pull_request.number, decision=MERGE)
    assert len(LocalForge(repo.path).record(pull_request.number).runs) == 1, "the base stood still: looked at once"


def test_where_the_base_has_moved_they_look_again_at_both_together(repo: Any, pull_request: Any) -> None:
    moved = repo.commit_files("Something else", {"docs/a.md": "hello\n"})
    forge = LocalForge(repo.path)
    merged = merge_pull_request(forge, pull_request.number, decision=MERGE)
    assert merged.state is PullRequestState.merged
    assert [run.base for run in forge.record(pull_request.number).runs][-1] == moved


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (apt-get install bubblewrap)")
def test_what_breaks_the_tests_of_what_came_since_is_not_merged(repo: Any, pull_request: Any) -> None:
    """Each alone is in order; together they are not."""
    test = (
        "from pathlib import Path\n\n\ndef test_page():\n"
        "    assert Path('checkout/cart.py').read_text().startswith('PAGE = 1\\n')\n"
    )
    repo.commit_files("Rely on it", {"tests/test_page.py": test})
    forge, before = LocalForge(repo.path), repo("rev-parse", "main")
    refused = merge_or_why(forge, pull_request.number)
    last = forge.record(pull_request.number).runs[-1].checks[-1]
    if last.detail.startswith("not checked"):
        pytest.skip(last.detail)
    assert "checks fail on what would be merged: tests" in refused
    assert repo("rev-parse", "main") == before


def merge_or_why(forge: LocalForge, number: int) -> str:
    try:
        merge_pull_request(forge, number, decision=MERGE)
    except ActionError as refused:
        return str(refused)
    return ""


def check(name: str, passed: bool) -> Check:
    return Check(name=name, passed=passed, detail="d")


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ([("tests", True)], [("tests", True)], []),
        ([("tests", True)], [("tests", False)], ["tests"]),
        ([("tests", False)], [("tests", False)], []),
        ([("size", True)], [("size", True), ("tests", False)], ["tests"]),
        ([], [("secrets", False), ("hosts", False)], ["secrets"]),
        ([("secrets", True), ("hosts", True)], [("secrets", False), ("hosts", False)], ["secrets", "hosts"]),
    ],
)
def test_what_stands_in_the_way_of_a_merge(
    before: list[tuple[str, bool]], after: list[tuple[str, bool]], names: list[str]
) -> None:
    was, found = (tuple(check(*one) for one in checks) for checks in (before, after))
    assert [failed.name for failed in in_the_way(was, found)] == names


def test_a_merge_is_taken_back_once_and_only_once(repo: Any, pull_request: Any) -> None:
    forge = LocalForge(repo.path)
    with pytest.raises(ActionError, match="no merge to take back"):
        undo_merge(forge, pull_request.number, by="rule", because="it did harm")
    merge_pull_request(forge, pull_request.number, decision=MERGE)
    text = (repo.path / "checkout/cart.py").read_text()
    first = undo_merge(forge, pull_request.number, by="rule", because="it did harm")
    assert (repo.path / "checkout/cart.py").read_text() != text
    assert undo_merge(forge, pull_request.number, by="rule", because="it did harm") == first
    assert "it did harm" in repo("log", "-1", "--format=%B", first.branch)
