"""``qai-sre policy``: nothing is written, and scripts get one JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from data.database import connect, migrate
from data.domain import Outcome
from data.proposal import Proposal
from data.settings import load_settings
from data.store import Store
from pipelines.casefile import CaseFiles
from pipelines.rulings import Rulings
from remediation.approval import Approval
from remediation.policy import ActionKind, load_policy
from serving.commands.policy import command

FROZEN = """
version: 1
tiers: {ceiling: act_and_tell}
freezes: [{name: always, from: 2020-01-01, to: 2099-01-01, reason: audit}]
windows: [{name: sundays, hours: [{days: [sun], from: 09:00, to: 17:00}], severities: [low]}]
rules:
  - {name: two, actions: [merge], outcome: ask, approvals: 2, approvers: {people: ["*"]}}
  - {name: later, actions: [merge], services: [cart], outcome: act}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(FROZEN, encoding="utf-8")
    return path


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nexus_case: ModuleType) -> Store:
    """An installation with one incident, whose merge the shipped policy was asked about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QAI_STATE_DIR", str(tmp_path / "state"))
    engine = connect(load_settings().store_url)
    migrate(engine)
    store = Store(engine)
    incident = nexus_case.whole_incident(store)
    Rulings(CaseFiles(store, tmp_path), load_policy()).decide(incident.id, ActionKind.merge)
    return store


def run(*args: object) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)


def record(*args: object) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0
    return json.loads(result.output)


def test_check_says_what_is_valid_and_what_is_in_doubt(file: Path) -> None:
    result = run("check", file)
    assert (result.exit_code, "valid: 2 rules, 1 windows, 1 freezes" in result.output) == (0, True)
    assert "doubt: rule 'later' is never reached: 'two'" in result.output
    assert "no rule speaks of them: open_pull_request" in result.output
    found = record("check", file)
    assert (found["valid"], len(found["doubts"])) == (True, 1)


@pytest.mark.parametrize("text", ["version: 2", FROZEN.replace("09:00", "9"), FROZEN.replace("audit", "''")])
def test_check_fails_on_what_cannot_be_used_and_says_why(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    result = run("check", file, "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["valid"] is False
    assert str(file) in found["problem"]
    assert "not valid: policy" in run("check", file).output


def test_try_plays_the_past_against_a_file(asked: Store, file: Path) -> None:
    found = record("try", file)
    assert (found["questions"], found["counts"]) == (1, {"ask -> refuse": 1})
    [trial] = found["trials"]
    assert (trial["was"], trial["was_by"]) == ("ask", "merge-needs-a-person")
    assert (trial["becomes"], trial["by"], trial["changed"]) == ("refuse", "freeze always", True)
    text = run("try", file).output
    assert "(merge-needs-a-person) -> refuse (freeze always)" in text
    assert "1 questions asked so far. ask -> refuse: 1" in text


def test_show_names_what_is_in_force_and_what_is_frozen(
    asked: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ask     merge-needs-a-person: merge" in run("show").output
    monkeypatch.setenv("QAI_POLICY", str(file))
    assert "FROZEN  always: 2020-01-01 00:00 to 2099-01-01 00:00 UTC, audit (refuse)" in run("show").output
    found = record("show")
    assert (found["frozen"], found["file"]) == (["always"], str(file))
    assert found["policy"]["freezes"][0]["from"].startswith("2020-01-01")


def test_tiers_says_what_was_earned(asked: Store) -> None:
    assert "nothing has turned out well or badly yet" in run("tiers").output
    assert record("tiers") == {
        "earned_by": {"ceiling": "act_with_approval", "start": "act_with_approval", "recoveries": 5,
                      "confirmations": 5, "days": 90.0, "settle_hours": 24.0, "min_confidence": 0.8},
        "tiers": [],
    }  # fmt: skip


def test_waiting_says_who_has_approved(asked: Store, file: Path, nexus_case: ModuleType, tmp_path: Path) -> None:
    [incident] = asked.incidents()
    assert f"{incident.id}  0 of 1  " in run("waiting").output
    two = load_policy(file).model_copy(update={"freezes": ()})
    assert Rulings(CaseFiles(asked, tmp_path), two).decide(incident.id, ActionKind.merge).outcome is Outcome.ask
    [waits] = record("waiting")["waiting"]
    assert (waits["incident"], waits["people"], waits["needed"]) == (incident.id, [], 2)
    proposal = asked.latest(incident.id, Proposal)
    assert proposal is not None
    asked.put(incident.id, Approval(proposal_id=proposal.id, by="grace"))
    assert f"{incident.id}  1 of 2: grace  " in run("waiting").output
