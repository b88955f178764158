"""Whether something may be done: act, ask a person, or refuse.

Rules are tried in order and the first that matches decides. No matching rule means no. What was earned may turn
``ask`` into ``act``, where the policy lets it; every limit can make the answer stricter, and none laxer.
"""

from __future__ import annotations

from data.domain import Decision, Outcome
from remediation.policy.kinds import ActionRequest
from remediation.policy.limits import Limit, limits, touches_protected
from remediation.policy.parts import strictness
from remediation.policy.rules import Policy, Rule
from remediation.policy.tiers import Standing, Tier, standing


def decide(policy: Policy, request: ActionRequest) -> Decision:
    """Whether ``request`` may be carried out, is to be put to a person, or is refused."""
    rule = matching_rule(policy, request)
    if rule is None:
        return _decision(Outcome.refuse, request, "no rule", policy.problem or _why_none(policy, request))
    stands = standing(policy.tiers, request.record, request.at, rule.ceiling)
    outcome, said = _by_rule(policy, rule, request, stands)
    # A budget is for what nobody is asked about.
    found = [x for x in limits(policy, request, stands) if x.name != "budget" or outcome is Outcome.act]
    strictest = max(found, key=lambda limit: strictness(limit.outcome), default=None)
    if strictest is None or strictness(strictest.outcome) < strictness(outcome):
        return _decision(outcome, request, rule.name, f"{said}.{_how_many(policy, rule, request, outcome)}")
    by = strictest.name if strictest.outcome is not outcome else rule.name
    holding = [limit for limit in found if limit.outcome is strictest.outcome]
    why = f"{said}, {_held_back(holding, changed=strictest.outcome is not outcome)}"
    return _decision(strictest.outcome, request, by, why + _how_many(policy, rule, request, strictest.outcome))


def matching_rule(policy: Policy, request: ActionRequest) -> Rule | None:
    """The rule that decides on ``request``; None where there is none, or where the policy could not be read."""
    if policy.problem is not None:
        return None
    return next((rule for rule in policy.rules if not rule.obstacles(request)), None)


def approvals_needed(policy: Policy, rule: Rule, request: ActionRequest) -> int:
    """How many different people have to say yes before ``request`` is carried out."""
    return max(rule.approvals, policy.protected_approvals if touches_protected(policy, request) else 1)


def _by_rule(policy: Policy, rule: Rule, request: ActionRequest, stands: Standing) -> tuple[Outcome, str]:
    """What the rule says, once what was earned is counted in."""
    what = f"rule {rule.name!r} says {rule.outcome}: {request.action} for {request.service}"
    if rule.outcome is Outcome.act:
        sure = f"with confidence {request.confidence:.2f}, at least {rule.min_confidence:.2f} being required"
        return Outcome.act, f"{what}, {sure}"
    if rule.outcome is Outcome.refuse:
        return Outcome.refuse, f"{what}; to allow it, change that rule"
    if stands.tier is not Tier.act_and_tell:
        earned = f"; tier {stands.tier}, with {stands.because}" if policy.tiers.can_be_earned else ""
        return Outcome.ask, what + earned
    if request.confidence < policy.tiers.min_confidence:
        low = f"confidence {request.confidence:.2f} is below {policy.tiers.min_confidence:.2f}"
        return Outcome.ask, f"{what}; {stands.tier} was earned, but {low}"
    if approvals_needed(policy, rule, request) > 1:
        return Outcome.ask, f"{what}; what several people have to approve is never earned"
    return Outcome.act, f"{what}, and {stands.tier} was earned by {stands.because}"


def _held_back(holding: list[Limit], *, changed: bool) -> str:
    because = "; ".join(limit.because for limit in holding)
    remedy = "; or ".join(dict.fromkeys(limit.remedy for limit in holding))
    if not changed:
        return f"and {because}."
    result = "it is refused" if holding[0].outcome is Outcome.refuse else "a person is asked"
    return f"but {because}, so {result}: {remedy}."


def _how_many(policy: Policy, rule: Rule, request: ActionRequest, outcome: Outcome) -> str:
    needed = approvals_needed(policy, rule, request)
    return f" {needed} different people have to approve." if outcome is Outcome.ask and needed > 1 else ""


def _why_none(policy: Policy, request: ActionRequest) -> str:
    near = [
        f"{rule.name!r} does not apply because {' and '.join(rule.obstacles(request))}"
        for rule in policy.rules
        if request.action in rule.actions
    ]
    said = "; ".join(near) if near else "no rule speaks of this action"
    return f"No rule allows {request.action} for {request.service}: {said}. No matching rule means no."


def _decision(outcome: Outcome, request: ActionRequest, by: str, explanation: str) -> Decision:
    text = explanation[:1].upper() + explanation[1:]
    return Decision(outcome=outcome, action=str(request.action), by=by, explanation=text)
