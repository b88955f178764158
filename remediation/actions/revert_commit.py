"""Revert one commit: git itself works out the opposite change, and a pull request carries it."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Diagnosis, Incident
from data.errors import ActionError, ProposalError
from data.proposal import Proposal, RevertCommit
from remediation.actions import Plan
from remediation.actions.by_pull_request import ByPullRequest, commit_message
from remediation.checks import Check, inspect
from remediation.checks.repository import changes_since
from remediation.git import Git, commit_id
from remediation.text import plain, slug


@dataclass(frozen=True)
class RevertCommitAction(ByPullRequest):
    """Reverts by pull request against ``base``."""

    @staticmethod
    def branch_of(incident: Incident, proposal: Proposal) -> str:
        """The branch a proposal's revert lives on: known before any work is done, so that work done is found again."""
        return f"qai/{slug(incident.id, 60)}-revert-{commit_id(_remedy(proposal).commit)[:12]}"

    def plan(self, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan:
        """Work out the revert on top of today's base branch. Only loose objects are written; no ref moves.

        Raises:
            ProposalError: the commit is unknown, not part of the base branch, undone already, or cannot be
                reverted without conflicts.
            ActionError: the repository cannot be used.
        """
        git, base_commit = self.forge.git, self.forge.branch_head(self.base)
        commit = self._resolve(_remedy(proposal).commit, base_commit)
        subject = git.run("show", "--no-patch", "--format=%s", commit).strip()
        tree, checks = self._reverted(commit, base_commit)
        title = f'Revert "{plain(subject, 60)}"'
        message = commit_message(
            title,
            incident,
            diagnosis,
            proposal,
            what=f"This reverts commit {commit}.",
            trailers={"Reverts": commit},
        )
        head = git.commit_tree(tree, (base_commit,), message)
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

    def _resolve(self, text: str, base_commit: str) -> str:
        wanted = commit_id(text)
        found = self.forge.git.commit(wanted)
        # A branch may be called "deadbeef": what was found has to be the id that was asked for.
        if found is None or not found.startswith(wanted):
            raise ProposalError(
                f"commit {wanted[:12]} is not in {self.forge.repository}, or its short id is ambiguous; "
                "fetch it, or point the repository setting at the right one"
            )
        if not self.forge.git.is_ancestor(found, base_commit):
            raise ProposalError(
                f"commit {found[:12]} is not part of branch {self.base}, so reverting it there would change nothing; "
                "revert it on the branch that is deployed"
            )
        return found

    def _reverted(self, commit: str, base_commit: str) -> tuple[str, tuple[Check, ...]]:
        """The tree of the base branch without what ``commit`` did, and its gates.

        Of a merge, what it brought to its first parent is undone. What is put back has run before: the rules look at it
        all the same; its tests are run again only where the base branch moves before it is merged.
        """
        git = self.forge.git
        parents = git.run("rev-list", "--parents", "-n", "1", commit).split()[1:]
        if not parents:
            raise ProposalError(
                f"commit {commit[:12]} has no commit before it here: it is the first one, or the clone is shallow; "
                "fetch the whole history (git fetch --unshallow)"
            )
        mainline = ("-m", "1") if len(parents) > 1 else ()
        with git.worktree(base_commit) as checkout:
            result = checkout.try_run("revert", "--no-commit", "--no-edit", *mainline, commit)
            if not result.ok:
                raise ProposalError(_why_not(checkout, commit, result.problem))
            tree = checkout.run("write-tree").strip()
            checks = inspect(changes_since(checkout.directory, base_commit), tools=False).checks
        if tree == git.run("rev-parse", f"{base_commit}^{{tree}}").strip():
            raise ProposalError(f"commit {commit[:12]} is undone on {self.base} already; look for another cause")
        return tree, checks


def _why_not(checkout: Git, commit: str, problem: str) -> str:
    files = checkout.conflicts()
    if not files:
        return f"commit {commit[:12]} cannot be reverted by git: {plain(problem)}"
    named = ", ".join(plain(name) for name in files[:10])
    return f"reverting commit {commit[:12]} conflicts with later changes in {named}; a person has to revert it by hand"


def _remedy(proposal: Proposal) -> RevertCommit:
    if not isinstance(proposal.remedy, RevertCommit):
        raise ActionError(f"{proposal.remedy.kind} is not a revert of a commit; a person has to carry it out")
    return proposal.remedy
