"""When a change took effect: a commit does nothing until something carries it to production."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.domain import Change, ChangeKind
from models.changes.context import Beginning, ChangeContext
from models.changes.place import Places
from models.changes.signal import Signal, total

_MINUTE = timedelta(minutes=1)
# Suspicion fades with the logarithm of the time that passed well: half an hour is nothing, a day is much.
FADE, FADE_MINUTES = 0.8, 30.0
# A flag or a setting acts at once, so time that passed well tells more than it does for code.
FADE_IMMEDIATE = 1.2
COINCIDENT, COINCIDENT_MINUTES = 0.5, 3.0
_IMMEDIATE = (ChangeKind.flag, ChangeKind.config, ChangeKind.infrastructure)
# The onset is an estimate, so a change a little after it is not excluded.
TOLERANCE_MINUTES, LATE_PER_MINUTE, LATE_WORST = 1.5, 0.4, 3.0
# A change at work for some minutes in which all was well is cleared in part: leaks, rare branches and schedules wait.
WELL_SINCE, WELL_MINUTES = -1.2, 2.0
# One that took effect as the trouble began, at a suspect, is that much likelier; half so if it did within this before.
AS_IT_BEGAN, BLURRED_MINUTES = 0.6, 0.25
NAMED, CARRIED, NEVER_DEPLOYED = 0.8, 0.0, -1.5
_SHORTEST_SHA = 7
_SHA = re.compile(r"[0-9a-fA-F]{7,40}")


@dataclass(frozen=True)
class Effect:
    """When a change went live. ``carrier`` brought it there; ``named`` if by its id, not merely by being older."""

    at: datetime
    carrier: Change | None = None
    named: bool = False
    undeployed: bool = False


class Releases:
    """The recorded commits, and the changes that carried them to production."""

    def __init__(self, changes: Sequence[Change], places: Places) -> None:
        ordered = sorted(changes, key=lambda c: (c.timestamp, c.id))
        commits = [c for c in ordered if c.kind is ChangeKind.commit]
        self._places = places
        self._by_id = {**{c.id[:_SHORTEST_SHA]: c for c in commits}, **{c.id: c for c in commits}}
        self._carriers = [c for c in ordered if c.kind is not ChangeKind.commit and c.commit]
        self._heads = {c.id: self.carried_commit(c) for c in self._carriers}
        self._named: dict[str, Change] = {}
        for carrier in self._carriers:
            head = self._heads[carrier.id]
            if head:
                self._named.setdefault(head.id, carrier)

    def carried_commit(self, carrier: Change) -> Change | None:
        """The recorded commit that ``carrier`` names, if any; either id may be abbreviated."""
        return self._commit(carrier.commit or "")

    def effect_of(self, change: Change, services: frozenset[str], context: ChangeContext) -> Effect:
        """When ``change``, which acts on ``services`` (empty: shared code), took effect."""
        if change.kind is not ChangeKind.commit:
            return Effect(change.timestamp)
        if change.id in self._named:
            carrier = self._named[change.id]
            return Effect(carrier.timestamp, carrier, named=True)
        relevant = [c for c in self._carriers if c.service and (not services or c.service in services)]
        if relevant and self._ran_before(change, relevant):
            return Effect(change.timestamp)
        first = self._first_carriers(change, relevant, context)
        if first:
            carrier = max(first, key=lambda c: (self._places.reach(c.service or "")[0], c.timestamp, c.id))
            return Effect(carrier.timestamp, carrier)
        return Effect(change.timestamp, undeployed=bool(relevant))

    def _ran_before(self, change: Change, relevant: Sequence[Change]) -> bool:
        """Whether what the first deploys replaced held ``change`` already; they say what it was under ``before``."""
        first: dict[str, Change] = {}
        for carrier in relevant:
            first.setdefault(carrier.service or "", carrier)
        replaced = [self._commit(str(carrier.extra.get("before") or "")) for carrier in first.values()]
        return all(commit is not None and commit.timestamp >= change.timestamp for commit in replaced)

    def _commit(self, named: str) -> Change | None:
        """The recorded commit of that id, which may be abbreviated."""
        found = self._by_id.get(named) or self._by_id.get(named[:_SHORTEST_SHA])
        return found if found and same_commit(found.id, named) else None

    def _first_carriers(self, change: Change, relevant: Sequence[Change], context: ChangeContext) -> list[Change]:
        """For each service, its first deployment whose history holds ``change``, among those before the alert."""
        first: dict[str, Change] = {}
        for carrier in relevant:
            holds = (self._heads[carrier.id] or carrier).timestamp >= change.timestamp
            if holds and carrier.timestamp <= context.alert.fired_at:
                first.setdefault(carrier.service or "", carrier)
        return list(first.values())


def same_commit(a: str, b: str) -> bool:
    """Whether two commit ids are one, either of them possibly abbreviated."""
    short, long = sorted((a, b), key=len)
    return a == b or (_SHA.fullmatch(short) is not None and long.startswith(short))


def time_signals(change: Change, effect: Effect, context: ChangeContext, reach: float = 1.0) -> list[Signal]:
    """Evidence from when the change went live, and how; ``reach``: how readily it shows as the trouble, in [0, 1]."""
    signals = _timing(change, effect, context, reach)
    if effect.undeployed:
        signals.append(Signal(NEVER_DEPLOYED, "no recorded deploy carried it before the alert", "deployed"))
    elif effect.carrier and effect.named:
        signals.append(Signal(NAMED, f"{_name(effect.carrier)} carried it to production", "deployed"))
    return signals


def _timing(change: Change, effect: Effect, context: ChangeContext, reach: float) -> list[Signal]:
    """How the change's time fits the trouble's, over all that may have been its beginning, each by how likely it is."""
    start = "the estimated onset" if context.onset or context.beginnings else "the alert"
    views = [[_gap(change, effect, b, start), _health(effect, b, reach)] for b in context.began]
    spoken = [b.probability * math.exp(total(view)) for b, view in zip(context.began, views, strict=True)]
    best = views[spoken.index(max(spoken))]
    rest = math.log(sum(spoken)) - total(best)
    return [*best, Signal(rest if len(views) > 1 else 0.0, "the trouble may have begun at another time")]


def _gap(change: Change, effect: Effect, beginning: Beginning, start: str) -> Signal:
    minutes = (beginning.at - effect.at) / _MINUTE
    if minutes < -TOLERANCE_MINUTES:
        late = -minutes - TOLERANCE_MINUTES
        return Signal(
            -min(0.5 + LATE_PER_MINUTE * late, LATE_WORST), f"it took effect {-minutes:.0f} min after {start}"
        )
    immediate = change.kind in _IMMEDIATE
    if immediate and minutes <= COINCIDENT_MINUTES:
        return Signal(COINCIDENT, f"it acts at once, and did so {max(minutes, 0):.0f} min before {start}")
    fade = FADE_IMMEDIATE if immediate else FADE
    return Signal(
        -fade * math.log1p(max(minutes, 0.0) / FADE_MINUTES), f"it took effect {max(minutes, 0):.0f} min before {start}"
    )


def _health(effect: Effect, beginning: Beginning, reach: float) -> Signal:
    """Whether all was well while the change was at work, as far as that is known."""
    if beginning.well_until is None:
        return Signal(0.0, "")
    minutes = (beginning.well_until - effect.at) / _MINUTE
    # A deploy takes seconds to show, and samples are seconds apart: it is not clear on the first that comes after it.
    began = AS_IT_BEGAN * reach * 0.5 ** (max(minutes, 0.0) / BLURRED_MINUTES)
    well = WELL_SINCE * -math.expm1(-max(minutes, 0.0) / WELL_MINUTES)
    if -well > began:
        return Signal(well + began, f"all was well for {minutes:.0f} min after it took effect", "well")
    near = (effect.at - beginning.at) / _MINUTE <= TOLERANCE_MINUTES
    return Signal(well + began if near else 0.0, "it took effect as the trouble began", "began")


def _name(carrier: Change) -> str:
    return f"{carrier.kind.value} {carrier.id}" + (f" of {carrier.service}" if carrier.service else "")
