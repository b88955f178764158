"""Apply a proposal's own changes: placed by code, held to every gate, carried by a pull request."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Diagnosis, Incident
from data.errors import ActionError, ProposalError
from data.proposal import ApplyPatch, Proposal
from remediation.actions import Plan
from remediation.actions.by_pull_request import ByPullRequest, commit_message
from remediation.actions.gates import run_gates
from remediation.llm.second import second_opinion_check
from remediation.patch import plan_changes, write
from remediation.text import plain, slug


@dataclass(frozen=True)
class PatchAction(ByPullRequest):
    """Patches by pull request against ``base``."""

    @staticmethod
    def branch_of(incident: Incident, proposal: Proposal) -> str:
        """The branch a proposal's patch lives on."""
        return f"qai/{slug(incident.id, 60)}-patch-{slug(proposal.id, 20)}"

    def plan(self, incident: Incident, diagnosis: Diagnosis, proposal: Proposal) -> Plan:
        """Place the changes on top of today's base branch and check them. No ref moves.

        Raises:
            ProposalError: a change cannot be placed with certainty on what the branch holds now.
            ActionError: the repository cannot be used.
        """
        if not isinstance(proposal.remedy, ApplyPatch):
            raise ActionError(f"{proposal.remedy.kind} is no patch")
        solution = proposal.proposed_solution
        git, base_commit = self.forge.git, self.forge.branch_head(self.base)
        with git.worktree(base_commit) as checkout:
            placed = plan_changes(checkout.directory, [*solution.code_changes, *solution.configuration_changes])
            if not placed.applies:
                refused = [f"{c.file_path}: {c.problem}" for c in placed.changes if c.problem]
                raise ProposalError("the patch cannot be placed: " + "; ".join(refused or ["it holds no change"]))
            write(placed)
            checks = (*run_gates(checkout.directory, base_commit), *second_opinion_check(proposal))
            checkout.run("add", "--all")
            tree = checkout.run("write-tree").strip()
        title = f"Patch {plain(proposal.remedy.service, 60)}: {plain(solution.summary, 80)}"
        message = commit_message(
            title, incident, diagnosis, proposal, trailers={"Drafted-by": plain(proposal.synthesizer, 40)}
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
