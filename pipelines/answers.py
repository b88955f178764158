"""What a person says of a proposal: recorded here, acted on by the flow that waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from data import audit
from data.domain import Decision, Feedback, IncidentStatus, PullRequest, RejectReason, Verdict
from data.errors import PolicyError, StoreError
from pipelines.casefile import CaseFiles
from remediation import approval, execute
from remediation.forge import LocalForge
from remediation.policy import ActionRequest, Policy


@dataclass(frozen=True)
class Answers:
    """Approve or reject, once. The first answer stands, whoever else answers at the same time."""

    files: CaseFiles
    forge: LocalForge | None
    policy: Policy

    def approve(self, incident_id: str, by: str) -> Decision:
        """Record a person's yes. Nothing is merged here; see :class:`serving.services.Responder` for errors."""
        forge, pull_request = self._awaiting(incident_id)
        proposal, request = self.files.proposal(incident_id), self._merge_request(incident_id)
        decision = approval.approve(proposal, by, self.policy, request=request, forge=forge, pull_request=pull_request)
        feedback = Feedback(
            incident_id=incident_id, proposal_id=proposal.id, verdict=Verdict.approved, by=by, at=decision.at
        )
        store = self.files.store
        store.put(incident_id, decision)
        store.put(incident_id, feedback)
        audit.append(store.engine, by, "approve", incident_id, proposal=proposal.id)
        if store.claim(incident_id, IncidentStatus.awaiting_approval, IncidentStatus.approved):
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
        forge, pull_request = self._awaiting(incident_id)
        feedback = approval.reject(
            self.files.proposal(incident_id),
            by,
            reason,
            self.policy,
            request=self._merge_request(incident_id),
            forge=forge,
            pull_request=pull_request,
            true_service=true_service,
            true_change=true_change,
            comment=comment,
        )
        store = self.files.store
        store.put(incident_id, feedback)
        audit.append(store.engine, by, "reject", incident_id, reason=reason.value)
        if store.claim(incident_id, IncidentStatus.awaiting_approval, IncidentStatus.escalated):
            message = f"{by} rejected the proposal ({reason.value}): a person has to take over"
            store.note(incident_id, "rejected", message, true_service=true_service, true_change=true_change)
        return feedback

    def _awaiting(self, incident_id: str) -> tuple[LocalForge, PullRequest]:
        incident = self.files.store.incident(incident_id)
        pull_request = self.files.store.latest(incident_id, PullRequest)
        if pull_request is None or self.forge is None:
            raise StoreError(f"nothing about {incident_id} waits for approval")
        if incident.status is not IncidentStatus.awaiting_approval:
            raise PolicyError(f"{incident_id} is decided already: it is {incident.status.value}")
        return self.forge, pull_request

    def _merge_request(self, incident_id: str) -> ActionRequest:
        files = self.files
        incident = files.store.incident(incident_id)
        return execute.action_request("merge", incident, files.diagnosis(incident_id), files.proposal(incident_id))
