"""Act: put a fix to a person, do what was decided, and take it back where it did not help.

Every write goes the same way: it is planned and shown; the policy, or a person it names, decides; the intent is put on
record; the emergency stop is asked; it is written, once, however often this runs; what was done is put on record with
what it takes to undo it. Whether it helped is for :mod:`pipelines.recovery` to see.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data import audit
from data.action import Applied, Operation, Recovery, RecoveryOutcome, TakenBack, TakingBack
from data.brake import Brake
from data.domain import Change, Decision, Feedback, IncidentStatus, Outcome, PullRequest, PullRequestState, now
from data.errors import ActionError, PolicyError, ProposalError, StoppedError, StoreError
from data.settings import Settings
from data.store import Store
from pipelines.casefile import CaseFiles
from pipelines.rulings import Rulings
from pipelines.sites import Site, Sites
from remediation import execute
from remediation.policy import ActionKind, Policy, decide

HALTED = "undo_halted"


@dataclass(frozen=True)
class Acting:
    """The steps that change the world. Each may be run again after a crash and does its work once."""

    settings: Settings
    files: CaseFiles
    sites: Sites
    policy: Policy

    @property
    def store(self) -> Store:
        return self.files.store

    @property
    def brake(self) -> Brake:
        return Brake.of(self.store.engine, self.settings.state_dir)

    @property
    def rulings(self) -> Rulings:
        return Rulings(self.files, self.policy)

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
        problem = None
        try:
            deployed = self._deploy_if_ours(incident_id)
        except ActionError as error:
            deployed, problem = None, str(error)
        applied = Applied(
            action=ActionKind.merge.value,
            service=self._touched(incident_id),
            by=self._decided(incident_id, ActionKind.merge).by,
            summary=f"merged pull request {pull_request.number}: {pull_request.title}",
            in_effect=now() if deployed is not None else None,
            pull_request=pull_request.number,
        )
        self.store.put(incident_id, applied)
        if problem is not None:
            self._failed(incident_id, applied, f"the merged fix could not be deployed: {problem}")

    def withdraw(self, incident_id: str, because: str) -> None:
        """Close the pull request, if it is open, without merging it."""
        pull_request = self.store.latest(incident_id, PullRequest)
        if pull_request is None or pull_request.state is not PullRequestState.open:
            return
        number, forge = pull_request.number, self._site(incident_id).repository()
        audit.append(self.store.engine, "qai-sre", "close_pull_request", incident_id, because=because)
        try:
            self._check_brake(incident_id)
            self.store.put(incident_id, execute.close_pull_request(forge, number, because))
            self.store.note(incident_id, "withdrawn", f"pull request {number} is closed: {because}")
        except ActionError as error:
            self.store.note(incident_id, "problem", f"pull request {number} could not be closed: {error}")

    def go_on(self, incident_id: str) -> None:
        """Do everywhere what was tried on a part and did no harm; while a stop stands, nothing yet."""
        applied, platform = self.files.required(incident_id, Applied), self._site(incident_id).platform
        operation = applied.operation
        if platform is None or operation is None or not applied.is_canary or self.is_stopped(incident_id):
            return
        audit.append(self.store.engine, applied.by, operation.kind, incident_id, because="it did no harm", go_on=True)
        try:
            done = platform.go_on(operation)
        except ActionError as error:
            return self._failed(incident_id, applied, f"it could not be done everywhere: {error}")
        whole = operation.model_copy(update={"canary": None})
        self.store.put(incident_id, applied.model_copy(update={"in_effect": now(), "operation": whole}))
        self.store.note(incident_id, "gone_on", _said(done) or f"done everywhere: {operation.summary}")
        return None

    def take_back(self, incident_id: str) -> None:
        """Undo what was done, if the policy lets that happen, and tell a person what was seen."""
        if self.store.latest(incident_id, TakenBack) is not None:
            return
        applied, because = self.files.required(incident_id, Applied), self.files.required(incident_id, TakingBack)
        decision = self.rulings.decide(incident_id, ActionKind.undo)
        if decision.outcome is not Outcome.act:
            return self._told(incident_id, decision.by, applied, f"it is left to you: {decision.explanation}")
        audit.append(self.store.engine, decision.by, "undo", incident_id, done=applied.summary, because=because.because)
        try:
            self._check_brake(incident_id)
            said = self._undo(incident_id, applied, because.because, decision)
        except StoppedError as stopped:
            # It stays to be taken back: once the stop is lifted, it goes on.
            self.store.note(incident_id, HALTED, f"not taken back yet: {stopped}")
            return None
        except (ActionError, PolicyError) as error:
            return self._told(incident_id, decision.by, applied, str(error))
        return self._told(incident_id, decision.by, applied, None, said)

    # -- asking ---------------------------------------------------------------------------------------

    def _ask(self, incident_id: str) -> None:
        proposal, platform = self.files.proposal(incident_id), self._site(incident_id).platform
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
        if self._standing(incident_id) is IncidentStatus.investigating:
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
        self._check_brake(incident_id)
        pull_request = execute.open_pull_request(
            forge, base, incident, diagnosis, proposal, decision=decision, changes=changes, plan=plan
        )
        self._await_person(incident_id, pull_request)

    def _await_person(self, incident_id: str, pull_request: PullRequest) -> None:
        self.store.put(incident_id, pull_request)
        standing = self._standing(incident_id)
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
        decision, number = self._decided(incident_id, ActionKind.merge), self.files.pull_request(incident_id).number
        try:
            self._check_policy(incident_id, ActionKind.merge)
            audit.append(self.store.engine, decision.by, "merge", incident_id, because=decision.explanation)
            self._check_brake(incident_id)
            pull_request = execute.merge_pull_request(self._site(incident_id).repository(), number, decision=decision)
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
        decision = self._decided(incident_id, ActionKind(operation.kind))
        platform = self._site(incident_id).platform
        detail = operation.model_dump(mode="json", include={"target", "before", "after"})
        why = decision.explanation
        try:
            if platform is None:
                raise ActionError("nothing is configured that could carry it out")
            self._check_policy(incident_id, ActionKind(operation.kind))
            audit.append(self.store.engine, decision.by, operation.kind, incident_id, because=why, **detail)
            self._check_brake(incident_id)
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
            summary=_said(done) or operation.summary,
            at=at,
            in_effect=at,
            operation=operation,
        )
        self.store.put(incident_id, applied)
        message = f"{applied.summary}, approved by {decision.by}; waiting for the alert to recover"
        self.store.move(incident_id, IncidentStatus.merged, message)
        return True

    def _deploy_if_ours(self, incident_id: str) -> datetime | None:
        """When what was merged was deployed; None where that is left to others. ActionError where it does not work."""
        deployer = self._site(incident_id).deployer
        if deployer is None:
            return None
        decision = self.rulings.decide(incident_id, ActionKind.deploy)
        if decision.outcome is not Outcome.act:
            self.store.note(incident_id, "deploy", f"deploying is left to you: {decision.explanation}")
            return None
        audit.append(self.store.engine, decision.by, "deploy", incident_id, because=decision.explanation)
        self._check_brake(incident_id)
        deployed = deployer.deploy(self.brake.check)
        self.store.note(incident_id, "deployed", _said(deployed) or "it was deployed already")
        return now()

    def _failed(self, incident_id: str, applied: Applied, problem: str) -> None:
        """What could be done in part only is taken back."""
        recovery = Recovery(
            outcome=RecoveryOutcome.failed, action=applied.action, service=applied.service, seen=(problem,)
        )
        self.store.put(incident_id, recovery)
        self.store.put(incident_id, TakingBack(because=problem))
        self.files.escalate(incident_id, problem)

    # -- undoing --------------------------------------------------------------------------------------

    def _undo(self, incident_id: str, applied: Applied, because: str, decision: Decision) -> str:
        site = self._site(incident_id)
        if applied.operation is not None:
            if site.platform is None:
                raise ActionError("nothing is configured that could take it back")
            done = execute.take_back_operation(site.platform, applied.operation, decision=decision)
            return _said(done) or applied.operation.reversed().summary
        if applied.pull_request is None:
            raise ActionError("there is no record of what to take back")
        undone = execute.take_back_pull_request(site.repository(), applied.pull_request, because, decision=decision)
        self._check_brake(incident_id)
        deployed = self._deploy_if_ours(incident_id)
        how = "and deployed" if deployed is not None else "and is yours to deploy"
        return f"pull request {applied.pull_request} is reverted by pull request {undone.number} {how}"

    def _told(self, incident_id: str, by: str, applied: Applied, problem: str | None, said: str = "") -> None:
        because = self.files.required(incident_id, TakingBack).because
        self.store.put(incident_id, TakenBack(summary=said or applied.summary, by=by, problem=problem))
        if problem is None:
            self.store.note(incident_id, "taken_back", said)
            self.files.escalate(incident_id, f"{applied.summary} was taken back ({said}): {because}")
        else:
            self.files.escalate(incident_id, f"{applied.summary} was not taken back, {problem}. Seen: {because}")

    # -- what is asked everywhere -----------------------------------------------------------------------

    def _decided(self, incident_id: str, action: ActionKind) -> Decision:
        """The newest decision on an action. Raises StoreError where there is none."""
        decisions = [each for each in self.store.all(incident_id, Decision) if each.action == action]
        if not decisions:
            raise StoreError(f"nobody decided on {action} for {incident_id}")
        return decisions[-1]

    def _touched(self, incident_id: str) -> str:
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        return execute.touched_service(incident, diagnosis, self.files.proposal(incident_id))

    def _check_policy(self, incident_id: str, action: ActionKind) -> None:
        """Asked again before what was approved is done: a freeze may have begun since, or a tier been lost.

        Raises:
            PolicyError: it is refused now, or a person would be asked now and none was.
        """
        decision = decide(self.policy, self.rulings.request(incident_id, action))
        was_asked = self.store.latest(incident_id, Feedback) is not None
        if decision.outcome is Outcome.refuse or (decision.outcome is Outcome.ask and not was_asked):
            raise PolicyError(decision.explanation)

    def _check_brake(self, incident_id: str) -> None:
        """Asked right before every write: an emergency stop halts what is queued and what is under way."""
        self.brake.check(self._touched(incident_id))

    def is_stopped(self, incident_id: str) -> bool:
        """Whether an emergency stop holds up what would be done for an incident."""
        try:
            self._check_brake(incident_id)
        except StoppedError:
            return True
        return False

    def _standing(self, incident_id: str) -> IncidentStatus:
        return self.store.incident(incident_id).status

    def _site(self, incident_id: str) -> Site:
        return self.sites.of(self.store.incident(incident_id))


def _said(done: tuple[Change, ...]) -> str:
    return "; ".join(change.summary for change in done)
