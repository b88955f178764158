"""What every step that changes the world shares: whom it asks, what it checks, and where it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data import audit
from data.action import Applied, Recovery, RecoveryOutcome, TakingBack
from data.brake import Brake
from data.domain import Change, Decision, Feedback, IncidentStatus, Outcome, now
from data.errors import PolicyError, StoppedError, StoreError
from data.settings import Settings
from data.store import Store
from pipelines.casefile import CaseFiles
from pipelines.rulings import Rulings
from pipelines.sites import Site, Sites
from remediation import execute
from remediation.policy import ActionKind, Policy, decide


@dataclass(frozen=True)
class Hands:
    """Of one installation. Whoever has them may write; see :class:`pipelines.act.Acting` and :mod:`pipelines.undo`."""

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

    def deploy_if_ours(self, incident_id: str) -> datetime | None:
        """When what was merged was deployed; None where that is left to others. ActionError where it does not work."""
        deployer = self.site(incident_id).deployer
        if deployer is None:
            return None
        decision = self.rulings.decide(incident_id, ActionKind.deploy)
        if decision.outcome is not Outcome.act:
            self.store.note(incident_id, "deploy", f"deploying is left to you: {decision.explanation}")
            return None
        audit.append(self.store.engine, decision.by, "deploy", incident_id, because=decision.explanation)
        self.check_brake(incident_id)
        deployed = deployer.deploy(self.brake.check)
        self.store.note(incident_id, "deployed", said(deployed) or "it was deployed already")
        return now()

    def failed(self, incident_id: str, applied: Applied, problem: str) -> None:
        """What could be done in part only is taken back."""
        recovery = Recovery(
            outcome=RecoveryOutcome.failed, action=applied.action, service=applied.service, seen=(problem,)
        )
        self.store.put(incident_id, recovery)
        self.store.put(incident_id, TakingBack(because=problem))
        self.files.escalate(incident_id, problem)

    def decided(self, incident_id: str, action: ActionKind) -> Decision:
        """The newest decision on an action. Raises StoreError where there is none."""
        decisions = [each for each in self.store.all(incident_id, Decision) if each.action == action]
        if not decisions:
            raise StoreError(f"nobody decided on {action} for {incident_id}")
        return decisions[-1]

    def touched(self, incident_id: str) -> str:
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        return execute.touched_service(incident, diagnosis, self.files.proposal(incident_id))

    def check_policy(self, incident_id: str, action: ActionKind) -> None:
        """Asked again before what was approved is done: a freeze may have begun since, or a tier been lost.

        Raises:
            PolicyError: it is refused now, or a person would be asked now and none was.
        """
        decision = decide(self.policy, self.rulings.request(incident_id, action))
        was_asked = self.store.latest(incident_id, Feedback) is not None
        if decision.outcome is Outcome.refuse or (decision.outcome is Outcome.ask and not was_asked):
            raise PolicyError(decision.explanation)

    def check_brake(self, incident_id: str) -> None:
        """Asked right before every write: an emergency stop halts what is queued and what is under way."""
        self.brake.check(self.touched(incident_id))

    def is_stopped(self, incident_id: str) -> bool:
        """Whether an emergency stop holds up what would be done for an incident."""
        try:
            self.check_brake(incident_id)
        except StoppedError:
            return True
        return False

    def standing(self, incident_id: str) -> IncidentStatus:
        return self.store.incident(incident_id).status

    def site(self, incident_id: str) -> Site:
        return self.sites.of(self.store.incident(incident_id))


def said(done: tuple[Change, ...]) -> str:
    return "; ".join(change.summary for change in done)
