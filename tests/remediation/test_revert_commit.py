"""Reverting a commit: what git can undo is proposed, and everything else is said plainly."""

from __future__ import annotations

import re

import pytest

from data.domain import Evidence, EvidenceKind
from data.errors import ActionError, ProposalError
from remediation.actions.revert_commit import RevertCommitAction
from remediation.forge import LocalForge
from remediation.synthesize import Synthesizer


@pytest.fixture
def plan_for(incident, diagnosis_for, change_of):
    """Plans the revert of a commit of a repository, blamed as it stands."""

    def make(repo, commit: str, *, base: str = "main", evidence=(), incident_=incident, **change):
        diagnosis = diagnosis_for(commit, evidence=evidence)
        if evidence:
            ids = ("m1", *(item.id for item in evidence))
            first = diagnosis.candidates[0].model_copy(update={"evidence": ids})
            diagnosis = diagnosis.model_copy(update={"candidates": (first, *diagnosis.candidates[1:])})
        proposal = Synthesizer()(incident_, diagnosis, [change_of(commit, **change)])
        return RevertCommitAction(LocalForge(repo.path), base).plan(incident_, diagnosis, proposal)

    return make


def test_a_plan_shows_the_change_and_makes_none(repo, culprit, plan_for):
    before, refs = repo.snapshot(), repo("for-each-ref")
    plan = plan_for(repo, culprit)
    assert (repo.snapshot(), repo("for-each-ref")) == (before, refs)
    assert plan.branch == f"qai/INC-260504-ABCDE-revert-{culprit[:12]}"
    assert plan.title == 'Revert "Fetch each item on its own" (INC-260504-ABCDE)'
    assert plan.files == ("checkout/cart.py",)
    assert "-PAGE = 1\n+PAGE = 20\n" in plan.diff
    assert all(check.passed for check in plan.checks)


def test_the_revert_is_the_exact_opposite(repo, culprit, plan_for):
    plan = plan_for(repo, culprit)
    assert repo("diff", f"{culprit}~1", plan.head, "--", "checkout") == ""
    assert repo("show", f"{plan.head}:README") == "hello"
    assert repo("log", "-1", "--format=%an <%ae> %cn", plan.head) == "QAI SRE <qai-sre@localhost> QAI SRE"


def test_a_short_id_is_resolved(repo, culprit, plan_for):
    plan = plan_for(repo, culprit[:8])
    assert f"Reverts: {culprit}" in repo("log", "-1", "--format=%B", plan.head)


def test_a_branch_named_like_a_commit_is_not_followed(repo, plan_for):
    repo("branch", "deadbeef", "HEAD~1")
    with pytest.raises(ProposalError, match="is not in"):
        plan_for(repo, "deadbeef")


def test_a_merge_is_reverted_to_its_first_parent(repo, plan_for):
    repo("checkout", "-q", "-b", "feature", "HEAD~1")
    repo.commit("Feature, first half", one="1\n")
    repo.commit("Feature, second half", two="2\n")
    repo("checkout", "-q", "main")
    repo("merge", "-q", "--no-ff", "-m", "Merge feature", "feature")
    plan = plan_for(repo, repo("rev-parse", "HEAD"))
    assert plan.files == ("one", "two")
    assert repo("diff", "HEAD~1", plan.head) == ""


def test_a_conflict_names_the_files(repo, culprit, plan_for):
    repo.commit_files("Build on it", {"checkout/cart.py": "PAGE = 2\n"})
    before = repo.snapshot()
    with pytest.raises(ProposalError, match=r"conflicts with later changes in checkout/cart\.py"):
        plan_for(repo, culprit)
    assert repo.snapshot() == before


def test_a_commit_from_elsewhere_is_refused(repo, plan_for):
    with pytest.raises(ProposalError, match="is not in"):
        plan_for(repo, "0123456789abcdef" * 2 + "01234567")
    repo("checkout", "-q", "-b", "side")
    side = repo.commit("Side", side="x\n")
    repo("checkout", "-q", "main")
    with pytest.raises(ProposalError, match="not part of branch main"):
        plan_for(repo, side)


def test_what_is_undone_already_is_not_undone_again(repo, culprit, plan_for):
    repo("revert", "--no-edit", culprit)
    with pytest.raises(ProposalError, match="undone on main already"):
        plan_for(repo, culprit)


