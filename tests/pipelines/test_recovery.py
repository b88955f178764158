"""What is said of a write, from what one look saw: said only once it can be, and never more than was seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from data.action import Applied, Operation, RecoveryOutcome
from data.telemetry import SeriesKey
from models.recovery import Level
from pipelines.recovery import Seen, judge, judge_canary

APPLIED = Applied(action="merge", service="api", by="grace", summary="merged", pull_request=1)
PATIENCE = timedelta(minutes=15)


def level(service: str, now: float | None, *, then: float | None = 400.0) -> Level:
    """A latency that is usually 100 ms, and at most 130."""
    back = None if now is None else now <= 130
    return Level(SeriesKey(service, "latency", "", "ms"), 100.0, 130.0, then, now, back)


def outcome(seen: Seen, *, minutes: float = 1.5, resolved: bool = False) -> RecoveryOutcome | None:
    waited = timedelta(minutes=minutes)
    recovery = judge(APPLIED, seen, resolved=resolved, waited=waited, patience=PATIENCE)
    return recovery.outcome if recovery else None


BACK, AWAY, UNSEEN, AWFUL = (level("api", now) for now in (105.0, 390.0, None, 2000.0))
ILL = level("stock", 900.0, then=100.0)


@pytest.mark.parametrize(
    ("seen", "minutes", "expected"),
    [
        (Seen((BACK,)), 0.6, RecoveryOutcome.recovered),
        (Seen((BACK,), promised=(level("db", 110.0),)), 0.6, RecoveryOutcome.recovered),
        (Seen((BACK, UNSEEN)), 0.6, RecoveryOutcome.recovered),
        (Seen((BACK, AWAY)), 5, None),
        (Seen((AWAY,)), 14.9, None),
        (Seen((AWAY,)), 15, RecoveryOutcome.not_recovered),
        (Seen((UNSEEN,)), 14.9, None),
        (Seen((UNSEEN,)), 15, RecoveryOutcome.unverified),
        (Seen(()), 15, RecoveryOutcome.unverified),
        (Seen((BACK,), promised=(level("db", 300.0),)), 2, None),
        (Seen((BACK,), promised=(level("db", 300.0),)), 3, RecoveryOutcome.partly),
        (Seen((BACK,), promised=(level("db", None),)), 3, RecoveryOutcome.partly),
        (Seen((BACK,), not_in_place="release 2 runs"), 3, RecoveryOutcome.partly),
        (Seen((BACK,), unseen=("the source failed",)), 3, RecoveryOutcome.partly),
        (Seen((AWAY,), harmed=(ILL,)), 0.9, None),
        (Seen((AWAY,), harmed=(ILL,)), 1, RecoveryOutcome.worse),
        (Seen((BACK,), harmed=(ILL,)), 1, RecoveryOutcome.worse),
        (Seen((AWFUL,)), 1, RecoveryOutcome.worse),
        (Seen((AWAY,), harmed=(ILL,), confounded="INC-2 began"), 10, None),
        (Seen((BACK,), harmed=(ILL,), confounded="INC-2 began"), 3, RecoveryOutcome.partly),
    ],
)
def test_what_can_be_said(seen: Seen, minutes: float, expected: RecoveryOutcome | None) -> None:
    assert outcome(seen, minutes=minutes) is expected


def test_against_its_own_monitor_nothing_is_called_a_failure() -> None:
    assert outcome(Seen((AWAY,)), minutes=15, resolved=True) is RecoveryOutcome.partly
    assert outcome(Seen((AWFUL,)), minutes=5, resolved=True) is None
    assert outcome(Seen((UNSEEN,)), minutes=5, resolved=True) is RecoveryOutcome.recovered


def test_what_could_not_be_seen_is_said() -> None:
    seen = Seen((BACK,), promised=(level("db", None),), unseen=("the source failed",))
    recovery = judge(APPLIED, seen, resolved=False, waited=PATIENCE, patience=PATIENCE)
    assert recovery is not None
    assert recovery.unseen == ("the source failed", "latency of db has too few samples since")
    assert recovery.seen == ("latency of api is 105 ms (usually 100, 400 before)",)
    assert "not seen: the source failed" in recovery.sentence


@pytest.mark.parametrize(
    ("seen", "minutes", "expected"),
    [
        (Seen((BACK,)), 30, None),
        (Seen((AWAY,)), 30, None),
        (Seen((AWAY,), harmed=(ILL,)), 2, RecoveryOutcome.worse),
        (Seen((AWAY,), not_in_place="0 of 1 replicas"), 5, None),
        (Seen((AWAY,), not_in_place="0 of 1 replicas"), 15, RecoveryOutcome.failed),
    ],
)
def test_of_a_canary_only_harm_is_said(seen: Seen, minutes: float, expected: RecoveryOutcome | None) -> None:
    operation = Operation(
        kind="rollback_deploy", service="api", target="api", summary="s", before={}, after={}, canary="one replica"
    )
    applied = APPLIED.model_copy(update={"operation": operation, "pull_request": None})
    recovery = judge_canary(applied, seen, waited=timedelta(minutes=minutes), patience=PATIENCE)
    assert (recovery.outcome if recovery else None) is expected
