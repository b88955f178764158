"""The steps of the flow that change the world. Each may be run again after a crash without doing its work twice.

    proposal = propose_fix(incident, diagnosis, changes)
    plan = plan_fix(forge, base, incident, diagnosis, proposal)      # None: a person has to carry it out
    decision = decide(policy, action_request("open_pull_request", incident, diagnosis, proposal, plan))
    pull_request = open_pull_request(forge, base, incident, diagnosis, proposal, decision=decision)
    decision = approve(proposal, by, policy, request=..., forge=forge, pull_request=pull_request)
    merge_pull_request(forge, pull_request.number, decision=decision)

The functions that write take the Decision that allows it and refuse any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.domain import Change, Decision, Diagnosis, Incident, Outcome, PullRequest, RejectReason
from data.errors import ActionError, PolicyError
from data.proposal import ApplyPatch, Proposal, RevertCommit
from remediation.actions import Plan
from remediation.actions.patch import PatchAction
from remediation.actions.revert_commit import RevertCommitAction
from remediation.checks import failures
from remediation.forge import LocalForge
from remediation.policy import ActionKind, ActionRequest
from remediation.scope import blamed_service
from remediation.synthesize import Synthesizer

BY_HAND = "no executor carries out {kind} yet: a person has to do it, by the steps in the proposal"


def propose_fix(
    incident: Incident,
    diagnosis: Diagnosis,
    changes: Sequence[Change],
    synthesizer: Synthesizer | None = None,
    forge: LocalForge | None = None,
    base: str = "main",
) -> Proposal:
    """Draft a fix against what ``base`` holds. Writes nothing; raises ProposalError when none is safe to propose.

    ``synthesizer`` None is the offline one alone.
    """
    draft = synthesizer or Synthesizer()
    if forge is None or not draft.drafters:
        return draft(incident, diagnosis, changes)
    with forge.git.worktree(forge.branch_head(base)) as checkout:
        return draft(incident, diagnosis, changes, repository=checkout.directory)


def needs_a_person(proposal: Proposal) -> str | None:
    """Why no code here can carry the proposal out, as a sentence to escalate with; None when it can."""
    return None if isinstance(proposal.remedy, RevertCommit | ApplyPatch) else BY_HAND.format(kind=proposal.remedy.kind)


def plan_fix(forge: LocalForge, base: str, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan | None:
    """Work the change out, with its diff and checks, and write nothing. None where a person has to carry it out.

    Raises:
        ProposalError: it cannot be made as proposed: the commit is unknown, or reverting it conflicts.
    """
    if needs_a_person(proposal):
        return None
    return _action(forge, base, proposal).plan(incident, diagnosis, proposal)


def action_request(
    action: ActionKind | str,
    incident: Incident,
    diagnosis: Diagnosis,
    proposal: Proposal,
    plan: Plan | None = None,
    *,
    recent_actions: int = 0,
) -> ActionRequest:
    """What the policy is asked: the action, where, how sure, how bad, and which files."""
    return ActionRequest(
        action=ActionKind(action),
        service=touched_service(incident, diagnosis, proposal),
        environment=incident.environment,
        severity=max(incident.severity, diagnosis.severity, key=lambda severity: severity.rank),
        confidence=proposal.proposed_solution.confidence_score,
        paths=plan.files if plan else (),
        recent_actions=recent_actions,
    )


def touched_service(incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> str:
    """The service a rule has to allow acting on: the remedy's own, else the one most likely at fault.

    Not the alerting service: a rule about the frontend says nothing about a fault found behind it.
    """
    own = getattr(proposal.remedy, "service", None)
    return str(own or blamed_service(diagnosis) or incident.service)


def opened_before(forge: LocalForge, incident: Incident, proposal: Proposal) -> PullRequest | None:
    """The pull request a proposal has already, in whatever state; None before it is opened."""
    if needs_a_person(proposal):
        return None
    branch = _action(forge, "", proposal).branch_of(incident, proposal)
    return next((known for known in forge.find(incident.id) if known.branch == branch), None)


def open_pull_request(
    forge: LocalForge,
    base: str,
    incident: Incident,
    diagnosis: Diagnosis,
    proposal: Proposal,
    *,
    decision: Decision,
) -> PullRequest:
    """Open the proposal's pull request, or return the one opened before.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ProposalError: the change cannot be made as proposed.
        ActionError: no code carries out this remedy, a required check fails, or the repository refuses.
    """
    _require(decision, ActionKind.open_pull_request)
    by_hand = needs_a_person(proposal)
    if by_hand:
        raise ActionError(by_hand)
    # Search before create: once its pull request exists, the revert need not be possible any more.
    known = opened_before(forge, incident, proposal)
    if known is not None:
        return known
    action = _action(forge, base, proposal)
    plan = action.plan(incident, diagnosis, proposal)
    failed = failures(plan.checks)
    if failed:
        raise ActionError("the change is not proposed: " + "; ".join(f"{c.name}: {c.detail}" for c in failed))
    return action.apply(plan)


def merge_pull_request(forge: LocalForge, number: int, *, decision: Decision) -> PullRequest:
    """Merge, naming whoever decided; merged before, nothing happens.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ActionError: it cannot be merged; nothing is changed then.
    """
    _require(decision, ActionKind.merge)
    return forge.merge(number, decision.by)


def close_pull_request(forge: LocalForge, number: int, reason: RejectReason | str) -> PullRequest:
    """Close without merging; closed before, nothing happens. Raises ActionError when it has been merged."""
    return forge.close(number, reason)


def _action(forge: LocalForge, base: str, proposal: Proposal) -> RevertCommitAction | PatchAction:
    return PatchAction(forge, base) if isinstance(proposal.remedy, ApplyPatch) else RevertCommitAction(forge, base)


def _require(decision: Decision, action: ActionKind) -> None:
    if decision.outcome is not Outcome.act or decision.action != action:
        raise PolicyError(
            f"{action} needs a decision to act on it; this one says {decision.outcome} on {decision.action}: "
            f"{decision.explanation}"
        )
