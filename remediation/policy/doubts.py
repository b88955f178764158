"""What in a valid policy is probably not meant: rules that are never reached, approvers that nobody is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from data.domain import Outcome
from remediation.policy.kinds import ActionKind
from remediation.policy.rules import Policy, Rule


def doubts(policy: Policy, at: datetime) -> list[str]:
    """One sentence for each thing in ``policy`` that has no effect, or an odd one, at ``at``."""
    return [*_rules(policy), *_approvers(policy), *_calendar(policy, at), *_tiers(policy)]


def silent(policy: Policy) -> list[ActionKind]:
    """The actions that no rule speaks of: they are refused."""
    spoken = {action for rule in policy.rules for action in rule.actions}
    return [action for action in ActionKind if action not in spoken]


def _rules(policy: Policy) -> Iterator[str]:
    for n, rule in enumerate(policy.rules):
        earlier = next((known for known in policy.rules[:n] if _hides(known, rule)), None)
        if earlier is not None:
            yield f"rule {rule.name!r} is never reached: {earlier.name!r} above it matches all that it does"


def _hides(earlier: Rule, later: Rule) -> bool:
    return (
        set(later.actions) <= set(earlier.actions)
        and earlier.min_confidence <= later.min_confidence
        and _within(later.environments, earlier.environments)
        and _within(later.services, earlier.services)
        and _within(later.severities, earlier.severities)
    )


def _within(later: Iterable[str] | None, earlier: Iterable[str] | None) -> bool:
    return earlier is None or (later is not None and set(later) <= set(earlier))


def _approvers(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        empty = [role for role in rule.approvers.roles if not policy.roles.get(role)]
        if empty:
            yield f"rule {rule.name!r} leaves approving to roles that nobody holds in this file: {', '.join(empty)}"
        held = {person for role in rule.approvers.roles for person in policy.roles.get(role, ())}
        people = {*rule.approvers.people, *held}
        if rule.outcome is Outcome.ask and not people:
            yield f"rule {rule.name!r} asks, and nobody may approve"
        elif rule.outcome is Outcome.ask and "*" not in people and len(people) < rule.approvals:
            yield f"rule {rule.name!r} needs {rule.approvals} people, and only {', '.join(sorted(people))} may approve"


def _calendar(policy: Policy, at: datetime) -> Iterator[str]:
    for freeze in policy.freezes:
        if freeze.last <= at:
            yield f"freeze {freeze.name!r} is over since {freeze.last:%Y-%m-%d %H:%M} UTC"


def _tiers(policy: Policy) -> Iterator[str]:
    top = policy.tiers.ceiling
    for rule in policy.rules:
        if rule.ceiling is not None and rule.ceiling.rank > top.rank:
            yield f"rule {rule.name!r} has ceiling {rule.ceiling}, and tiers.ceiling is {top}, which is lower"
    if policy.tiers.start.rank > top.rank:
        yield f"tiers.start is {policy.tiers.start}, and tiers.ceiling is {top}, which is lower"
