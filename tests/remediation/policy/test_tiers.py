"""A tier is earned by what turned out well in a row, lost by one bad outcome, and never beyond its ceiling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from data.domain import Outcome
from remediation.policy import (
    ActionRequest,
    Deed,
    Policy,
    Result,
    Rule,
    Tier,
    Tiers,
    TrackRecord,
    decide,
    standing,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
EARNS = Tiers(ceiling=Tier.act_and_tell, recoveries=3, confirmations=2, days=30, settle_hours=24)


def record(*results: str, days_ago: float = 20.0, every: float = 1.0) -> TrackRecord:
    """Deeds in order, one ``every`` so many days."""
    start = AT - timedelta(days=days_ago)
    return TrackRecord(
        deeds=tuple(
            Deed(incident_id=f"INC-{n}", at=start + timedelta(days=every * n), result=Result(result), why="was so")
            for n, result in enumerate(results)
        )
    )


GOOD = ("recovered",) * 3


@pytest.mark.parametrize(
    ("known", "tier"),
    [
        (record(), Tier.act_with_approval),
        (record(*GOOD[:2]), Tier.act_with_approval),
        (record(*GOOD), Tier.act_and_tell),
        (record(*GOOD, "bad"), Tier.act_with_approval),
        (record(*GOOD, "bad", "recovered"), Tier.act_with_approval),
        (record("bad", *GOOD), Tier.act_and_tell),
        (record("confirmed", "confirmed", "confirmed"), Tier.act_with_approval),
        (record(*GOOD, days_ago=31.5), Tier.act_with_approval),  # one is too long ago
        (record(*GOOD, days_ago=2.5), Tier.act_with_approval),  # the last is too fresh
        (record(*GOOD, days_ago=3.0), Tier.act_and_tell),
        (record(*GOOD, days_ago=-1.0), Tier.act_with_approval),  # not known yet
    ],
)
def test_a_row_of_recoveries_earns_acting_and_one_bad_outcome_loses_it(known: TrackRecord, tier: Tier) -> None:
    assert standing(EARNS, known, AT).tier is tier


@pytest.mark.parametrize("ceiling", list(Tier))
def test_nothing_earns_beyond_either_ceiling(ceiling: Tier) -> None:
    low = EARNS.model_copy(update={"ceiling": ceiling})
    assert standing(low, record(*GOOD), AT).tier is ceiling
    assert standing(EARNS, record(*GOOD), AT, ceiling).tier is ceiling


def test_confirmed_causes_lead_up_from_watching() -> None:
    watching = EARNS.model_copy(update={"start": Tier.observe})
    said = [standing(watching, record(*("confirmed",) * n), AT).tier for n in range(7)]
    assert said == [Tier.observe] * 2 + [Tier.suggest] * 2 + [Tier.act_with_approval] * 3
    assert standing(watching, record(*("confirmed",) * 4, "bad"), AT).tier is Tier.observe


def test_acting_is_never_where_one_starts() -> None:
    with pytest.raises(ValidationError, match="is earned"):
        Tiers(start=Tier.act_and_tell)


def ask(known: TrackRecord, outcome: str = "ask", tiers: Tiers = EARNS, **fields: object) -> tuple[Outcome, str, str]:
    rule = {"name": "r", "actions": ["merge", "open_pull_request"], "outcome": outcome, **fields.pop("rule", {})}
    asked = {"action": "merge", "service": "cart", "confidence": 0.9, "severity": "high", "at": AT, "record": known}
    request = ActionRequest.model_validate({**asked, **fields})
    decision = decide(Policy(version=1, rules=(Rule.model_validate(rule),), tiers=tiers), request)
    return decision.outcome, decision.by, decision.explanation


def test_what_was_earned_turns_asking_into_acting_and_says_by_what() -> None:
    outcome, by, why = ask(record(*GOOD))
    assert (outcome, by) == (Outcome.act, "r")
    assert "act_and_tell was earned by 3 of 3 verified recoveries" in why
    assert "INC-0, INC-1, INC-2" in why


def test_what_was_lost_is_asked_again() -> None:
    outcome, _, why = ask(record(*GOOD, "bad"))
    assert outcome is Outcome.ask
    assert "tier act_with_approval, with 0 of 3 verified recoveries" in why
    assert "since INC-3 was so on 2026-11-06" in standing(EARNS, record(*GOOD, "bad"), AT).because


@pytest.mark.parametrize(
    "fields",
    [
        {"confidence": 0.79},
        {"rule": {"ceiling": "act_with_approval"}},
        {"rule": {"approvals": 2}},
        {"paths": (".env",)},
        {"recent_actions": 6},
    ],
)
def test_a_person_is_asked_whatever_was_earned(fields: dict[str, object]) -> None:
    assert ask(record(*GOOD), **fields)[0] is Outcome.ask


def test_by_default_nothing_is_earned_and_a_refusal_never_is() -> None:
    assert ask(record(*("recovered",) * 50), tiers=Tiers())[0] is Outcome.ask
    assert ask(record(*GOOD), "refuse")[0] is Outcome.refuse


@pytest.mark.parametrize(
    ("ceiling", "merges", "opens"),
    [
        ("observe", Outcome.refuse, Outcome.refuse),
        ("suggest", Outcome.refuse, Outcome.act),
        ("act_with_approval", Outcome.act, Outcome.act),
    ],
)
def test_low_tiers_hold_back_what_a_rule_allows(ceiling: str, merges: Outcome, opens: Outcome) -> None:
    tiers = Tiers(ceiling=Tier(ceiling))
    assert ask(record(), "act", tiers)[0] is merges
    assert ask(record(), "act", tiers, action="open_pull_request")[0] is opens
