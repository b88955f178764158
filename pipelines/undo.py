"""Go on with what did no harm on a part, and take back what did not help or did harm."""

from __future__ import annotations

from dataclasses import dataclass

from data import audit
from data.action import Applied, TakenBack, TakingBack
from data.domain import Decision, Outcome, now
from data.errors import ActionError, PolicyError, StoppedError
from pipelines.hands import Hands, said
from remediation import execute
from remediation.policy import ActionKind

HALTED = "undo_halted"


@dataclass(frozen=True)
class Undoing(Hands):
    """What follows once telemetry has been looked at (:mod:`pipelines.recovery`)."""

    def go_on(self, incident_id: str) -> None:
        """Do everywhere what was tried on a part and did no harm; not while a stop stands or the policy refuses."""
        applied, platform = self.files.required(incident_id, Applied), self.site(incident_id).platform
        operation = applied.operation
        if platform is None or operation is None or not applied.is_canary or self.is_stopped(incident_id):
            return
        try:
            self.check_policy(incident_id, ActionKind(operation.kind))
        except PolicyError:
            return
        audit.append(self.store.engine, applied.by, operation.kind, incident_id, because="it did no harm", go_on=True)
        try:
            done = platform.go_on(operation)
        except ActionError as error:
            return self.failed(incident_id, applied, f"it could not be done everywhere: {error}")
        whole = operation.model_copy(update={"canary": None})
        self.store.put(incident_id, applied.model_copy(update={"in_effect": now(), "operation": whole}))
        self.store.note(incident_id, "gone_on", said(done) or f"done everywhere: {operation.summary}")
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
            self.check_brake(incident_id)
            undone = self._undo(incident_id, applied, because.because, decision)
        except StoppedError as stopped:
            # It stays to be taken back: once the stop is lifted, it goes on.
            self.store.note(incident_id, HALTED, f"not taken back yet: {stopped}")
            return None
        except (ActionError, PolicyError) as error:
            return self._told(incident_id, decision.by, applied, str(error))
        return self._told(incident_id, decision.by, applied, None, undone)

    def _undo(self, incident_id: str, applied: Applied, because: str, decision: Decision) -> str:
        site = self.site(incident_id)
        if applied.operation is not None:
            if site.platform is None:
                raise ActionError("nothing is configured that could take it back")
            changes = execute.take_back_operation(site.platform, applied.operation, decision=decision)
            return said(changes) or applied.operation.reversed().summary
        if applied.pull_request is None:
            raise ActionError("there is no record of what to take back")
        reverted = execute.take_back_pull_request(site.repository(), applied.pull_request, because, decision=decision)
        done = f"pull request {applied.pull_request} is reverted by pull request {reverted.number}"
        try:
            self.check_brake(incident_id)
            deployed = self.deploy_if_ours(incident_id)
        except StoppedError:
            raise
        except ActionError as error:
            return f"{done}, which could not be deployed and is yours to: {error}"
        return f"{done} and deployed" if deployed is not None else f"{done} and yours to deploy"

    def _told(self, incident_id: str, by: str, applied: Applied, problem: str | None, undone: str = "") -> None:
        because = self.files.required(incident_id, TakingBack).because
        self.store.put(incident_id, TakenBack(summary=undone or applied.summary, by=by, problem=problem))
        if problem is None:
            self.store.note(incident_id, "taken_back", undone)
            self.files.escalate(incident_id, f"{applied.summary} was taken back ({undone}): {because}")
        else:
            self.files.escalate(incident_id, f"{applied.summary} was not taken back, {problem}. Seen: {because}")
