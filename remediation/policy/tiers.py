"""How much is done without a person: a tier for each kind of action on each service, earned and lost by deeds.

A tier is computed anew from the track record each time it is asked for; nothing stores it, so nothing can go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, field_validator

from data.domain import Probability
from remediation.policy.parts import Part
from remediation.policy.records import Deed, Result, TrackRecord


class Tier(StrEnum):
    """How far we go. ``observe``: nothing is written at all. ``suggest``: a pull request is opened, a person does the
    rest by hand. ``act_with_approval``: what a person approved is done. ``act_and_tell``: it is done, and told."""

    observe = "observe"
    suggest = "suggest"
    act_with_approval = "act_with_approval"
    act_and_tell = "act_and_tell"

    @property
    def rank(self) -> int:
        return list(Tier).index(self)


def lower(a: Tier, b: Tier) -> Tier:
    """The lower of two tiers."""
    return min(a, b, key=lambda tier: tier.rank)


class Tiers(Part):
    """What earns a tier.

    Attributes:
        ceiling: nothing is earned beyond it; ``observe`` and ``suggest`` also hold back what a rule allows.
        start: where every kind of action on every service begins, and is put back to by a bad outcome.
        recoveries: so many fixes in a row that were carried out and after which the alert recovered, none bad
            between them, earn ``act_and_tell``.
        confirmations: so many causes in a row that people confirmed (or that a recovery did) earn one tier, up to
            ``act_with_approval``.
        days: how far back deeds count.
        settle_hours: how long a recovery has to last before it counts.
        min_confidence: below it a person is asked, whatever was earned.
    """

    ceiling: Tier = Tier.act_with_approval
    start: Tier = Tier.act_with_approval
    recoveries: int = Field(default=5, ge=1)
    confirmations: int = Field(default=5, ge=1)
    days: float = Field(default=90, gt=0, le=3650)
    settle_hours: float = Field(default=24, ge=0, le=24 * 365)
    min_confidence: Probability = 0.8

    @property
    def can_be_earned(self) -> bool:
        """Whether any track record makes a difference."""
        return self.ceiling.rank > self.start.rank

    @field_validator("start")
    @classmethod
    def _is_to_be_earned(cls, start: Tier) -> Tier:
        if start is Tier.act_and_tell:
            raise ValueError("act_and_tell is earned; where a rule may act from the first day, give it outcome: act")
        return start


@dataclass(frozen=True)
class Standing:
    """The tier in force, and what earned or lost it, in words."""

    tier: Tier
    recoveries: int
    confirmations: int
    because: str


def standing(tiers: Tiers, record: TrackRecord, at: datetime, ceiling: Tier | None = None) -> Standing:
    """The tier that ``record`` has earned by ``at``, never beyond the lower of both ceilings."""
    top = lower(tiers.ceiling, ceiling or tiers.ceiling)
    since = at - timedelta(days=tiers.days)
    seen = sorted((deed for deed in record.deeds if since <= deed.at <= at), key=lambda deed: deed.at)
    lost = next((deed for deed in reversed(seen) if deed.result is Result.bad), None)
    row = [deed for deed in seen if lost is None or deed.at > lost.at]
    recovered = [d for d in row if d.result is Result.recovered and d.at <= at - timedelta(hours=tiers.settle_hours)]
    confirmed = [deed for deed in row if deed.result is Result.confirmed]
    rights = len(recovered) + len(confirmed)
    tier = _climbed(tiers, rights, len(recovered))
    text = _because(tiers, lost, recovered, rights)
    if tier.rank > top.rank:
        text += f"; the ceiling is {top.value}"
    return Standing(lower(tier, top), len(recovered), rights, text)


def _climbed(tiers: Tiers, rights: int, recovered: int) -> Tier:
    if tiers.start.rank < Tier.act_with_approval.rank:
        rank = min(tiers.start.rank + rights // tiers.confirmations, Tier.act_with_approval.rank)
        tier = list(Tier)[rank]
    else:
        tier = tiers.start
    if tier is Tier.act_with_approval and recovered >= tiers.recoveries:
        return Tier.act_and_tell
    return tier


def _because(tiers: Tiers, lost: Deed | None, recovered: list[Deed], rights: int) -> str:
    ids = ", ".join(deed.incident_id for deed in recovered[-3:])
    more = f" (the last: {ids})" if ids else ""
    text = f"{len(recovered)} of {tiers.recoveries} verified recoveries in a row within {tiers.days:g} days{more}"
    if tiers.start.rank < Tier.act_with_approval.rank:
        text += f", {rights} causes confirmed, {tiers.confirmations} for each tier"
    return f"{text}, since {lost.incident_id} {lost.why} on {lost.at:%Y-%m-%d}" if lost else text
