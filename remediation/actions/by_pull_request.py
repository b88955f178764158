"""What every action that goes by pull request shares: how its plan is applied, and taken back."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import PullRequest
from remediation.actions import Plan
from remediation.forge import LocalForge


@dataclass(frozen=True)
class ByPullRequest:
    """A pull request in ``forge`` against ``base``."""

    forge: LocalForge
    base: str

    def apply(self, plan: Plan) -> PullRequest:
        """Open the pull request, or return the one opened before."""
        return self.forge.open(
            plan.branch, plan.base, plan.title, plan.body, head=plan.head, incident_id=plan.incident_id
        )

    def undo(self, applied: PullRequest, because: str) -> PullRequest:
        """Close the pull request. A merged one is not undone here: ActionError names the commit to revert."""
        return self.forge.close(applied.number, because)
