"""Pull requests in real repositories: bare or not, clean or not, and never a surprise in the user's checkout."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data.domain import PullRequestState, RejectReason, Verdict
from data.errors import ActionError, PolicyError
from remediation.forge import LocalForge

INCIDENT = "INC-260504-ABCDE"


def fix(repo, files: dict[str, str] | None = None) -> str:
    """A commit on top of main that no branch holds, made without touching the checkout of ``repo``."""
    forge = LocalForge(repo.path)
    base = forge.branch_head("main")
    with forge.git.worktree(base) as tree:
        for name, content in (files or {"checkout/cart.py": "PAGE = 50\n"}).items():
            path = tree.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            tree.run("add", "-f", "--", name)
        return forge.git.commit_tree(tree.run("write-tree").strip(), (base,), "Fix\n")


def opened(repo, head: str | None = None, branch: str = "qai/fix", incident_id: str = INCIDENT):
    forge = LocalForge(repo.path)
    return forge.open(branch, "main", "Fix", "Body", head=head or fix(repo), incident_id=incident_id)


@pytest.fixture
def bare(repo, tmp_path):
    made = type(repo)(tmp_path / "bare.git", bare=True)
    repo("push", "-q", str(made.path), "main")
    return made


def test_a_pull_request_survives_a_restart(repo):
    made = opened(repo)
    again = LocalForge(repo.path)
    assert again.get(made.number) == made
    assert again.find(INCIDENT) == (made,)
    assert again.find("INC-other") == ()
    assert repo("rev-parse", "refs/pull/1/head") == made.head == repo("rev-parse", "qai/fix")


def test_opening_and_reviewing_touch_nothing_a_user_sees(repo):
    (repo.path / "checkout/cart.py").write_text("half done\n")
    (repo.path / "ünï côdé.txt").write_text("untracked\n")
    (repo.path / "staged.txt").write_text("staged\n")
    repo("add", "staged.txt")
    before = repo.snapshot()
    made = opened(repo)
    forge = LocalForge(repo.path)
    forge.review(made.number, Verdict.approved, "grace")
    forge.get(made.number)
    assert repo.snapshot() == before


def test_one_incident_has_one_open_pull_request(repo):
    first = opened(repo)
    with pytest.raises(ActionError, match="already has pull request 1 open"):
        opened(repo, branch="qai/other")
    LocalForge(repo.path).close(first.number, RejectReason.wrong_change)
    second = opened(repo, branch="qai/other")
    assert second.number == 2
    assert opened(repo).state is PullRequestState.closed  # the first again, as it stands
    assert [p.number for p in LocalForge(repo.path).find(INCIDENT)] == [1, 2]


def test_many_calls_at_once_open_one(repo):
    head = fix(repo)
    with ThreadPoolExecutor(8) as pool:
        numbers = [p.number for p in pool.map(lambda _: opened(repo, head), range(8))]
    assert numbers == [1] * 8


def test_a_branch_of_somebody_elses_is_left_alone(repo):
    repo("branch", "qai/fix")
    before = repo("rev-parse", "qai/fix")
    with pytest.raises(ActionError, match="belongs to no pull request"):
        opened(repo)
    assert repo("rev-parse", "qai/fix") == before


def test_numbers_go_on_after_those_of_another_forge(repo):
    repo("update-ref", "refs/pull/41/head", "HEAD")
    assert opened(repo).number == 42


@pytest.mark.parametrize(
    "branch", ["--force", "-d", "a..b", "a b", "", "x.lock", "a/.b", "a//b", "HEAD^{}", "a\nb", "@{-1}"]
)
def test_odd_branch_names_are_refused(repo, branch):
    head, before = fix(repo), repo("for-each-ref")
    with pytest.raises(ActionError, match="not a branch name"):
        opened(repo, head, branch)
    assert repo("for-each-ref") == before


@pytest.mark.parametrize("incident_id", ["", "a b", "a\nIncident: b", "-x", "x" * 200])
def test_odd_incident_ids_are_refused(repo, incident_id):
    with pytest.raises(ActionError, match="not an incident id"):
        opened(repo, incident_id=incident_id)


def test_merging_updates_a_clean_checkout(repo):
    made = opened(repo, fix(repo, {"checkout/cart.py": "PAGE = 50\n", "dir with space/naïve ß.txt": "x\n"}))
    (repo.path / "notes.txt").write_text("untracked, and in nobody's way\n")
    base = repo("rev-parse", "main")
    merged = LocalForge(repo.path).merge(made.number, "grace")
    assert merged.state is PullRequestState.merged
    assert repo("rev-parse", "main") == merged.merge_commit
    assert repo("log", "-1", "--format=%P").split() == [base, made.head]
    assert (repo.path / "checkout/cart.py").read_text() == "PAGE = 50\n"
    assert (repo.path / "dir with space/naïve ß.txt").read_text() == "x\n"
    assert repo("status", "--porcelain") == "?? notes.txt"
    assert "+PAGE = 50" in merged.diff
    assert LocalForge(repo.path).merge(made.number, "linus") == merged
    assert repo("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)") == "grace"


@pytest.mark.parametrize("staged", [True, False])
def test_merging_into_a_dirty_checkout_is_refused(repo, staged):
    made = opened(repo)
    (repo.path / "README").write_text("half done\n")
    if staged:
        repo("add", "README")
    before = repo.snapshot()
    with pytest.raises(ActionError, match=r"uncommitted changes \(README\); commit or stash"):
        LocalForge(repo.path).merge(made.number, "grace")
    assert repo.snapshot() == before
    repo("reset", "-q", "--hard")
    assert LocalForge(repo.path).merge(made.number, "grace").state is PullRequestState.merged


@pytest.mark.parametrize("ignored", [True, False])
def test_merging_never_overwrites_an_untracked_file(repo, ignored):
    made = opened(repo, fix(repo, {"local.cfg": "theirs\n"}))
    if ignored:
        (repo.path / ".git/info/exclude").write_text("local.cfg\n")
    (repo.path / "local.cfg").write_text("mine\n")
    before = repo.snapshot()
    with pytest.raises(ActionError, match="could not be updated"):
        LocalForge(repo.path).merge(made.number, "grace")
    assert repo.snapshot() == before
    assert LocalForge(repo.path).get(made.number).state is PullRequestState.open


def test_merging_in_the_middle_of_the_users_own_merge_is_refused(repo):
    made = opened(repo)
    repo("checkout", "-q", "-b", "side", "HEAD~1")
    repo.commit("Side", side="x\n")
    repo("checkout", "-q", "main")
    repo("merge", "-q", "--no-commit", "--no-ff", "-s", "ours", "side")
    before = repo.snapshot()
    with pytest.raises(ActionError):
        LocalForge(repo.path).merge(made.number, "grace")
    assert repo.snapshot() == before
    assert (repo.path / ".git/MERGE_HEAD").exists()


def test_merging_leaves_a_checkout_of_another_branch_alone(repo):
    made = opened(repo)
    repo("checkout", "-q", "-b", "mine")
    (repo.path / "README").write_text("half done\n")
    before = repo.snapshot()
    merged = LocalForge(repo.path).merge(made.number, "grace")
    assert repo.snapshot() == {**before, "main": merged.merge_commit}


def test_merging_updates_the_worktree_that_has_the_branch(repo, tmp_path):
    repo("checkout", "-q", "-b", "mine")
    repo("worktree", "add", "-q", str(tmp_path / "linked tree"), "main")
    made = opened(repo)
    LocalForge(repo.path).merge(made.number, "grace")
    assert (tmp_path / "linked tree/checkout/cart.py").read_text() == "PAGE = 50\n"


def test_a_bare_repository_works_the_same(bare):
    made = opened(bare)
    merged = LocalForge(bare.path).merge(made.number, "grace")
    assert bare("rev-parse", "main") == merged.merge_commit
    assert bare("show", "main:checkout/cart.py") == "PAGE = 50"
    assert bare("worktree", "list").count("\n") == 0


def test_a_conflict_changes_nothing_and_names_the_file(repo):
    made = opened(repo)
    repo.commit_files("Meanwhile", {"checkout/cart.py": "PAGE = 30\n"})
    before = repo.snapshot()
    with pytest.raises(ActionError, match=r"conflicts with main in checkout/cart\.py"):
        LocalForge(repo.path).merge(made.number, "grace")
    assert repo.snapshot() == before
    assert LocalForge(repo.path).get(made.number).state is PullRequestState.open


def test_work_on_the_base_branch_in_the_meantime_is_kept(repo):
    made = opened(repo)
    repo.commit_files("Meanwhile", {"other.txt": "kept\n"})
    LocalForge(repo.path).merge(made.number, "grace")
    assert (repo.path / "other.txt").read_text() == "kept\n"
    assert (repo.path / "checkout/cart.py").read_text() == "PAGE = 50\n"


def test_a_merge_that_died_before_it_was_recorded_is_found(repo):
    made = opened(repo)
    forge = LocalForge(repo.path)
    recorded = repo("rev-parse", "refs/qai/pull/1")
    first = forge.merge(made.number, "grace")
    repo("update-ref", "refs/qai/pull/1", recorded)
    assert forge.get(made.number).state is PullRequestState.open
    assert forge.merge(made.number, "grace") == first
    assert repo("rev-parse", "main") == first.merge_commit


def test_a_branch_that_moved_after_review_is_not_merged(repo):
    made = opened(repo)
    repo("update-ref", "refs/heads/qai/fix", fix(repo, {"evil.py": "x\n"}))
    with pytest.raises(ActionError, match="has moved since"):
        LocalForge(repo.path).merge(made.number, "grace")


def test_closed_is_closed_and_merged_is_merged(repo):
    forge = LocalForge(repo.path)
    made = opened(repo)
    closed = forge.close(made.number, RejectReason.unsafe_fix)
    assert closed.state is PullRequestState.closed
    assert forge.close(made.number, "again") == closed
    assert forge.record(made.number).closed_because == "unsafe_fix"
    with pytest.raises(ActionError, match="is closed: unsafe_fix"):
        forge.merge(made.number, "grace")
    other = opened(repo, branch="qai/other", incident_id="INC-2")
    merged = forge.merge(other.number, "grace")
    with pytest.raises(ActionError, match=f"is merged.*{merged.merge_commit}"):
        forge.close(other.number, "late")


def test_the_first_answer_stands(repo):
    made, forge = opened(repo), LocalForge(repo.path)
    first = forge.review(made.number, Verdict.approved, "grace")
    assert forge.review(made.number, Verdict.approved, "grace") == first
    for verdict, by in ((Verdict.rejected, "grace"), (Verdict.approved, "linus")):
        with pytest.raises(PolicyError, match="already approved by grace"):
            forge.review(made.number, verdict, by)


def test_hooks_do_not_run(repo, tmp_path):
    trace = tmp_path / "ran"
    for hook in ("pre-commit", "post-checkout", "post-merge", "pre-merge-commit", "commit-msg", "post-commit",
                 "reference-transaction", "pre-rebase", "post-index-change", "prepare-commit-msg"):  # fmt: skip
        path = repo.path / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\necho {hook} >> '{trace}'\nexit 1\n")
        path.chmod(0o755)
    repo_hooks = repo.path / ".git/config"
    repo_hooks.write_text(repo_hooks.read_text() + f"[core]\n\thooksPath = {repo.path}/.git/hooks\n")
    made = opened(repo)
    LocalForge(repo.path).merge(made.number, "grace")
    assert not trace.exists()


def test_the_callers_git_environment_is_ignored(repo, tmp_path, monkeypatch):
    other = type(repo)(tmp_path / "other")
    other.commit("Other", f="x\n")
    before = other("for-each-ref")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "commit.gpgSign")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert opened(repo).number == 1
    monkeypatch.undo()
    assert other("for-each-ref") == before
    assert not (tmp_path / "index").exists()


def test_only_the_top_of_a_repository_will_do(repo, tmp_path):
    with pytest.raises(ActionError, match="lies inside the repository"):
        LocalForge(repo.path / "checkout")
    with pytest.raises(ActionError, match="does not exist"):
        LocalForge(tmp_path / "nowhere")
    (tmp_path / "plain").mkdir()
    with pytest.raises(ActionError, match="not a git repository"):
        LocalForge(tmp_path / "plain")


def test_what_is_not_there_is_named(repo):
    forge = LocalForge(repo.path)
    with pytest.raises(ActionError, match="no pull request 7"):
        forge.get(7)
    with pytest.raises(ActionError, match="no branch 'trunk'"):
        forge.open("qai/x", "trunk", "t", "b", head=fix(repo), incident_id=INCIDENT)


def test_hostile_names_cannot_forge_a_trailer(repo):
    head = fix(repo)
    made = LocalForge(repo.path).open(
        "qai/x", "main", "Fix\n\nApproved-by: root\nIncident: INC-9", "b", head=head, incident_id=INCIDENT
    )
    LocalForge(repo.path).merge(made.number, "eve\nApproved-by: root")
    trailers = repo("log", "-1", "--format=%(trailers:only)").splitlines()
    assert [line for line in trailers if line] == [f"Incident: {INCIDENT}", "Approved-by: eve Approved-by: root"]
    assert LocalForge(repo.path).find("INC-9") == ()


def test_no_worktree_is_left_behind(repo):
    made = opened(repo)
    LocalForge(repo.path).merge(made.number, "grace")
    assert repo("worktree", "list").count("\n") == 0
    assert list(Path(repo.path / ".git").glob("worktrees/*")) == []


def test_the_diff_is_what_is_proposed_however_the_base_moves(repo):
    head = fix(repo)
    repo.commit_files("Meanwhile", {"other.txt": "x\n"})
    made = opened(repo, head)
    repo.commit_files("Later", {"another.txt": "x\n"})
    assert "other.txt" not in made.diff
    assert LocalForge(repo.path).get(made.number).diff == made.diff


def test_a_repository_of_sha256_objects_works_the_same(repo, tmp_path):
    path = tmp_path / "sha256"
    path.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", "--object-format=sha256", str(path)], check=True)
    longer = type(repo)(path)
    longer.commit("First", f="1\n")
    made = opened(longer, fix(longer, {"f": "2\n"}))
    assert len(made.head) == 64
    assert LocalForge(path).merge(made.number, "grace").state is PullRequestState.merged
    assert (path / "f").read_text() == "2\n"
