"""A person's yes or no. The policy says whose word counts; the first word stands."""

from __future__ import annotations

from collections.abc import Sequence

from data.domain import Decision, Feedback, Outcome, PullRequest, RejectReason, Verdict
from data.errors import PolicyError
from data.proposal import Proposal
from remediation.forge import LocalForge
from remediation.policy import ActionRequest, Policy, Rule, decide, matching_rule
from remediation.text import one_line


def approve(
    proposal: Proposal,
    by: str,
    policy: Policy,
    *,
    request: ActionRequest,
    forge: LocalForge,
    pull_request: PullRequest,
    roles: Sequence[str] = (),
) -> Decision:
    """``by`` approves what ``request`` asks for. Approving twice is approving once.

    Returns:
        A Decision to ``act``, by that person, which the merge then carries with it.

    Raises:
        PolicyError: the policy refuses, does not count ``by`` among the approvers, or somebody answered already.
    """
    rule = authorise(policy, request, by, roles)
    review = forge.review(pull_request.number, Verdict.approved, by)
    explanation = f"{by} approved proposal {proposal.id}; rule {rule.name!r} lets them."
    return Decision(outcome=Outcome.act, action=str(request.action), by=by, explanation=explanation, at=review.at)


def reject(
    proposal: Proposal,
    by: str,
    reason: RejectReason,
    policy: Policy,
    *,
    request: ActionRequest,
    forge: LocalForge,
    pull_request: PullRequest,
    roles: Sequence[str] = (),
    true_service: str | None = None,
    true_change: str | None = None,
    comment: str = "",
) -> Feedback:
    """``by`` turns a proposal down, with one of the fixed reasons.

    Raises:
        ValueError: ``reason`` is not one of them.
        PolicyError: the policy does not count ``by`` among the approvers, or somebody answered already.
    """
    reason = RejectReason(reason)
    authorise(policy, request, by, roles)
    review = forge.review(pull_request.number, Verdict.rejected, by)
    return Feedback(
        incident_id=proposal.incident_id,
        proposal_id=proposal.id,
        verdict=Verdict.rejected,
        by=by,
        at=review.at,
        reason=reason,
        true_service=true_service,
        true_change=true_change,
        comment=comment,
    )


def authorise(policy: Policy, request: ActionRequest, by: str, roles: Sequence[str] = ()) -> Rule:
    """The rule under which ``by`` may answer what ``request`` asks.

    Raises:
        PolicyError: the policy refuses it, or leaves the answer to others.
    """
    rule = _rule_for(policy, request)
    _require_approver(rule, by, roles)
    return rule


def _rule_for(policy: Policy, request: ActionRequest) -> Rule:
    """The rule a person may answer under; a refusal cannot be approved away."""
    rule = matching_rule(policy, request)
    if rule is None or rule.outcome is Outcome.refuse:
        raise PolicyError(decide(policy, request).explanation)
    return rule


def _require_approver(rule: Rule, by: str, roles: Sequence[str]) -> None:
    if not by.strip() or by != one_line(by, 200):
        raise PolicyError("whoever decides has to be named, on one line of at most 200 characters")
    if not rule.approvers.include(by, tuple(roles)):
        who = ", ".join((*rule.approvers.people, *(f"role {role}" for role in rule.approvers.roles))) or "nobody"
        raise PolicyError(f"{by} may not decide on this: rule {rule.name!r} leaves it to {who}")
