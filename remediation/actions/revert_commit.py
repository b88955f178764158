"""Revert one commit: git itself works out the opposite change, and a pull request carries it."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Diagnosis, Incident
from data.errors import ActionError, ProposalError
from data.proposal import Proposal, RevertCommit
from remediation.actions import Plan
from remediation.actions.by_pull_request import ByPullRequest
from remediation.checks import check_scope
from remediation.describe import describe
from remediation.git import Git, commit_id
from remediation.text import defang, paragraph, plain, slug


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
        tree = self._reverted_tree(commit, base_commit)
        title = f'Revert "{plain(subject, 60)}"'
        head = git.commit_tree(tree, (base_commit,), _message(title, commit, incident, diagnosis, proposal))
        diff, files = git.diff(base_commit, head), git.changed_files(base_commit, head)
        checks = check_scope(diff, files)
        return Plan(
            incident_id=incident.id,
            branch=self.branch_of(incident, proposal),
            base=self.base,
            base_commit=base_commit,
            head=head,
            title=f"{title} ({incident.id})",
            body=describe(incident, diagnosis, proposal, checks=checks, files=files),
            diff=diff,
            files=files,
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

    def _reverted_tree(self, commit: str, base_commit: str) -> str:
        """The tree of the base branch without what ``commit`` did. Of a merge, what it brought to its first parent."""
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
        if tree == git.run("rev-parse", f"{base_commit}^{{tree}}").strip():
            raise ProposalError(f"commit {commit[:12]} is undone on {self.base} already; look for another cause")
        return tree


def _why_not(checkout: Git, commit: str, problem: str) -> str:
    files = checkout.conflicts()
    if not files:
        return f"commit {commit[:12]} cannot be reverted by git: {plain(problem)}"
    named = ", ".join(plain(name) for name in files[:10])
    return f"reverting commit {commit[:12]} conflicts with later changes in {named}; a person has to revert it by hand"


def _message(title: str, commit: str, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> str:
    """A commit message in git's manner: subject, why, what it rests on, trailers of our own and no others."""
    cited = diagnosis.cited(_cited(diagnosis, proposal))
    observed = [paragraph(f"{item.id}: {plain(item.summary)}", indent="    ") for item in cited]
    parts = [
        defang(title),
        f"This reverts commit {commit}.",
        paragraph(proposal.root_cause_analysis.summary),
        "\n".join(["Evidence:", *observed]),
        f"Incident: {incident.id}\nProposal: {proposal.id}\nReverts: {commit}",
    ]
    return "\n\n".join(parts) + "\n"


def _cited(diagnosis: Diagnosis, proposal: Proposal) -> tuple[str, ...]:
    text = proposal.root_cause_analysis.summary
    return tuple(item.id for item in diagnosis.evidence if f"[{item.id}]" in text)


def _remedy(proposal: Proposal) -> RevertCommit:
    if not isinstance(proposal.remedy, RevertCommit):
        raise ActionError(f"{proposal.remedy.kind} is not a revert of a commit; a person has to carry it out")
    return proposal.remedy
