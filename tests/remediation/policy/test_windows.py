"""When something may be changed: hours of days where the window is, freezes, and what they are about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from data.domain import Outcome
from remediation.policy import ActionRequest, Freeze, Policy, Rule, Window, decide

OFFICE = {
    "name": "office",
    "zone": "Europe/Berlin",
    "hours": [{"days": ["mon", "fri"], "from": "09:00", "to": "17:00"}],
}
NIGHT = {"name": "night", "hours": [{"days": ["sun"], "from": "22:00", "to": "04:00"}]}
LAUNCH = {"name": "launch", "from": "2026-11-26T00:00:00Z", "to": "2026-11-30T06:00:00Z", "reason": "peak trading"}


def request(action: str = "merge", **fields: object) -> ActionRequest:
    known = {"service": "cart", "confidence": 0.9, "severity": "high", "environment": "production", **fields}
    return ActionRequest.model_validate({"action": action, **known})


def policy(**parts: object) -> Policy:
    kinds = ("merge", "open_pull_request", "undo", "deploy")
    return Policy(version=1, rules=(Rule(name="r", actions=kinds, outcome="act"),), **parts)


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (OFFICE, "2026-11-23T08:00Z", True),  # Monday, 09:00 in Berlin
        (OFFICE, "2026-11-23T07:59Z", False),
        (OFFICE, "2026-11-23T15:59Z", True),
        (OFFICE, "2026-11-23T16:00Z", False),
        (OFFICE, "2026-11-24T10:00Z", False),  # Tuesday
        (OFFICE, "2026-07-27T07:00Z", True),  # summer time: two hours ahead
        (NIGHT, "2026-11-22T22:00Z", True),
        (NIGHT, "2026-11-23T03:59Z", True),  # Monday morning belongs to Sunday's night
        (NIGHT, "2026-11-23T04:00Z", False),
        (NIGHT, "2026-11-23T22:30Z", False),
        (NIGHT, "2026-11-22T03:00Z", False),
    ],
)
def test_a_window_is_open_at_its_hours_where_it_is(window: dict[str, object], at: str, is_open: bool) -> None:
    assert Window.model_validate(window).is_open(datetime.fromisoformat(at)) is is_open


def test_whole_days_and_the_next_opening() -> None:
    days = Window.model_validate({"name": "w", "hours": [{"days": ["sat"], "from": "00:00", "to": "24:00"}]})
    assert days.is_open(datetime(2026, 11, 28, 23, 59, tzinfo=UTC))
    assert not days.is_open(datetime(2026, 11, 29, tzinfo=UTC))
    assert days.next_opening(datetime(2026, 11, 28, 12, tzinfo=UTC)) == datetime(2026, 12, 5, tzinfo=UTC)
    office = Window.model_validate(OFFICE)
    assert office.next_opening(datetime(2026, 11, 23, 17, tzinfo=UTC)) == datetime(2026, 11, 27, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"from": "9:00", "to": "17:00"}, "time of day"),
        ({"from": "09:00", "to": "24:01"}, "time of day"),
        ({"from": 1020, "to": "24:00"}, "time of day"),
        ({"from": "09:00", "to": "09:00"}, "the same"),
        ({"from": "09:00", "to": "10:00", "days": ["monday"]}, "mon"),
        ({"from": "09:00", "to": "10:00", "days": []}, "at least 1"),
    ],
)
def test_hours_that_mean_nothing_are_refused(hours: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Window.model_validate({"name": "w", "hours": [hours]})


def test_zones_and_freezes_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="Europe/Berlin"):
        Window.model_validate({**OFFICE, "zone": "Berlin"})
    with pytest.raises(ValidationError, match="later"):
        Freeze.model_validate({**LAUNCH, "to": "2026-11-25T00:00:00Z"})
    with pytest.raises(ValidationError, match="reason"):
        Freeze.model_validate({**LAUNCH, "reason": ""})


def test_a_freeze_without_an_offset_is_where_it_says() -> None:
    berlin = Freeze.model_validate({**LAUNCH, "from": "2026-11-26", "zone": "Europe/Berlin"})
    assert berlin.first == datetime(2026, 11, 25, 23, tzinfo=UTC)
    assert berlin.holds(request(at="2026-11-25T23:30:00Z"))
    assert not berlin.holds(request(at="2026-11-30T06:00:00Z")), "the end is not in it"


@pytest.mark.parametrize(
    ("part", "at", "outcome", "by", "said"),
    [
        ({"windows": [OFFICE]}, "2026-11-23T10:00Z", Outcome.act, "r", "says act"),
        ({"windows": [OFFICE]}, "2026-11-24T10:00Z", Outcome.ask, "window office", "closed until Fri 2026-11-27 09:00"),
        ({"windows": [{**OFFICE, "outside": "refuse"}]}, "2026-11-24T10:00Z", Outcome.refuse, "window office", "widen"),
        ({"freezes": [LAUNCH]}, "2026-11-27T10:00Z", Outcome.refuse, "freeze launch", "2026-11-30 06:00 UTC (peak"),
        ({"freezes": [{**LAUNCH, "during": "ask"}]}, "2026-11-27T10:00Z", Outcome.ask, "freeze launch", "wait"),
        ({"freezes": [LAUNCH]}, "2026-12-01T10:00Z", Outcome.act, "r", "says act"),
        ({"windows": [OFFICE], "freezes": [LAUNCH]}, "2026-11-27T10:00Z", Outcome.refuse, "freeze launch", "launch"),
        ({"windows": [OFFICE, NIGHT]}, "2026-11-23T10:00Z", Outcome.ask, "window night", "'night' is closed"),
    ],
)
def test_outside_of_them_the_answer_is_stricter(
    part: dict[str, object], at: str, outcome: Outcome, by: str, said: str
) -> None:
    decision = decide(policy(**part), request(at=at))
    assert (decision.outcome, decision.by) == (outcome, by)
    assert "rule 'r'" in decision.explanation.lower()
    assert said in decision.explanation


@pytest.mark.parametrize(
    ("action", "part", "held"),
    [
        ("open_pull_request", {}, False),
        ("undo", {}, False),
        ("deploy", {}, False),
        ("deploy", {"actions": ["deploy"]}, True),
        ("open_pull_request", {"actions": ["open_pull_request"]}, True),
        ("merge", {"services": ["pay*"]}, False),
        ("merge", {"severities": ["low"]}, False),
        ("merge", {"environments": ["prod*"]}, True),
        ("merge", {"environments": ["staging"]}, False),
    ],
)
def test_what_they_are_about(action: str, part: dict[str, object], held: bool) -> None:
    frozen = policy(freezes=[{**LAUNCH, **part}])
    decision = decide(frozen, request(action, at="2026-11-27T10:00Z"))
    assert (decision.outcome is Outcome.refuse) is held


def test_an_unknown_environment_does_not_get_round_a_freeze() -> None:
    frozen = policy(freezes=[{**LAUNCH, "environments": ["production"]}])
    assert decide(frozen, request(environment=None, at="2026-11-27T10:00Z")).outcome is Outcome.refuse
