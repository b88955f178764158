"""The command that drafts a fix for a recorded incident and writes nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from data.incidents import build_shipped_repository, shipped_incident
from pipelines.llm_double import harming, serving, writing
from serving.commands.propose import command

PROVIDERS = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")


@pytest.fixture
def propose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command on the shipped incident, with no language model configured."""
    monkeypatch.chdir(tmp_path)
    for name in PROVIDERS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"QAI_{name}", raising=False)

    def run(*options: str) -> Result:
        return CliRunner().invoke(command, [str(shipped_incident()), *options], catch_exceptions=False)

    return run


def test_it_prints_the_proposal_its_checks_and_the_decision(propose, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = propose("--json")
    record = json.loads(result.stdout)
    assert record["model"]["version"] == 0, "the ranker that ships, where there is no registry"
    assert result.exit_code == 0
    assert record["synthesizer"] == "offline"
    assert record["proposal"]["remedy"]["kind"] == "revert_commit"
    assert record["checks"] == [
        {"name": "placed", "passed": False, "detail": "no repository was given to place the fix in"}
    ]
    assert record["decision"]["outcome"] == "ask"
    assert record["rejected"] == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_cannot_be_reached_is_named_and_offline_drafts(propose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    record = json.loads(propose("--json").stdout)
    assert record["synthesizer"] == "offline"
    assert record["rejected"][0]["synthesizer"] == "openai"


def test_a_server_that_answers_with_harm_gets_none_through(
    propose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "shop"
    build_shipped_repository(repository)
    with serving(harming) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        record = json.loads(propose("--json", "--repo", str(repository)).stdout)
    assert record["synthesizer"] == "offline"
    assert record["proposal"]["remedy"]["kind"] == "revert_commit"
    assert record["proposal"]["proposed_solution"]["code_changes"] == []
    assert [rejection["synthesizer"] for rejection in record["rejected"]] == ["openai", "openai"]
    assert all("destructive" in rejection["reason"] for rejection in record["rejected"])


def test_a_picture_and_runbooks_are_shown_and_kept_on_record(
    propose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "board.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "books").mkdir()
    service = json.loads((shipped_incident() / "alert.json").read_text())["service"]
    (tmp_path / "books" / "any.md").write_text(f"# When {service} is slow\nLook at the page size.\n")
    monkeypatch.setenv("QAI_RUNBOOKS", str(tmp_path / "books"))
    with serving(writing) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        drafting = json.loads(propose("--json", "--attach", str(tmp_path / "board.png")).stdout)["proposal"]["drafting"]
    assert "Look at the page size." in drafting["user"]
    assert drafting["attachments"][0].startswith("image/png, 8 bytes")


def test_people_are_told_that_nothing_was_written(propose) -> None:
    assert "Nothing was written." in propose().stdout


def test_with_a_repository_the_fix_is_placed_in_a_copy(propose, tmp_path: Path) -> None:
    repository = tmp_path / "shop"
    build_shipped_repository(repository)
    before = subprocess.run(["git", "-C", str(repository), "for-each-ref"], capture_output=True, check=True).stdout
    checks = {c["name"]: c["passed"] for c in json.loads(propose("--json", "--repo", str(repository)).stdout)["checks"]}
    assert checks["placed"]
    assert checks["size"]
    after = subprocess.run(["git", "-C", str(repository), "for-each-ref"], capture_output=True, check=True).stdout
    assert before == after
