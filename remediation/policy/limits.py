"""What makes an answer stricter than its rule: never laxer, and each with what it is, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from data.domain import Outcome
from remediation.policy.kinds import CHANGING, ActionKind, ActionRequest
from remediation.policy.rules import Policy
from remediation.policy.tiers import Standing, Tier
from remediation.protected import PROTECTED_PATHS, protected_files


class Limit(NamedTuple):
    """The least strict outcome that is left, by which part of the policy, why, and what would lift it."""

    name: str
    outcome: Outcome
    because: str
    remedy: str


def limits(policy: Policy, request: ActionRequest, standing: Standing) -> Iterator[Limit]:
    """Everything in ``policy`` that holds ``request`` back, whatever its rule says."""
    yield from _tier(standing, request)
    yield from _protected(policy, request)
    yield from _budget(policy, request)
    yield from _reach(policy, request)
    yield from _calendar(policy, request)


def touches_protected(policy: Policy, request: ActionRequest) -> tuple[str, ...]:
    """The protected files that ``request`` would touch."""
    return protected_files(request.paths, (*PROTECTED_PATHS, *policy.protected_paths))


def _tier(standing: Standing, request: ActionRequest) -> Iterator[Limit]:
    holds = standing.tier is Tier.observe or (standing.tier is Tier.suggest and request.action in CHANGING)
    if holds:
        because = f"{request.action} on {request.service} is at tier {standing.tier} ({standing.because})"
        yield Limit("tier", Outcome.refuse, because, "do it by hand, or raise tiers.start or tiers.ceiling")


def _protected(policy: Policy, request: ActionRequest) -> Iterator[Limit]:
    guarded = touches_protected(policy, request)
    if guarded:
        because = f"it touches protected paths ({', '.join(guarded[:5])})"
        yield Limit("protected paths", Outcome.ask, because, "read those files before approving")


def _budget(policy: Policy, request: ActionRequest) -> Iterator[Limit]:
    allowed = policy.budget.actions_per_hour
    if request.recent_actions >= allowed and request.action is not ActionKind.undo:
        because = f"{request.recent_actions} of {allowed} actions an hour are spent"
        yield Limit("budget", Outcome.ask, because, "approve it, wait, or raise budget.actions_per_hour")


def _reach(policy: Policy, request: ActionRequest) -> Iterator[Limit]:
    top = policy.blast_radius
    over = []
    if top.services is not None and (request.reach is None or request.reach > top.services):
        seen = "an unknown number of" if request.reach is None else str(request.reach)
        over.append(f"{seen} services, {top.services} being the ceiling")
    if top.users is not None and (request.users is None or request.users > top.users):
        seen = "an unknown share" if request.users is None else f"{request.users:.0%}"
        over.append(f"{seen} of the users, {top.users:.0%} being the ceiling")
    # A pull request reaches nobody; what it is for is asked again before it is merged.
    if over and request.action in CHANGING:
        because = f"it reaches {' and '.join(over)}"
        yield Limit("blast radius", top.beyond, because, "a smaller change, or a higher blast_radius in the policy")


def _calendar(policy: Policy, request: ActionRequest) -> Iterator[Limit]:
    for freeze in policy.freezes:
        if freeze.holds(request):
            because = f"freeze {freeze.name!r} lasts until {freeze.last:%Y-%m-%d %H:%M} UTC ({freeze.reason})"
            yield Limit(
                f"freeze {freeze.name}", freeze.during, because, "wait until then, or end the freeze in the policy"
            )
    for window in policy.windows:
        if window.covers(request) and not window.is_open(request.at):
            opens = f"{window.next_opening(request.at):%a %Y-%m-%d %H:%M} {window.zone}"
            because = f"change window {window.name!r} is closed until {opens}"
            yield Limit(f"window {window.name}", window.outside, because, "wait until then, or widen the window")
