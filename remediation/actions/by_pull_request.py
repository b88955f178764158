"""What every action that goes by pull request shares: its commit message, its plan, its gates, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.domain import Diagnosis, Incident, PullRequest
from data.proposal import Proposal
from remediation.actions import Plan
from remediation.checks import Check
from remediation.describe import describe
from remediation.forge import LocalForge
from remediation.text import defang, paragraph, plain


@dataclass(frozen=True)
class ByPullRequest:
    """A pull request in ``forge`` against ``base``."""

    forge: LocalForge
    base: str

    def apply(self, plan: Plan) -> PullRequest:
        """Open the pull request, or return the one opened before."""
        return self.forge.open(
            plan.branch,
            plan.base,
            plan.title,
            plan.body,
            head=plan.head,
            incident_id=plan.incident_id,
            checks=plan.checks,
        )

    def planned(
        self,
        incident: Incident,
        diagnosis: Diagnosis,
        proposal: Proposal,
        *,
        branch: str,
        base_commit: str,
        head: str,
        title: str,
        checks: Sequence[Check],
    ) -> Plan:
        """The plan that puts commit ``head``, made on ``base_commit``, on ``branch``."""
        files = self.forge.git.changed_files(base_commit, head)
        return Plan(
            incident_id=incident.id,
            branch=branch,
            base=self.base,
            base_commit=base_commit,
            head=head,
            title=f"{title} ({incident.id})",
            body=describe(incident, diagnosis, proposal, checks=checks, files=files),
            diff=self.forge.git.diff(base_commit, head),
            files=files,
            checks=tuple(checks),
        )


def commit_message(
    title: str,
    incident: Incident,
    diagnosis: Diagnosis,
    proposal: Proposal,
    *,
    what: str | None = None,
    trailers: Mapping[str, str] | None = None,
) -> str:
    """A commit message in git's manner: subject, what, why, what it rests on, trailers of our own and no others.

    Args:
        what: a sentence about the change itself, where the title does not say it.
        trailers: more of them, after the incident's and the proposal's.
    """
    text = proposal.root_cause_analysis.summary
    cited = [item for item in diagnosis.evidence if f"[{item.id}]" in text]
    observed = [paragraph(f"{item.id}: {plain(item.summary)}", indent="    ") for item in cited]
    named = {"Incident": incident.id, "Proposal": proposal.id, **(trailers or {})}
    parts = [
        defang(title),
        *([what] if what else []),
        paragraph(text),
        *(["\n".join(["Evidence:", *observed])] if observed else []),
        "\n".join(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\n\n".join(parts) + "\n"
