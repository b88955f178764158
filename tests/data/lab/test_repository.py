from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.errors import StoreError
from data.incidents.history import BASE, GUILTY
from data.incidents.history import HISTORY as SHIPPED
from data.lab.history import HISTORY
from data.lab.repository import History, build_repository, git, holds_commit

END = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@shop.example")


Built = tuple[Path, dict[str, str], History]


@pytest.fixture(params=[HISTORY, SHIPPED], ids=["lab", "shipped"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Built:
    path = tmp_path / "shop"
    return path, build_repository(path, END, request.param), request.param


def test_the_same_instant_makes_the_same_commits(built: Built, tmp_path: Path) -> None:
    _, ids, history = built
    assert build_repository(tmp_path / "again", END, history) == ids
    assert build_repository(tmp_path / "later", END + timedelta(seconds=1), history) != ids


def test_a_users_git_configuration_changes_nothing(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nname = Someone\n[core]\nautocrlf = true\n[commit]\ngpgsign = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Someone Else")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert build_repository(tmp_path / "again", END, built[2]) == built[1]


def test_commits_are_dated_before_the_end_and_in_order(built: Built) -> None:
    path, _, history = built
    dates = [datetime.fromisoformat(line) for line in git(path, "log", "--reverse", "--format=%aI").split()]
    assert len(dates) == len(history.commits) == len({*dates})
    assert dates == sorted(dates)
    assert END - timedelta(hours=4) < dates[-1] < END


def test_every_patch_belongs_to_a_commit(built: Built) -> None:
    path, _, history = built
    needed = history.commits if history.source is None else history.commits[1:]
    assert {p.name for p in history.patches.iterdir()} == {history.patch(c).name for c in needed}
    assert git(path, "status", "--porcelain") == ""


def test_the_newest_commit_is_the_source_as_it_lies_there(tmp_path: Path) -> None:
    build_repository(tmp_path / "shop", END, HISTORY)
    assert HISTORY.source is not None
    tracked = git(tmp_path / "shop", "ls-files").split()
    assert len(tracked) > 20
    for name in tracked:
        assert (tmp_path / "shop" / name).read_bytes() == (HISTORY.source / name).read_bytes()


def test_building_again_keeps_what_was_added_since(built: Built) -> None:
    path, ids, history = built
    git(path, "checkout", "--quiet", "-b", "fix")
    git(path, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", "added since")
    assert build_repository(path, END, history) == ids
    assert git(path, "log", "-1", "--format=%s").strip() == "added since"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_repository_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="is not this shop's repository"):
        build_repository(tmp_path / "shop", END, HISTORY)
    assert (tmp_path / "shop" / "notes.txt").read_text() == "mine"


def test_the_guilty_commit_reverts_cleanly_on_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "shop"
    ids = build_repository(path, END, SHIPPED)
    before = git(path, "show", f"{ids[BASE]}:inventory/stock.py")
    assert git(path, "show", "HEAD:inventory/stock.py") != before
    git(path, *AUTHOR, "revert", "--no-edit", ids[GUILTY])
    assert git(path, "show", "HEAD:inventory/stock.py") == before
    assert git(path, "diff", "--name-only", "HEAD~1", "HEAD").split() == ["inventory/stock.py"]


def test_it_knows_which_commits_a_repository_holds(built: Built, tmp_path: Path) -> None:
    path, ids, history = built
    newest = ids[history.commits[-1].slug]
    assert holds_commit(path, newest)
    assert not holds_commit(path, "0" * 40)
    assert not holds_commit(tmp_path, newest)
