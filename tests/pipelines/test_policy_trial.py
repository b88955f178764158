"""What the policy is asked about an incident is kept, and another policy can be tried on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data import audit
from data.domain import Decision, Feedback, Outcome, Verdict
from pipelines.casefile import CaseFiles
from pipelines.policy_trial import counts, standings, try_policy
from pipelines.rulings import Ruling, Rulings, approvals_of
from remediation.policy import ActionKind, Policy, Reach, Tier, load_policy

EARNS = {"ceiling": "act_and_tell", "recoveries": 2, "min_confidence": 0.5}


def policy(outcome: str = "ask", **parts: object) -> Policy:
    rule = {"name": "mine", "actions": ["restart", "merge"], "outcome": outcome, "approvers": {"people": ["*"]}}
    return Policy.model_validate({"version": 1, "rules": [rule], **parts})


@pytest.fixture
def rulings(past: Any, tmp_path: Path) -> Rulings:
    return Rulings(CaseFiles(past.store, tmp_path), load_policy())


def test_a_question_is_kept_with_all_its_answer_rests_on(past: Any, rulings: Rulings) -> None:
    past.proposed("INC-1", by_hand=False)
    decision = rulings.decide("INC-1", ActionKind.merge)
    [kept] = past.store.all("INC-1", Ruling)
    assert kept.decision == decision == past.store.latest("INC-1", Decision)
    assert kept.approvals == 1
    asked = kept.request
    assert (asked.service, asked.reach, asked.users) == ("cart", 2, 1.0)
    assert asked.paths == (".env", "cart/app.py"), "what the pull request deletes, too"
    assert decision.outcome is Outcome.ask


def test_files_that_were_planned_count_when_merging(past: Any, rulings: Rulings) -> None:
    past.proposed("INC-1", by_hand=False)
    rulings.decide("INC-1", ActionKind.open_pull_request, ("Jenkinsfile",))
    assert rulings.request("INC-1", ActionKind.merge).paths == (".env", "Jenkinsfile", "cart/app.py")
    for tail in (ActionKind.deploy, ActionKind.undo):
        assert rulings.request("INC-1", tail).paths == (), "what was merged is not held up half done"


def test_what_rules_did_counts_against_the_budget_and_what_people_approved_does_not(
    past: Any, rulings: Rulings
) -> None:
    past.proposed("INC-1")
    opens = "open-pull-request"
    for actor, action in (("ann", "merge"), (opens, "open_pull_request"), (opens, "restart"), (opens, "deploy")):
        audit.append(past.store.engine, actor, action, "INC-0")
    asked = {action: rulings.request("INC-1", action).recent_actions for action in ActionKind}
    assert asked[ActionKind.merge] == asked[ActionKind.restart] == 1
    assert (asked[ActionKind.open_pull_request], asked[ActionKind.deploy], asked[ActionKind.undo]) == (1, 1, 0)


def test_nothing_waits_for_nobody(past: Any, rulings: Rulings) -> None:
    past.proposed("INC-1")
    assert approvals_of(past.store, "INC-1") is None
    rulings.decide("INC-1", ActionKind.restart)
    found = approvals_of(past.store, "INC-1")
    assert found is not None
    assert (found.people, found.needed) == ((), 1)


def test_another_policy_is_tried_on_what_was_asked(past: Any, rulings: Rulings) -> None:
    for number in range(3):
        past.proposed(f"INC-{number}", 10 - number)
        rulings.decide(f"INC-{number}", ActionKind.restart)
    assert counts(try_policy(past.store, load_policy())) == {"same": 3}
    assert counts(try_policy(past.store, policy("refuse"))) == {"ask -> refuse": 3}
    near = policy("act", blast_radius=Reach(services=1))
    assert counts(try_policy(past.store, near)) == {"same": 3}
    [first, *_] = try_policy(past.store, policy("act"))
    assert (first.was, first.was_by) == (Outcome.ask, "changes-to-running-systems-need-a-person")
    assert (first.becomes, first.by, first.is_changed, first.rebuilt) == (Outcome.act, "mine", True, False)
    assert len(past.store.all("INC-0", Ruling)) == len(past.store.all("INC-0", Decision)) == 1, "trying writes nothing"


def test_what_was_earned_by_then_is_counted_in(past: Any, rulings: Rulings) -> None:
    for number, days in enumerate((30.0, 20.0)):
        past.fixed(f"INC-{number}", days)
    past.proposed("INC-9", 1.0)
    rulings.decide("INC-9", ActionKind.restart)
    trials = {trial.incident_id: trial for trial in try_policy(past.store, policy(tiers=EARNS))}
    assert trials["INC-9"].becomes is Outcome.act
    assert "earned by 2 of 2 verified recoveries" in trials["INC-9"].explanation
    assert not trials["INC-9"].rebuilt
    assert (trials["INC-1"].becomes, trials["INC-1"].rebuilt) == (Outcome.ask, True), "it was not earned yet then"
    [(pair, stands)] = standings(past.store, policy(tiers=EARNS), at=past.at + timedelta(minutes=1)).items()
    assert (pair, stands.tier) == ((ActionKind.restart, "cart"), Tier.act_and_tell)


def test_the_flow_itself_counts_what_was_earned(past: Any, rulings: Rulings) -> None:
    past.fixed("INC-0", 30.0)
    past.fixed("INC-1", 20.0)
    past.proposed("INC-9", 1.0)
    earning = Rulings(rulings.files, policy(tiers=EARNS))
    assert earning.decide("INC-9", ActionKind.restart).outcome is Outcome.act
    assert rulings.decide("INC-9", ActionKind.restart).outcome is Outcome.ask


def test_a_question_that_was_not_kept_is_rebuilt(past: Any) -> None:
    past.proposed("INC-1", by_hand=False)
    decided = Decision(outcome=Outcome.act, action="merge", by="ann", explanation="ann approved")
    past.put("INC-1", decided)
    past.put("INC-1", Feedback(incident_id="INC-1", proposal_id="P-INC-1", verdict=Verdict.approved, by="ann"))
    found = {trial.action: trial for trial in try_policy(past.store, load_policy())}
    assert set(found) == {ActionKind.open_pull_request, ActionKind.merge}
    merge = found[ActionKind.merge]
    assert (merge.rebuilt, merge.was, merge.becomes) == (True, Outcome.ask, Outcome.ask), "a yes answered a question"
    assert found[ActionKind.open_pull_request].was is None
