"""The steps of the flow that change the world. Each may be run again after a crash without doing its work twice.

    proposal = propose_fix(incident, diagnosis, changes)
    plan = plan_fix(forge, base, incident, diagnosis, proposal)      # None: it is done where the service runs
    decision = decide(policy, action_request("open_pull_request", incident, diagnosis, proposal, plan))
    pull_request = open_pull_request(forge, base, incident, diagnosis, proposal, decision=decision)
    decision = approve(proposal, given, policy, request=..., forge=forge, pull_request=pull_request)
    merge_pull_request(forge, pull_request.number, decision=decision)
    take_back_pull_request(forge, pull_request.number, because, decision=decision)

Where the service runs:

    operation = platform.plan(proposal.remedy)
    carry_out(platform, operation, decision=decision)
    take_back_operation(platform, operation, decision=decision)

The functions that write take the Decision that allows it and refuse any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.action import Operation
from data.domain import Change, Decision, Diagnosis, Incident, Outcome, PullRequest, PullRequestState, RejectReason
from data.errors import ActionError, PolicyError
from data.proposal import ApplyPatch, FlagOff, Proposal, RevertCommit, RevertConfig
from remediation.actions import Action, Plan, Platform
from remediation.actions.gates import in_the_way, run_gates
from remediation.actions.patch import PatchAction
from remediation.actions.revert_commit import RevertCommitAction
from remediation.actions.revert_setting import RevertSettingAction, is_kept_in_a_repository
from remediation.actions.undo_merge import undo_merge
from remediation.checks import failures
from remediation.forge import LocalForge
from remediation.llm.prompt import Facts
from remediation.policy import ActionKind, ActionRequest
from remediation.records import Record
from remediation.scope import blamed_service
from remediation.synthesize import Synthesizer

BY_HAND = (
    "{kind} is done where the service runs, and nothing is configured that could: a person has to do it, "
    "by the steps in the proposal"
)


def propose_fix(
    incident: Incident,
    diagnosis: Diagnosis,
    changes: Sequence[Change],
    synthesizer: Synthesizer | None = None,
    forge: LocalForge | None = None,
    base: str = "main",
    facts: Facts | None = None,
) -> Proposal:
    """Draft a fix against what ``base`` holds. Writes nothing; raises ProposalError when none is safe to propose.

    ``synthesizer`` None is the offline one alone; ``facts`` are what else a language model may be told.
    """
    draft = synthesizer or Synthesizer()
    if forge is None or not draft.drafters:
        return draft(incident, diagnosis, changes, facts=facts)
    with forge.git.worktree(forge.branch_head(base)) as checkout:
        return draft(incident, diagnosis, changes, repository=checkout.directory, facts=facts)


def goes_by_pull_request(proposal: Proposal, changes: Sequence[Change] = ()) -> bool:
    """Whether the proposal changes files of a repository: code, or a setting whose change came with its file."""
    if isinstance(proposal.remedy, RevertConfig | FlagOff):
        return is_kept_in_a_repository(_undone_by(proposal, changes))
    return isinstance(proposal.remedy, RevertCommit | ApplyPatch)


def needs_a_person(proposal: Proposal, changes: Sequence[Change] = ()) -> str | None:
    """Why no pull request carries the proposal out, as a sentence to escalate with; None when one does."""
    return None if goes_by_pull_request(proposal, changes) else BY_HAND.format(kind=proposal.remedy.kind)


def plan_fix(
    forge: LocalForge,
    base: str,
    incident: Incident,
    diagnosis: Diagnosis,
    proposal: Proposal,
    changes: Sequence[Change] = (),
) -> Plan | None:
    """Work the change out, with its diff and checks, and write nothing. None where no pull request carries it.

    ``changes`` are those seen around the incident: one of them says what a setting was before.

    Raises:
        ProposalError: it cannot be made as proposed: the commit is unknown, or reverting it conflicts.
    """
    if needs_a_person(proposal, changes):
        return None
    return _action(forge, base, proposal, changes).plan(incident, diagnosis, proposal)


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
    """The pull request a proposal has already, in whatever state; None before it is opened, or where it has none."""
    if not isinstance(proposal.remedy, RevertCommit | ApplyPatch | RevertConfig | FlagOff):
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
    changes: Sequence[Change] = (),
    plan: Plan | None = None,
) -> PullRequest:
    """Open the proposal's pull request, or return the one opened before.

    ``plan`` is what :func:`plan_fix` made of it, and is made anew where it is not given.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ProposalError: the change cannot be made as proposed.
        ActionError: no code carries out this remedy, a required check fails, or the repository refuses.
    """
    _require(decision, ActionKind.open_pull_request)
    by_hand = needs_a_person(proposal, changes)
    if by_hand:
        raise ActionError(by_hand)
    # Search before create: once its pull request exists, the revert need not be possible any more.
    known = opened_before(forge, incident, proposal)
    if known is not None:
        return known
    action = _action(forge, base, proposal, changes)
    plan = plan or action.plan(incident, diagnosis, proposal)
    failed = failures(plan.checks)
    if failed:
        raise ActionError("the change is not proposed: " + "; ".join(f"{c.name}: {c.detail}" for c in failed))
    return action.apply(plan)


def merge_pull_request(forge: LocalForge, number: int, *, decision: Decision) -> PullRequest:
    """Merge, naming whoever decided; merged before, nothing happens.

    What is merged has passed the gates as it is merged: where the base branch has moved since they last looked, they
    look again, at the two together.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ActionError: it cannot be merged; nothing is changed then.
    """
    _require(decision, ActionKind.merge)
    record = forge.record(number)
    if record.state is not PullRequestState.open:
        return forge.merge(number, decision.by)
    return forge.merge(number, decision.by, onto=_passed_gates(forge, record))


def _passed_gates(forge: LocalForge, record: Record) -> str:
    """The commit of the base branch on which a pull request has passed the gates."""
    base, runs = forge.branch_head(record.base), record.runs
    approved = runs[0].checks if runs else ()
    if not runs or runs[-1].base != base:
        with forge.merged_with(record.number, base) as checkout:
            checks = run_gates(checkout.directory, base)
        forge.record_checks(record.number, base, checks)
    else:
        checks = runs[-1].checks
    failed = in_the_way(approved, checks)
    if failed:
        found = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise ActionError(f"checks fail on what would be merged: {found}")
    return base


def close_pull_request(forge: LocalForge, number: int, reason: RejectReason | str) -> PullRequest:
    """Close without merging; closed before, nothing happens. Raises ActionError when it has been merged."""
    return forge.close(number, reason)


def take_back_pull_request(forge: LocalForge, number: int, because: str, *, decision: Decision) -> PullRequest:
    """Undo a merge by a pull request of its own, merged at once; taken back before, the same answer.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ActionError: it is not merged, or what it changed has been changed again since.
    """
    _require(decision, ActionKind.undo)
    return undo_merge(forge, number, by=decision.by, because=because)


def carry_out(platform: Platform, operation: Operation, *, decision: Decision) -> tuple[Change, ...]:
    """Do what was planned to a running system; done before, nothing happens.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ActionError: things have changed since it was planned, or it did not work.
    """
    _require(decision, ActionKind(operation.kind))
    return platform.apply(operation)


def take_back_operation(platform: Platform, operation: Operation, *, decision: Decision) -> tuple[Change, ...]:
    """Put a running system back to what it was before ``operation``.

    Raises:
        PolicyError: ``decision`` does not allow it.
        ActionError: it cannot be taken back, things have changed since, or it did not work.
    """
    _require(decision, ActionKind.undo)
    if operation.irreversible:
        raise ActionError(operation.irreversible)
    return platform.apply(operation.reversed())


def _action(forge: LocalForge, base: str, proposal: Proposal, changes: Sequence[Change] = ()) -> Action:
    if isinstance(proposal.remedy, ApplyPatch):
        return PatchAction(forge, base)
    if isinstance(proposal.remedy, RevertConfig | FlagOff):
        return RevertSettingAction(forge, base, _undone_by(proposal, changes))
    return RevertCommitAction(forge, base)


def _undone_by(proposal: Proposal, changes: Sequence[Change]) -> Change | None:
    """The change that putting back a setting or flag undoes."""
    wanted = getattr(proposal.remedy, "change_id", None) or getattr(proposal.remedy, "flag", None)
    return next((change for change in changes if change.id == wanted), None)


def _require(decision: Decision, action: ActionKind) -> None:
    if decision.outcome is not Outcome.act or decision.action != action:
        raise PolicyError(
            f"{action} needs a decision to act on it; this one says {decision.outcome} on {decision.action}: "
            f"{decision.explanation}"
        )
