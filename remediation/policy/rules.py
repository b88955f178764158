"""A policy file's rules, and everything else in it, typed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from data.domain import Outcome, Probability
from remediation.policy.kinds import ActionKind, ActionRequest
from remediation.policy.parts import Part, Scope
from remediation.policy.tiers import Tier, Tiers
from remediation.policy.windows import Freeze, Stricter, Window


class Approvers(Part):
    """Who may say yes: a person named here, or one with a role named here. ``*`` means anybody signed in."""

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def include(self, person: str, roles: tuple[str, ...] = ()) -> bool:
        return "*" in self.people or person in self.people or bool(set(roles) & set(self.roles))


class Budget(Part):
    """How much may be done without a person; beyond it, a person is asked."""

    actions_per_hour: int = Field(default=6, ge=0)


class Reach(Part):
    """How far an action may reach without a person. What reaches further, or nobody knows how far, is ``beyond``."""

    services: int | None = Field(default=None, ge=1)
    users: Probability | None = None
    beyond: Stricter = Outcome.ask


class Rule(Scope):
    """One rule. ``approvals``: how many people have to say yes. ``ceiling``: the highest tier that can be earned."""

    name: str = Field(min_length=1, max_length=80)
    actions: tuple[ActionKind, ...] = Field(min_length=1)
    outcome: Outcome
    min_confidence: Probability = 0.0
    approvers: Approvers = Approvers()
    approvals: int = Field(default=1, ge=1, le=5)
    ceiling: Tier | None = None

    def obstacles(self, request: ActionRequest) -> list[str]:
        found = super().obstacles(request)
        if request.action in self.actions and request.confidence < self.min_confidence:
            found.append(f"confidence {request.confidence:.2f} is below {self.min_confidence:.2f}")
        return found


class Policy(Part):
    """Everything in the file.

    ``protected_paths`` come on top of :data:`~remediation.protected.PROTECTED_PATHS`, and ``protected_approvals``
    people have to approve what touches any of them. ``roles`` says who holds each. ``problem`` is set where a policy
    could not be read: such a policy refuses everything.
    """

    version: Literal[1]
    rules: tuple[Rule, ...]
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    budget: Budget = Budget()
    blast_radius: Reach = Reach()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    tiers: Tiers = Tiers()
    protected_paths: tuple[str, ...] = ()
    protected_approvals: int = Field(default=1, ge=1, le=5)
    problem: str | None = Field(default=None, exclude=True)

    @field_validator("rules")
    @classmethod
    def _rules_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        _differ("rule", [rule.name for rule in rules])
        return rules

    @model_validator(mode="after")
    def _restrictions_differ(self) -> Self:
        _differ("window", [window.name for window in self.windows])
        _differ("freeze", [freeze.name for freeze in self.freezes])
        return self

    def roles_of(self, person: str) -> tuple[str, ...]:
        """The roles a person holds by this file."""
        return tuple(role for role, people in self.roles.items() if person in people)


def _differ(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} names must differ, for a decision names them; used twice: {', '.join(twice)}")
