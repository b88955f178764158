"""Act: put a fix to a person, and do what was decided.

Every write goes the same way: it is planned and shown; the policy, or a person it names, decides; the intent is put on
record; the emergency stop is asked; it is written, once, however often this runs; what was done is put on record with
what it takes to undo it. Whether it helped is for :mod:`pipelines.recovery` to see, and for :mod:`pipelines.undo` to
act on.
"""

from __future__ import annotations

from dataclasses import dataclass

from data import audit
from data.action import Applied, Operation
from data.domain import Decision, IncidentStatus, Outcome, PullRequest, PullRequestState, now
from data.errors import ActionError, PolicyError, ProposalError, StoppedError
from pipelines.hands import Hands, said
from remediation import execute
from remediation.policy import ActionKind


@dataclass(frozen=True)
class Acting(Hands):
    """The steps that put a fix to a person and carry it out. Each does its work once, however often it runs."""

    def ask(self, incident_id: str) -> bool:
        """Put the fix to a person: as a pull request where it changes files, as a question where it does not.

        The policy has to allow it, and somebody has to be able to carry it out. What the policy lets happen without a
        person is approved by its rule at once.
        """
        try:
            proposal, changes = self.files.proposal(incident_id), self.files.changes(incident_id)
            if execute.goes_by_pull_request(proposal, changes):
                self._open_pull_request(incident_id)
            else:
                self._ask(incident_id)
        except (ProposalError, PolicyError, ActionError) as error:
            self.files.escalate(incident_id, f"no fix waits for approval: {error}")
            return False
        return True

    def act(self, incident_id: str) -> bool:
        """Do what was approved. Where that fails a person is asked again, or takes over."""
        if self.store.latest(incident_id, PullRequest) is None:
            return self._apply(incident_id)
        return self._merge(incident_id)

    def deploy(self, incident_id: str) -> None:
        """Bring what was merged to where it runs, where that is ours to do; elsewhere your own pipeline does it."""
        pull_request = self.store.latest(incident_id, PullRequest)
        if pull_request is None or self.store.latest(incident_id, Applied) is not None:
            return
        deployed, problem = None, None
        try:
            deployed = self.deploy_if_ours(incident_id)
        except StoppedError as stopped:
            self.files.escalate(incident_id, f"the merged fix is not deployed, and yours to deploy: {stopped}")
        except ActionError as error:
            problem = str(error)
        applied = Applied(
            action=ActionKind.merge.value,
            service=self.touched(incident_id),
            by=self.decided(incident_id, ActionKind.merge).by,
            summary=f"merged pull request {pull_request.number}: {pull_request.title}",
            in_effect=now() if deployed is not None else None,
            pull_request=pull_request.number,
        )
        self.store.put(incident_id, applied)
        if problem is not None:
            self.failed(incident_id, applied, f"the merged fix could not be deployed: {problem}")

    def withdraw(self, incident_id: str, because: str) -> None:
        """Close the pull request, if it is open, without merging it."""
        pull_request = self.store.latest(incident_id, PullRequest)
        if pull_request is None or pull_request.state is not PullRequestState.open:
            return
        number, forge = pull_request.number, self.site(incident_id).repository()
        audit.append(self.store.engine, "qai-sre", "close_pull_request", incident_id, because=because)
        try:
            self.check_brake(incident_id)
            self.store.put(incident_id, execute.close_pull_request(forge, number, because))
            self.store.note(incident_id, "withdrawn", f"pull request {number} is closed: {because}")
        except ActionError as error:
            self.store.note(incident_id, "problem", f"pull request {number} could not be closed: {error}")

    # -- asking ---------------------------------------------------------------------------------------

    def _ask(self, incident_id: str) -> None:
        proposal, platform = self.files.proposal(incident_id), self.site(incident_id).platform
        if platform is None:
            raise ActionError(str(execute.needs_a_person(proposal)))
        operation = self.store.latest(incident_id, Operation)
        if operation is None:
            operation = platform.plan(proposal.remedy)
            platform.rehearse(operation)
            # Kept before anything is written: what it was is what taking it back needs.
            self.store.put(incident_id, operation)
            self.store.note(incident_id, "planned", operation.summary, before=operation.before, after=operation.after)
        decision = self.rulings.decide(incident_id, ActionKind(proposal.remedy.kind))
        if decision.outcome is Outcome.refuse:
            raise PolicyError(decision.explanation)
        if self.standing(incident_id) is IncidentStatus.investigating:
            message = f"waits for approval: {operation.summary}"
            self.store.move(incident_id, IncidentStatus.awaiting_approval, message)
        self._approve_by_rule(incident_id, decision)

    def _open_pull_request(self, incident_id: str) -> None:
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        proposal, site = self.files.proposal(incident_id), self.sites.of(incident)
        forge, base, changes = site.repository(), site.base_branch, self.files.changes(incident_id)
        opened = execute.opened_before(forge, incident, proposal)
        if opened is not None:
            return self._await_person(incident_id, opened)
        plan = execute.plan_fix(forge, base, incident, diagnosis, proposal, changes)
        if plan is None:
            raise ActionError(str(execute.needs_a_person(proposal, changes)))

        decision = self.rulings.decide(incident_id, ActionKind.open_pull_request, plan.files)
        if decision.outcome is not Outcome.act:
            raise PolicyError(decision.explanation)

        # The intent is on record before the world is touched, so that a crash in between can be told from nothing.
        audit.append(self.store.engine, decision.by, "open_pull_request", incident_id, branch=plan.branch)
        self.check_brake(incident_id)
        pull_request = execute.open_pull_request(
            forge, base, incident, diagnosis, proposal, decision=decision, changes=changes, plan=plan
        )
        self._await_person(incident_id, pull_request)

    def _await_person(self, incident_id: str, pull_request: PullRequest) -> None:
        self.store.put(incident_id, pull_request)
        standing = self.standing(incident_id)
        if standing is IncidentStatus.investigating:
            message = f"pull request {pull_request.number} is open: {pull_request.title}"
            self.store.move(incident_id, IncidentStatus.awaiting_approval, message, branch=pull_request.branch)
        elif standing is IncidentStatus.resolved:
            return self.withdraw(incident_id, "the alert recovered while it was being opened")
        return self._approve_by_rule(incident_id, self.rulings.decide(incident_id, ActionKind.merge))

    def _approve_by_rule(self, incident_id: str, decision: Decision) -> None:
        """Let what the policy lets happen without a person go on; the flow that acts on it begins next."""
        if decision.outcome is not Outcome.act:
            return
        if self.store.claim(incident_id, IncidentStatus.awaiting_approval, IncidentStatus.approved, decision):
            audit.append(self.store.engine, decision.by, "approve", incident_id, because=decision.explanation)
            # This is how it is told: on the timeline, and marked on the incident's page.
            self.store.note(incident_id, "told", f"done without asking, as the policy lets. {decision.explanation}")

    # -- doing ----------------------------------------------------------------------------------------

    def _merge(self, incident_id: str) -> bool:
        decision, number = self.decided(incident_id, ActionKind.merge), self.files.pull_request(incident_id).number
        try:
            self.check_policy(incident_id, ActionKind.merge)
            audit.append(self.store.engine, decision.by, "merge", incident_id, because=decision.explanation)
            self.check_brake(incident_id)
            pull_request = execute.merge_pull_request(self.site(incident_id).repository(), number, decision=decision)
        except (PolicyError, ActionError) as error:
            # The question stands: once what was in the way is out of it, the same person may say yes again.
            if self.store.claim(incident_id, IncidentStatus.approved, IncidentStatus.awaiting_approval):
                self.store.note(incident_id, "problem", f"the approved pull request could not be merged: {error}")
            return False
        self.store.put(incident_id, pull_request)
        message = f"pull request {number} is merged, approved by {decision.by}; waiting for the alert to recover"
        self.store.move(incident_id, IncidentStatus.merged, message, commit=pull_request.merge_commit)
        return True

    def _apply(self, incident_id: str) -> bool:
        operation = self.files.required(incident_id, Operation)
        decision = self.decided(incident_id, ActionKind(operation.kind))
        platform = self.site(incident_id).platform
        detail = operation.model_dump(mode="json", include={"target", "before", "after"})
        why = decision.explanation
        try:
            if platform is None:
                raise ActionError("nothing is configured that could carry it out")
            self.check_policy(incident_id, ActionKind(operation.kind))
            audit.append(self.store.engine, decision.by, operation.kind, incident_id, because=why, **detail)
            self.check_brake(incident_id)
            done = execute.carry_out(platform, operation, decision=decision)
        except (StoppedError, PolicyError) as stopped:
            # The question stands: once the stop is lifted or the freeze over, the same person may say yes again.
            if self.store.claim(incident_id, IncidentStatus.approved, IncidentStatus.awaiting_approval):
                self.store.note(incident_id, "stopped", f"not done: {stopped}")
            return False
        except ActionError as error:
            self.files.escalate(incident_id, f"what was approved could not be done: {error}")
            return False
        at = now()
        applied = Applied(
            action=operation.kind,
            service=operation.service,
            by=decision.by,
            summary=said(done) or operation.summary,
            at=at,
            in_effect=at,
            operation=operation,
        )
        self.store.put(incident_id, applied)
        message = f"{applied.summary}, approved by {decision.by}; waiting for the alert to recover"
        self.store.move(incident_id, IncidentStatus.merged, message)
        return True