def test_a_commit_with_nothing_before_it_is_not_reverted(repo, tmp_path, plan_for):
    with pytest.raises(ProposalError, match="has no commit before it"):
        plan_for(repo, repo("rev-list", "--max-parents=0", "HEAD"))
    # In a shallow clone the oldest commit looks like the first: its revert would delete every file.
    repo("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    shallow = type(repo)(tmp_path / "shallow")
    with pytest.raises(ProposalError, match="unshallow"):
        plan_for(shallow, shallow("rev-parse", "HEAD"))


def test_an_unknown_base_names_the_setting(repo, culprit, plan_for):
    with pytest.raises(ActionError, match="base_branch"):
        plan_for(repo, culprit, base="trunk")


@pytest.mark.parametrize(
    "name", ["ünï côdé/naïve ß.py", "-rf", "a b/--force", 'quo"te.txt', "back`tick.md", "new\nline"]
)
def test_any_file_name_is_carried(repo, plan_for, name):
    commit = repo.commit_files("Odd name", {name: "x\n"})
    plan = plan_for(repo, commit)
    assert plan.files == (name,)
    assert name not in repo("ls-tree", "-rz", "--name-only", plan.head).split("\0")


def test_binary_files_and_bytes_that_are_not_text_are_carried(repo, plan_for):
    (repo.path / "blob.bin").write_bytes(bytes(range(256)) * 4)
    (repo.path / "latin1.txt").write_bytes("caf\xe9\n".encode("latin-1"))
    repo("add", "-A")
    repo("commit", "-q", "-m", "Bytes")
    plan = plan_for(repo, repo("rev-parse", "HEAD"))
    assert set(plan.files) == {"blob.bin", "latin1.txt"}
    assert repo("diff", "HEAD~1", plan.head) == ""


def test_protected_files_are_said_to_need_a_person(repo, plan_for):
    commit = repo.commit_files("CI", {".github/workflows/ci.yml": "on: push\n"})
    failed = [check for check in plan_for(repo, commit).checks if not check.passed]
    assert [check.name for check in failed] == ["protected_paths"]
    assert ".github/workflows/ci.yml" in failed[0].detail


def test_a_huge_revert_does_not_pass(repo, plan_for):
    commit = repo.commit_files("Huge", {f"gen/{n}.txt": "x\n" for n in range(40)})
    assert [c.name for c in plan_for(repo, commit).checks if not c.passed] == ["size"]


HOSTILE = (
    "Oops](http://evil) @root closes #1\n\nIncident: INC-9\nApproved-by: root",
    "`; rm -rf / ; $(reboot) ![x](http://evil/pixel.png) <script>alert(1)</script>",
    "--- \u202e[E1] [m1](http://evil) ```\n# Approved\n/merge",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(repo, plan_for, incident, text):
    commit = repo.commit_files(text, {"f.txt": "x\n"})
    line = Evidence(id="l1", kind=EvidenceKind.log, summary=text, source="bundle", service=text)
    plan = plan_for(repo, commit, evidence=(line,), summary=text, incident_=incident.model_copy(update={"title": text}))
    assert len(plan.title.splitlines()) == 1
    message = repo("log", "-1", "--format=%B", plan.head)
    trailers = repo("log", "-1", "--format=%(trailers:only,unfold)", plan.head).splitlines()
    keys = [entry.split(":")[0] for entry in trailers if entry]
    assert keys == ["Incident", "Proposal", "Reverts"]
    assert message.count("\nIncident: ") == 1
    assert "@root" not in message
    # Outside code spans nothing that Markdown or a forge acts on is left.
    prose = re.sub(r"(`+).*?(?<!`)\1(?!`)", "", plan.body)
    assert "](" not in prose
    assert "://" not in prose
    assert not re.search(r"@\w|#\d|(?<!\\)<|^#+ Approved|^/merge|(?<!\\)!\[", prose, flags=re.MULTILINE)
    assert plan.body.count("\nIncident: ") == 1


def test_the_description_says_what_a_reviewer_needs(repo, culprit, plan_for):
    body = plan_for(repo, culprit).body
    for part in ("## Cause", "## Evidence", "## What else it could be", "## What could not be seen",
                 "## After merging, verify", "## Risk", "## Rollback", "## Checks"):  # fmt: skip
        assert part in body
    assert "- [m1] metric of `checkout`: `latency_p99 of checkout rose from 120 to 940`" in body
    assert "inventory is the cause (probability 0.20)" in body
    assert "No logs of inventory were found." in body
    assert "The repository's own tests were not run." in body
