"""The policy: what matches, what is made stricter, and that anything unreadable or unknown refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.domain import Outcome, Severity
from data.errors import PolicyError
from remediation.policy import (
    ActionKind,
    ActionRequest,
    Approvers,
    Budget,
    Freeze,
    Policy,
    Reach,
    Rule,
    Tier,
    Tiers,
    Window,
    decide,
    load_policy,
    load_policy_or_refuse,
)


def ask(action: str = "open_pull_request", **more: object) -> ActionRequest:
    fields = {"service": "checkout", "confidence": 0.8, "severity": "high", "environment": "production", **more}
    return ActionRequest.model_validate({"action": action, **fields})


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def test_the_default_policy_opens_pull_requests_and_asks_for_the_rest():
    default = load_policy()
    opened = decide(default, ask())
    assert (opened.outcome, opened.by) == (Outcome.act, "open-pull-request")
    assert decide(default, ask(confidence=0.1)).outcome is Outcome.ask
    assert decide(default, ask(environment=None)).outcome is Outcome.act
    for action in set(ActionKind) - {ActionKind.open_pull_request, ActionKind.deploy, ActionKind.undo}:
        assert decide(default, ask(action)).outcome is Outcome.ask, action


def test_the_default_policy_deploys_nothing_but_the_lab():
    for environment in ("production", "staging", None):
        assert decide(load_policy(), ask(ActionKind.deploy, environment=environment)).outcome is Outcome.refuse
    assert decide(load_policy(), ask(ActionKind.deploy, environment="lab")).outcome is Outcome.act


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", ".gitlab-ci.yml", "deploy/prod.PEM", ".env", "a/b/.env.prod", "x/Secrets.yaml"]
)
def test_protected_paths_need_a_person(path):
    decision = decide(load_policy(), ask(paths=("src/a.py", path)))
    assert decision.outcome is Outcome.ask
    assert path in decision.explanation


def test_protected_paths_can_be_added_but_not_taken_away(tmp_path):
    text = "version: 1\nprotected_paths: ['db/**']\nrules: [{name: r, actions: [open_pull_request], outcome: act}]\n"
    mine = policy(tmp_path, text)
    assert decide(mine, ask(paths=("db/schema.sql",))).outcome is Outcome.ask
    assert decide(mine, ask(paths=(".github/x",))).outcome is Outcome.ask
    assert decide(mine, ask(paths=("src/x",))).outcome is Outcome.act


def test_a_spent_budget_asks(tmp_path):
    text = "version: 1\nbudget: {actions_per_hour: 2}\nrules: [{name: r, actions: [scale], outcome: act}]\n"
    mine = policy(tmp_path, text)
    assert decide(mine, ask("scale", recent_actions=1)).outcome is Outcome.act
    assert decide(mine, ask("scale", recent_actions=2)).outcome is Outcome.ask


MERGE = "{name: r, actions: [merge], outcome: ask}"
RULES = """
version: 1
rules:
  - {name: freeze, actions: [merge, scale], services: ["pay*"], outcome: refuse}
  - {name: staging, actions: [merge], environments: [staging], min_confidence: 0.5, outcome: act}
  - {name: loud, actions: [merge], severities: [critical], outcome: ask, approvers: {roles: [lead]}}
