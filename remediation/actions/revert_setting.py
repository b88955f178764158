"""Put back a setting or flag that is kept in the repository: its file gets what it held before, by pull request.

Where configuration is deployed from a repository (GitOps), writing to the running system would be overwritten by the
next sync; the file is what has to change. Where the change came with its diff, git itself applies the opposite; where
it came with a key and what that was before, the structured editor sets it and leaves comments and order as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Change, Diagnosis, Incident
from data.errors import ActionError, ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange, FlagOff, Proposal, RevertConfig
from remediation.actions import Plan
from remediation.actions.by_pull_request import ByPullRequest, commit_message
from remediation.actions.gates import run_gates
from remediation.git import Git
from remediation.patch import plan_changes, write
from remediation.text import plain, slug


def is_kept_in_a_repository(change: Change | None) -> bool:
    """Whether a change names the files it was made in, and how they were before."""
    return change is not None and bool(change.files) and (bool(change.diff) or {"key", "before"} <= change.extra.keys())


@dataclass(frozen=True)
class RevertSettingAction(ByPullRequest):
    """Reverts of ``change`` by pull request against ``base``; None where only its branch is asked for."""

    change: Change | None = None

    @staticmethod
    def branch_of(incident: Incident, proposal: Proposal) -> str:
        """The branch a proposal's revert lives on."""
        return f"qai/{slug(incident.id, 60)}-put-back-{slug(_change_id(proposal), 40)}"

    def plan(self, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan:
        """Put the files back as they were, on top of today's base branch, and check that. No ref moves.

        Raises:
            ProposalError: the files have changed since, or are not in the repository.
            ActionError: the repository cannot be used, or the change is not kept in one.
        """
        change = self.change
        if change is None or not is_kept_in_a_repository(change):
            raise ActionError(f"{_change_id(proposal)} names no file of a repository; put it back where it was made")
        git, base_commit = self.forge.git, self.forge.branch_head(self.base)
        with git.worktree(base_commit) as checkout:
            _put_back(checkout, change)
            checkout.run("add", "--all")
            tree = checkout.run("write-tree").strip()
            if tree == git.run("rev-parse", f"{base_commit}^{{tree}}").strip():
                raise ProposalError(f"{_named(change)} is undone on {self.base} already; look for another cause")
            checks = run_gates(checkout.directory, base_commit)
        title = f"Put back {_named(change)}"
        head = git.commit_tree(tree, (base_commit,), commit_message(title, incident, diagnosis, proposal))
        return self.planned(
            incident,
            diagnosis,
            proposal,
            branch=self.branch_of(incident, proposal),
            base_commit=base_commit,
            head=head,
            title=title,
            checks=checks,
        )


def _put_back(checkout: Git, change: Change) -> None:
    if change.diff:
        touched = checkout.try_run("apply", "--numstat", "-z", "-R", "-", stdin=change.diff)
        strange = {line.rpartition("\t")[2] for line in touched.out.split("\0") if line} - set(change.files)
        result = checkout.try_run("apply", "--index", "-R", "-", stdin=change.diff)
        if touched.ok and not strange and result.ok:
            return
        if "key" not in change.extra:
            why = f"its diff also touches {', '.join(sorted(strange))}" if strange else result.problem
            raise ProposalError(f"{_named(change)} cannot be undone on what the files hold now: {plain(why)}")
    if len(change.files) != 1:
        raise ProposalError(f"{_named(change)} names {len(change.files)} files for one key; put it back by hand")
    before = change.extra["before"]
    setting = ConfigurationChange(
        path=change.files[0],
        key=str(change.extra["key"]),
        value=before,
        action=ConfigurationAction.remove if before is None else ConfigurationAction.set,
    )
    placed = plan_changes(checkout.directory, [setting])
    if not placed.applies:
        why = "; ".join(each.problem or "" for each in placed.changes)
        raise ProposalError(f"{_named(change)} cannot be put back: {why}")
    write(placed)


def _named(change: Change) -> str:
    return f"“{plain(change.summary, 80)}”" if change.summary else plain(change.id, 80)


def _change_id(proposal: Proposal) -> str:
    remedy = proposal.remedy
    if isinstance(remedy, RevertConfig):
        return remedy.change_id
    if isinstance(remedy, FlagOff):
        return remedy.flag
    raise ActionError(f"{remedy.kind} puts back no setting")
