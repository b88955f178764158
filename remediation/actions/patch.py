"""Apply a proposal's own changes: placed by code, held to every gate, carried by a pull request."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Diagnosis, Incident
from data.errors import ActionError, ProposalError
from data.proposal import ApplyPatch, Proposal
from remediation.actions import Plan
from remediation.actions.by_pull_request import ByPullRequest
from remediation.checks import Check, Skipped, inspect
from remediation.checks.repository import changes_since
from remediation.checks.sandbox import run_tests_in_a_copy
from remediation.describe import describe
from remediation.patch import plan_changes, write
from remediation.text import defang, paragraph, plain, slug


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
            report = inspect(changes_since(checkout.directory, base_commit))
            tests = run_tests_in_a_copy(checkout.directory)
            checkout.run("add", "--all")
            tree = checkout.run("write-tree").strip()
        title = f"Patch {plain(proposal.remedy.service, 60)}: {plain(solution.summary, 80)}"
        message = "\n\n".join(
            [
                defang(title),
                paragraph(proposal.root_cause_analysis.summary),
                f"Incident: {incident.id}\nProposal: {proposal.id}\nDrafted-by: {plain(proposal.synthesizer, 40)}",
            ]
        )
        head = git.commit_tree(tree, (base_commit,), message + "\n")
        files = git.changed_files(base_commit, head)
        skipped = [*report.skipped, *([tests] if isinstance(tests, Skipped) else [])]
        checks = (
            *report.checks,
            *([tests] if isinstance(tests, Check) else []),
            # What could not be looked at is no badge of merit: a person is shown it as open.
            *(Check(name=s.name, passed=False, detail=f"not checked: {s.why}") for s in skipped if s.name == "tests"),
        )
        return Plan(
            incident_id=incident.id,
            branch=self.branch_of(incident, proposal),
            base=self.base,
            base_commit=base_commit,
            head=head,
            title=f"{title} ({incident.id})",
            body=describe(incident, diagnosis, proposal, checks=checks, files=files),
            diff=git.diff(base_commit, head),
            files=files,
            checks=checks,
        )