"""


@pytest.mark.parametrize(
    ("request_", "outcome", "by"),
    [
        (ask("merge", service="payments", environment="staging"), Outcome.refuse, "freeze"),
        (ask("merge", environment="staging"), Outcome.act, "staging"),
        (ask("merge", environment="staging", confidence=0.49), Outcome.refuse, "no rule"),
        (ask("merge", environment=None), Outcome.refuse, "no rule"),
        (ask("merge", severity="critical"), Outcome.ask, "loud"),
        (ask("restart"), Outcome.refuse, "no rule"),
    ],
)
def test_the_first_matching_rule_decides_and_none_means_no(tmp_path, request_, outcome, by):
    decision = decide(policy(tmp_path, RULES), request_)
    assert (decision.outcome, decision.by) == (outcome, by)
    assert decision.explanation.endswith(".")


def test_a_refusal_says_what_stood_in_the_way(tmp_path):
    said = decide(policy(tmp_path, RULES), ask("merge", environment="staging", confidence=0.4)).explanation
    assert "confidence 0.40 is below 0.50" in said
    assert "severity high is not among critical" in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "mapping"),
        ("- 1", "mapping"),
        ("version: 1", "rules: missing"),
        ("version: 2\nrules: []", "version"),
        ("version: 1\nrules: 2020-99-99", "not valid YAML"),
        ("version: 1\nrules: []\nrulez: []", "rulez: not a known key"),
        ("version: 1\nrules: [{name: r, actions: [merge], outcome: act, min_confidnce: 1}]", "rules.0.min_confidnce"),
        ("version: 1\nrules: [{name: r, actions: [merge], outcome: yes}]", "rules.0.outcome"),
        ("version: 1\nrules: [{name: r, actions: [merge], outcome: act, min_confidence: 7}]", "rules.0.min_confidence"),
        ("version: 1\nrules: [{name: r, actions: [reboot], outcome: act}]", "rules.0.actions.0"),
        ("version: 1\nrules: [{name: r, actions: [], outcome: act}]", "rules.0.actions"),
        ("version: 1\nrules: [{name: r, actions: [merge], outcome: act, services: []}]", "leave the key out"),
        ("version: 1\nrules: [{name: r, actions: [merge], outcome: ask, approvers: {role: [a]}}]", "people, roles"),
        (f"version: 1\nrules:\n- {MERGE}\n- {MERGE}", "used twice"),
        ("version: 1\nversion: 1\nrules: []", "given twice"),
        ("version: 1\nrules: []\nproblem: null", "problem"),
        ("version: 1\nrules: [", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("{[1, 2]: 3}", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_policy_that_means_nothing_is_refused_by_name_and_refuses_everything(tmp_path, text, named):
    with pytest.raises(PolicyError, match="policy") as caught:
        policy(tmp_path, text)
    assert named in str(caught.value)
    decision = decide(load_policy_or_refuse(tmp_path / "policy.yaml"), ask())
    assert decision.outcome is Outcome.refuse
    assert named in decision.explanation


def test_a_missing_policy_refuses_everything(tmp_path):
    assert decide(load_policy_or_refuse(tmp_path / "none.yaml"), ask()).outcome is Outcome.refuse
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00version")
    assert decide(load_policy_or_refuse(binary), ask()).outcome is Outcome.refuse


@given(
    action=st.sampled_from(list(ActionKind)),
    severity=st.sampled_from(list(Severity)),
    confidence=st.floats(0, 1),
    service=st.text(min_size=1),
    environment=st.none() | st.text(),
)
def test_no_rules_never_act(action, severity, confidence, service, environment):
    empty = Policy(version=1, rules=())
    request = ask(action, severity=severity, confidence=confidence, service=service, environment=environment)
    assert decide(empty, request).outcome is Outcome.refuse


def test_the_example_in_the_documentation_works(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    mine = policy(tmp_path, example)
    assert decide(mine, ask(service="payments")).outcome is Outcome.refuse
    office = {"at": "2026-11-23T10:00Z", "reach": 3, "users": 0.5}
    assert decide(mine, ask("merge", environment="staging", confidence=0.95, **office)).outcome is Outcome.act
    unknown = {"at": office["at"]}
    assert decide(mine, ask("merge", environment="staging", confidence=0.95, **unknown)).by == "blast radius"
    assert decide(mine, ask("merge", **office)).by == "people-merge"
    assert decide(mine, ask("merge", **{**office, "at": "2026-11-20T14:00Z"})).by == "people-merge"
    assert decide(mine, ask("merge", **{**office, "at": "2026-11-27T14:00Z"})).by == "freeze black-friday"
    assert "2 different people" in decide(mine, ask("merge", severity="critical", **office)).explanation
    assert decide(mine, ask("scale")).outcome is Outcome.refuse


def test_every_key_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    parts = (Policy, Rule, Approvers, Budget, Reach, Tiers, Window, Freeze)
    keys = {field.alias or name for part in parts for name, field in part.model_fields.items()} - {"problem"}
    assert [key for key in sorted(keys) if not re.search(rf"[`.]{key}[`.]", text)] == []
    assert [tier for tier in Tier if f"`{tier}`" not in text] == []
    assert [kind for kind in ActionKind if f"`{kind}`" not in text] == []
