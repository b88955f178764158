"""The command line of the patcher: what it reads, prints and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from data.errors import InputError
from serving.commands.patch import command

GOOD = {"file_path": "a.py", "old_content_snippet": "a = 1", "new_content_snippet": "a = 2", "action": "replace_line"}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text("a = 1\n")
    (tmp_path / "repo" / "c.yaml").write_text("pool: 5  # agreed\n")
    return tmp_path / "repo"


def patch(repo: Path, changes: Any, *options: str) -> Result:
    file = repo.parent / "changes.json"
    file.write_text(changes if isinstance(changes, str) else json.dumps(changes))
    return CliRunner().invoke(command, [str(file), "--repo", str(repo), *options], catch_exceptions=False)


def test_a_proposals_changes_are_written(repo: Path) -> None:
    solution = {
        "code_changes": [{**GOOD, "explanation": "not a field of the schema"}],
        "configuration_changes": [{"path": "c.yaml", "key": "pool", "value": 20, "action": "set"}],
    }
    result = patch(repo, {"proposed_solution": solution}, "--json")
    record = json.loads(result.stdout)
    assert (result.exit_code, record["applied"]) == (0, True)
    assert [change["match"] for change in record["changes"]] == ["exact", "structured"]
    assert (repo / "a.py").read_text() == "a = 2\n"
    assert (repo / "c.yaml").read_text() == "pool: 20  # agreed\n"


def test_a_dry_run_writes_nothing(repo: Path) -> None:
    result = patch(repo, {"code_changes": [GOOD]}, "--json", "--dry-run")
    assert json.loads(result.stdout) | {"changes": []} == {
        "applied": True,
        "dry_run": True,
        "changes": [],
        "syntax_not_checked": [],
    }
    assert (repo / "a.py").read_text() == "a = 1\n"


def test_one_refusal_refuses_all_and_every_change_says_why(repo: Path) -> None:
    bad = [{**GOOD, "old_content_snippet": "b = 1"}, {**GOOD, "action": "rename"}, "text"]
    result = patch(repo, {"code_changes": [GOOD, *bad]}, "--json")
    reasons = [change["reason"] for change in json.loads(result.stdout)["changes"]]
    assert result.exit_code == 1
    assert [reason.split(":")[0].split(",")[0] for reason in reasons] == [
        "not written",
        "missing",
        "invalid",
        "invalid",
    ]
    assert (repo / "a.py").read_text() == "a = 1\n"


def test_a_unified_diff_is_read_too(repo: Path) -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -9,1 +9,2 @@\n-a = 1\n+a = 3\n+b = 4\n"
    assert patch(repo, diff).exit_code == 0
    assert (repo / "a.py").read_text() == "a = 3\nb = 4\n"


@pytest.mark.parametrize("changes", ["{", "{}", '{"code_changes": 5}', "rename from a\n--- a/x\n+++ b/y\n"])
def test_what_cannot_be_read_is_said(repo: Path, changes: str) -> None:
    with pytest.raises(InputError, match=r"CHANGES|diff"):
        patch(repo, changes)
