"""What a valid policy probably does not mean is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from remediation.policy import ActionKind, Policy, doubts, load_policy, silent

AT = datetime(2026, 11, 23, tzinfo=UTC)
ASK = {"actions": ["merge"], "outcome": "ask", "approvers": {"people": ["ann"]}}
OVER = {"name": "old", "from": "2026-01-01", "to": "2026-01-02", "reason": "new year"}


def policy(*rules: dict[str, object], **parts: object) -> Policy:
    named = [{"name": f"r{n}", **rule} for n, rule in enumerate(rules)]
    return Policy.model_validate({"version": 1, "rules": named, **parts})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (policy(ASK, {**ASK, "services": ["cart"]}), "'r1' is never reached: 'r0'"),
        (policy({**ASK, "min_confidence": 0.5}, {**ASK, "min_confidence": 0.6}), "'r1' is never reached"),
        (policy({**ASK, "approvers": {}}), "'r0' asks, and nobody may approve"),
        (policy({**ASK, "approvers": {"roles": ["sre"]}}), "roles that nobody holds in this file: sre"),
        (policy({**ASK, "approvals": 2}), "needs 2 people, and only ann may approve"),
        (policy(ASK, freezes=[OVER]), "freeze 'old' is over"),
        (policy({**ASK, "ceiling": "act_and_tell"}), "which is lower"),
        (policy(ASK, tiers={"start": "suggest", "ceiling": "observe"}), "tiers.start is suggest"),
    ],
)
def test_what_has_no_effect_is_named(found: Policy, said: str) -> None:
    assert any(said in doubt for doubt in doubts(found, AT)), doubts(found, AT)


@pytest.mark.parametrize(
    "found",
    [
        load_policy(),
        policy({**ASK, "services": ["cart"]}, ASK),
        policy({**ASK, "min_confidence": 0.6}, {**ASK, "min_confidence": 0.5}),
        policy({**ASK, "approvals": 2, "approvers": {"roles": ["sre"]}}, roles={"sre": ["ann", "bob"]}),
    ],
)
def test_what_is_meant_raises_no_doubt(found: Policy) -> None:
    assert doubts(found, AT) == []


def test_actions_no_rule_speaks_of_are_listed() -> None:
    assert silent(load_policy()) == []
    assert set(silent(policy(ASK))) == set(ActionKind) - {ActionKind.merge}
