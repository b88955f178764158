"""What a tier is earned by and lost by, read from what is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from data.action import Recovery, RecoveryOutcome, TakenBack
from data.domain import Feedback, RejectReason, Verdict
from data.labels import Label
from pipelines.track_record import track_record
from remediation.policy import ActionKind, Deed, Result

ID = "INC-1"


def only(past: Any, action: ActionKind = ActionKind.restart, **fields: Any) -> Deed | None:
    deeds = track_record(past.store, action, "cart", at=fields.pop("at", past.at), days=90).deeds
    assert len(deeds) <= 1
    return deeds[0] if deeds else None


def recovery(outcome: RecoveryOutcome) -> Recovery:
    return Recovery(outcome=outcome, action="restart", service="cart")


def rejection(reason: RejectReason) -> Feedback:
    return Feedback(incident_id=ID, proposal_id=f"P-{ID}", verdict=Verdict.rejected, by="ann", reason=reason)


def test_a_fix_after_which_the_alert_recovered_is_good(past: Any) -> None:
    past.fixed(ID)
    deed = only(past)
    assert deed is not None
    assert (deed.result, deed.incident_id) == (Result.recovered, ID)
    assert deed.at == past.at - timedelta(days=9.8)
    assert only(past, ActionKind.merge) is None, "each kind of action has its own record"
    assert only(past, at=past.at - timedelta(days=9.85)) is None, "it was not known then"
    assert track_record(past.store, ActionKind.restart, "db", at=past.at, days=90).deeds == ()
    assert track_record(past.store, ActionKind.restart, "cart", at=past.at, days=5).deeds == ()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (recovery(RecoveryOutcome.not_recovered), "did not help (not recovered)"),
        (recovery(RecoveryOutcome.worse), "did not help (worse)"),
        (TakenBack(summary="undone", by="rule"), "was taken back"),
        (Label(incident_id=ID, by="bob", services=("db",)), "the cause was db, says bob"),
        (Label(incident_id=ID, by="bob", nothing_wrong=True), "nothing was wrong, says bob"),
    ],
)
def test_what_spoils_it(past: Any, what: Any, said: str) -> None:
    past.fixed(ID)
    past.put(ID, what)
    deed = only(past, at=past.at + timedelta(minutes=1))
    assert deed is not None
    assert deed.result is Result.bad
    assert said in deed.why


@pytest.mark.parametrize("outcome", [RecoveryOutcome.unverified, RecoveryOutcome.partly])
def test_what_nobody_saw_to_help_earns_nothing(past: Any, outcome: RecoveryOutcome) -> None:
    past.fixed(ID)
    past.put(ID, recovery(outcome))
    assert only(past) is None
    past.put(ID, recovery(RecoveryOutcome.recovered))
    deed = only(past)
    assert deed is not None
    assert deed.result is Result.recovered


def test_trouble_that_comes_back_spoils_it(past: Any) -> None:
    past.fixed(ID)
    past.proposed("INC-2", 9.5)  # of the same service, less than a day after
    deed = only(past)
    assert deed is not None
    assert (deed.result, deed.why) == (Result.bad, "came back as INC-2")
    past.proposed("INC-3", 8.0)
    assert only(past) == deed


@pytest.mark.parametrize(("reason", "bad"), [(r, r is not RejectReason.already_fixed) for r in RejectReason])
def test_a_rejection_is_bad_unless_it_was_fixed_already(past: Any, reason: RejectReason, bad: bool) -> None:
    past.proposed(ID)
    past.put(ID, rejection(reason))
    deed = only(past, at=past.at + timedelta(minutes=1))
    assert (deed is not None) is bad
    if deed is not None:
        assert deed.why == f"was rejected by ann ({reason})"


def test_no_recovery_within_a_day_is_bad_and_before_that_not_known(past: Any) -> None:
    past.proposed(ID, 0.6)
    past.done(ID, 0.5)
    assert only(past) is None
    deed = only(past, at=past.at + timedelta(days=0.6))
    assert deed is not None
    assert (deed.result, deed.why) == (Result.bad, "had not recovered a day later")


@pytest.mark.parametrize(
    "prepare", [lambda past: None, lambda past: past.put(ID, rejection(RejectReason.already_fixed))]
)
def test_a_confirmed_cause_counts_for_every_action_on_the_service(past: Any, prepare: Callable[[Any], None]) -> None:
    past.proposed(ID)
    prepare(past)
    past.put(ID, Label(incident_id=ID, by="bob", services=("cart",), at=past.at))
    for action in (ActionKind.restart, ActionKind.merge):
        deed = only(past, action)
        assert deed is not None
        assert deed.result is Result.confirmed
