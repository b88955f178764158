from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.errors import StoreError
from data.lab.history import BASE, GUILTY, HISTORY, patch_of
from data.lab.repository import build_repository, git, holds_commit

END = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@shop.example")


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    path = tmp_path / "shop"
    return path, build_repository(path, END)


def test_the_same_instant_makes_the_same_commits(built: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    _, ids = built
    assert build_repository(tmp_path / "again", END) == ids
    assert build_repository(tmp_path / "later", END + timedelta(seconds=1)) != ids


def test_a_users_git_configuration_changes_nothing(
    built: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\nname = Someone\n[core]\nautocrlf = true\n[commit]\ngpgsign = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Someone Else")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert build_repository(tmp_path / "again", END) == built[1]


def test_commits_are_dated_before_the_end_and_in_order(built: tuple[Path, dict[str, str]]) -> None:
    path, _ = built
    dates = [datetime.fromisoformat(line) for line in git(path, "log", "--reverse", "--format=%aI").split()]
    assert len(dates) == len(HISTORY) == len({*dates})
    assert dates == sorted(dates)
    assert END - timedelta(minutes=30) < dates[-1] < END


def test_every_patch_belongs_to_a_commit(built: tuple[Path, dict[str, str]]) -> None:
    path, _ = built
    folder = Path(str(patch_of(HISTORY[0]))).parent
    assert {p.name for p in folder.iterdir()} == {Path(str(patch_of(c))).name for c in HISTORY}
    assert git(path, "status", "--porcelain") == ""


def test_building_again_keeps_what_was_added_since(built: tuple[Path, dict[str, str]]) -> None:
    path, ids = built
    git(path, "checkout", "--quiet", "-b", "fix")
    git(path, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", "added since")
    assert build_repository(path, END) == ids
    assert git(path, "log", "-1", "--format=%s").strip() == "added since"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_repository_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="is not this shop's repository"):
        build_repository(tmp_path / "shop", END)
    assert (tmp_path / "shop" / "notes.txt").read_text() == "mine"


def test_the_guilty_commit_reverts_cleanly_on_the_newest(built: tuple[Path, dict[str, str]]) -> None:
    path, ids = built
    before = git(path, "show", f"{ids[BASE]}:inventory/stock.py")
    assert git(path, "show", "HEAD:inventory/stock.py") != before
    git(path, *AUTHOR, "revert", "--no-edit", ids[GUILTY])
    assert git(path, "show", "HEAD:inventory/stock.py") == before
    assert git(path, "diff", "--name-only", "HEAD~1", "HEAD").split() == ["inventory/stock.py"]


def test_it_knows_which_commits_a_repository_holds(built: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    path, ids = built
    assert holds_commit(path, ids[GUILTY])
    assert not holds_commit(path, "0" * 40)
    assert not holds_commit(tmp_path, ids[GUILTY])
