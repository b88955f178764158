"""What a person says of a proposal: recorded here, acted on by the flow that waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from data import audit
from data.domain import Decision, Feedback, IncidentStatus, Noun, Outcome, PullRequest, RejectReason, Verdict
from data.errors import PolicyError, StoreError
from data.proposal import Proposal
from pipelines.casefile import CaseFiles
from pipelines.rulings import Rulings
from pipelines.sites import Sites
from remediation import approval
from remediation.approval import Approval
from remediation.forge import LocalForge
from remediation.policy import ActionRequest, Policy


@dataclass(frozen=True)
class Answers:
    """Approve or reject, once. The first answer stands, whoever else answers at the same time."""

    files: CaseFiles
    sites: Sites
    policy: Policy

    def approve(self, incident_id: str, by: str) -> Decision:
        """Record a person's yes. Nothing is done here; see :class:`serving.services.Responder` for errors.

        Returns:
            The decision to act once enough people have said yes; until then one that asks for more.
        """
        store = self.files.store
        proposal, request, pull_request = self._question(incident_id)
        approval.authorise(self.policy, request, by)
        # Kept before it is counted: of two people at once, whoever counts last sees both.
        store.put(incident_id, Approval(proposal_id=proposal.id, by=by))
        decision = approval.approve(
            proposal,
            store.all(incident_id, Approval),
            self.policy,
            request=request,
            forge=self._forge(incident_id) if pull_request else None,
            pull_request=pull_request,
        )
        audit.append(store.engine, by, "approve", incident_id, proposal=proposal.id)
        if decision.outcome is not Outcome.act:
            store.note(incident_id, "approval", f"{by} approved. {decision.explanation}")
            return decision
        feedback = Feedback(
            incident_id=incident_id, proposal_id=proposal.id, verdict=Verdict.approved, by=decision.by, at=decision.at
        )
        self._settle(incident_id, IncidentStatus.approved, decision, feedback)
        store.note(incident_id, "approved", decision.explanation)
        return decision

    def reject(
        self,
        incident_id: str,
        by: str,
        reason: RejectReason,
        *,
        true_service: str | None = None,
        true_change: str | None = None,
        comment: str = "",
    ) -> Feedback:
        """Record a person's no, and why. The incident is theirs from here."""
        proposal, request, pull_request = self._question(incident_id)
        feedback = Feedback(
            incident_id=incident_id,
            proposal_id=proposal.id,
            verdict=Verdict.rejected,
            by=by,
            reason=RejectReason(reason),
            true_service=true_service,
            true_change=true_change,
            comment=comment,
        )
        approval.authorise_no(self.policy, request, by)
        if pull_request is not None:
            self._forge(incident_id).review(pull_request.number, Verdict.rejected, by)
        self._settle(incident_id, IncidentStatus.escalated, feedback)
        store = self.files.store
        audit.append(store.engine, by, "reject", incident_id, reason=reason.value)
        message = f"{by} rejected the proposal ({reason.value}): a person has to take over"
        store.note(incident_id, "rejected", message, true_service=true_service, true_change=true_change)
        return feedback

    def _settle(self, incident_id: str, becomes: IncidentStatus, *said: Noun) -> None:
        if not self.files.store.claim(incident_id, IncidentStatus.awaiting_approval, becomes, *said):
            raise PolicyError(f"{incident_id} is decided already")

    def _question(self, incident_id: str) -> tuple[Proposal, ActionRequest, PullRequest | None]:
        """What waits for an answer, and what the policy is asked about it."""
        files = self.files
        incident = files.store.incident(incident_id)
        proposal, pull_request = files.store.latest(incident_id, Proposal), files.store.latest(incident_id, PullRequest)
        if proposal is None or incident.status in (IncidentStatus.open, IncidentStatus.investigating):
            raise StoreError(f"nothing about {incident_id} waits for approval")
        if incident.status is not IncidentStatus.awaiting_approval:
            raise PolicyError(f"{incident_id} is decided already: it is {incident.status.value}")
        rulings = Rulings(files, self.policy)
        return proposal, rulings.request(incident_id, rulings.question(incident_id)), pull_request

    def _forge(self, incident_id: str) -> LocalForge:
        return self.sites.of(self.files.store.incident(incident_id)).repository()
