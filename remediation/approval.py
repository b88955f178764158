"""A person's yes. The policy says whose word counts and how many have to say it; the first word stands."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field

from data.domain import Decision, Noun, Outcome, PullRequest, Utc, Verdict, now
from data.errors import PolicyError
from data.proposal import Proposal
from remediation.forge import LocalForge
from remediation.policy import ActionRequest, Policy, Rule, approvals_needed, decide, matching_rule
from remediation.text import one_line

# Who requests with the API token act for. A token is shared: it is nobody in particular.
TOKEN_HOLDER = "api"


class Approval(Noun):
    """One person's yes to one proposal."""

    proposal_id: str
    by: str
    roles: tuple[str, ...] = ()
    at: Utc = Field(default_factory=now)


@dataclass(frozen=True)
class Tally:
    """Who has approved, the first first, and how many have to."""

    people: tuple[str, ...]
    needed: int

    @property
    def is_enough(self) -> bool:
        return len(self.people) >= self.needed

    @property
    def names(self) -> str:
        """Everybody whose yes carries the decision, in words."""
        return " and ".join(self.people[: self.needed])

    def __str__(self) -> str:
        """For example ``1 of 2: ann``."""
        return f"{len(self.people)} of {self.needed}" + (f": {', '.join(self.people)}" if self.people else "")


def tally(policy: Policy, request: ActionRequest, proposal: Proposal, given: Iterable[Approval]) -> Tally:
    """Whose approvals of ``proposal`` count, each person's once, if the policy still counts them among the approvers.

    Raises:
        PolicyError: the policy refuses what ``request`` asks.
    """
    rule = _rule_for(policy, request)
    needed = approvals_needed(policy, rule, request)
    counted = [
        approval.by
        for approval in given
        if approval.proposal_id == proposal.id and not _obstacle(policy, rule, needed, approval.by, approval.roles)
    ]
    return Tally(distinct(counted), needed)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Each person once, as first written: two people are two names, not two spellings of one."""
    people: dict[str, str] = {}
    for name in names:
        people.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), name)
    return tuple(people.values())


def approve(
    proposal: Proposal,
    given: Sequence[Approval],
    policy: Policy,
    *,
    request: ActionRequest,
    forge: LocalForge | None = None,
    pull_request: PullRequest | None = None,
) -> Decision:
    """What follows from the approvals ``given`` so far. Approving twice is approving once.

    Returns:
        A Decision to ``act``, by those people, which the action then carries with it; or to ``ask`` on, where more
        people have to approve.

    Raises:
        PolicyError: the policy refuses, counts nobody of them among the approvers, or somebody answered already.
    """
    counted = tally(policy, request, proposal, given)
    action = str(request.action)
    if not counted.is_enough:
        more = f"{counted.needed - len(counted.people)} more of the approvers must agree"
        why = f"Proposal {proposal.id} is approved by {counted}; {more}, and the same person counts once."
        return Decision(outcome=Outcome.ask, action=action, by=counted.people[-1] if counted.people else "nobody",
                        explanation=why)  # fmt: skip
    rule = _rule_for(policy, request)
    at = given[-1].at
    if forge is not None and pull_request is not None:
        at = forge.review(pull_request.number, Verdict.approved, counted.names).at
    explanation = f"{counted.names} approved proposal {proposal.id}; rule {rule.name!r} lets them."
    return Decision(outcome=Outcome.act, action=action, by=counted.names, explanation=explanation, at=at)


def authorise(policy: Policy, request: ActionRequest, by: str, roles: Sequence[str] = ()) -> Rule:
    """The rule under which ``by`` may answer what ``request`` asks.

    Raises:
        PolicyError: the policy refuses it, or leaves the answer to others.
    """
    rule = _rule_for(policy, request)
    _require(by, _obstacle(policy, rule, approvals_needed(policy, rule, request), by, roles))
    return rule


def authorise_no(policy: Policy, request: ActionRequest, by: str, roles: Sequence[str] = ()) -> Rule:
    """The rule under which ``by`` may turn down what ``request`` asks: one no is enough, in a freeze, too.

    Raises:
        PolicyError: the rule refuses it already, or leaves the answer to others.
    """
    rule = matching_rule(policy, request)
    if rule is None or rule.outcome is Outcome.refuse:
        raise PolicyError(decide(policy, request).explanation)
    _require(by, _obstacle(policy, rule, 1, by, roles))
    return rule


def _rule_for(policy: Policy, request: ActionRequest) -> Rule:
    """The rule a person may answer under; a refusal cannot be approved away."""
    rule, decision = matching_rule(policy, request), decide(policy, request)
    if rule is None or decision.outcome is Outcome.refuse:
        raise PolicyError(decision.explanation)
    return rule


def _require(by: str, obstacle: str | None) -> None:
    if not by.strip() or by != one_line(by, 200):
        raise PolicyError("whoever decides has to be named, on one line of at most 200 characters")
    if obstacle:
        raise PolicyError(obstacle)


def _obstacle(policy: Policy, rule: Rule, needed: int, by: str, roles: Sequence[str]) -> str | None:
    """Why ``by`` may not answer; None where they may."""
    if needed > 1 and by == TOKEN_HOLDER and by not in rule.approvers.people:
        return f"{needed} people have to approve, and the API token is nobody in particular: sign in to Nexus instead"
    if not rule.approvers.include(by, (*roles, *policy.roles_of(by))):
        who = ", ".join((*rule.approvers.people, *(f"role {role}" for role in rule.approvers.roles))) or "nobody"
        return f"{by} may not decide on this: rule {rule.name!r} leaves it to {who}"
    return None
