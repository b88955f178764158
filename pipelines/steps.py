"""The steps of the flow, one function each. Each may be run again after a crash and does its work once.

What a step makes is stored, not passed along: the next step, a web page and a later session all read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from data import audit
from data.brake import Brake
from data.domain import Alert, Decision, Diagnosis, IncidentStatus, Outcome, PullRequest, PullRequestState, now
from data.errors import ActionError, PolicyError, ProposalError, StoppedError
from data.excerpt import ChangeExcerpt, Topology
from data.proposal import Proposal
from data.settings import Settings
from data.sources.bundle import read_telemetry, write_bundle
from data.store import Store
from data.telemetry import Telemetry
from models.traces import join_spans
from pipelines.calm import COME_BACK, calm, episodes
from pipelines.casefile import CaseFiles
from pipelines.collect import collect
from pipelines.excerpt import excerpt_of
from pipelines.impact import impact_of, in_words
from pipelines.investigate import investigate
from pipelines.sites import Site, Sites
from pipelines.triage import Triage, triage
from remediation import execute
from remediation.policy import ActionKind, ActionRequest, Policy, decide
from remediation.synthesize import Synthesizer


@dataclass(frozen=True)
class IncidentSteps:
    """The steps, and what they work with. Satisfies :class:`pipelines.respond.Steps`.

    A step that returns False has handed the incident to a person. ``investigator`` makes the diagnosis, here or in
    another process.
    """

    settings: Settings
    files: CaseFiles
    sites: Sites
    policy: Policy
    synthesizer: Synthesizer = field(default_factory=Synthesizer)
    investigator: Callable[[Alert, Telemetry], Diagnosis] = investigate

    @property
    def store(self) -> Store:
        return self.files.store

    @property
    def brake(self) -> Brake:
        return Brake.of(self.store.engine, self.settings.state_dir)

    def triage(self, key: str) -> Triage:
        return triage(self.store, key, self.files.known_graph())

    def collect(self, incident_id: str) -> None:
        """Read every source once and keep what was seen: what the models see is what can be looked at later."""
        incident, snapshot = self.store.incident(incident_id), self.files.snapshot(incident_id)
        if incident.status is IncidentStatus.open:
            self.store.move(incident_id, IncidentStatus.investigating, "looking at the telemetry")
        if (snapshot / "alert.json").exists():
            return
        telemetry = collect(
            incident.alert,
            self.sites.of(incident).sources,
            as_of=max(now(), incident.alert.fired_at),
            lookback=timedelta(minutes=self.settings.lookback_minutes),
            deadline_s=self.settings.source_deadline_s,
        )
        write_bundle(snapshot, incident.alert, telemetry)
        seen = f"{len(telemetry.metrics)} series, {len(telemetry.spans)} spans and {len(telemetry.logs)} log lines"
        self.store.note(incident_id, "collected", f"collected {seen} about {len(telemetry.services)} services")
        for item in telemetry.missing:
            self.store.note(incident_id, "unseen", item.summary)

    def investigate(self, incident_id: str) -> None:
        """Rank causes and changes from what was collected, and keep what a person needs to check it."""
        if self.store.latest(incident_id, Diagnosis) is not None:
            return
        incident = self.store.incident(incident_id)
        telemetry = read_telemetry(self.files.snapshot(incident_id))
        start = incident.alert.fired_at - timedelta(minutes=self.settings.lookback_minutes)
        over = incident.alert.fired_at - COME_BACK
        past = episodes(self.store, incident.environment, since=start, before=over)
        diagnosis = self.investigator(incident.alert, calm(telemetry, past))
        graph = telemetry.graph.merged(join_spans(telemetry.spans, telemetry.services).graph)
        for artifact in (
            Topology.of(graph),
            ChangeExcerpt(changes=telemetry.changes),
            excerpt_of(incident.alert, telemetry.metrics, diagnosis),
            diagnosis,
        ):
            self.store.put(incident_id, artifact)
        impact = impact_of(incident.alert, telemetry, diagnosis, objective=self.settings.objective)
        self.store.put(incident_id, impact)
        # What the text and the error budget tell may make it worse than its telemetry alone, never better.
        severity = max(diagnosis.severity, impact.severity, key=lambda found: found.rank)
        self.store.set_severity(incident_id, severity)
        self.store.note(incident_id, "investigated", _finding(diagnosis), severity=severity.value)
        self.store.note(incident_id, "impact", in_words(impact), terms=[t.model_dump() for t in impact.terms])

    def propose(self, incident_id: str) -> bool:
        """Draft a fix, where one is safe to propose. What recovered meanwhile needs none."""
        if self._standing(incident_id) is IncidentStatus.resolved:
            return False
        if self.store.latest(incident_id, Proposal) is not None:
            return True
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        try:
            site = self.sites.of(incident)
            proposal = execute.propose_fix(
                incident, diagnosis, self.files.changes(incident_id), self.synthesizer, site.forge, site.base_branch
            )
        except ProposalError as error:
            self.files.escalate(incident_id, f"no fix is proposed: {error}")
            return False
        self.store.put(incident_id, proposal)
        self.store.note(incident_id, "proposed", proposal.proposed_solution.summary)
        return True

    def ask(self, incident_id: str) -> bool:
        """Put the fix to a person: as a pull request where it is code, as a question where it is not.

        The policy has to allow it, and somebody has to be able to carry it out.
        """
        try:
            if self._is_by_hand(self.files.proposal(incident_id)):
                self._ask(incident_id)
            else:
                self._open_pull_request(incident_id)
        except (ProposalError, PolicyError, ActionError) as error:
            self.files.escalate(incident_id, f"no fix waits for approval: {error}")
            return False
        return True

    def verdict(self, incident_id: str) -> IncidentStatus:
        """What was decided about the pull request; ``awaiting_approval`` means that nobody did, in time.

        Then nobody can any more: it goes to a person as an open incident, not as a question.
        """
        late = self.store.claim(incident_id, IncidentStatus.awaiting_approval, IncidentStatus.escalated)
        return IncidentStatus.awaiting_approval if late else self._standing(incident_id)

    def act(self, incident_id: str) -> bool:
        """Do what a person approved. Where that fails a person is asked again, or takes over."""
        if self.store.latest(incident_id, PullRequest) is None:
            return self._apply(incident_id)
        return self._merge(incident_id)

    def deploy(self, incident_id: str) -> None:
        """Bring what was merged to where it runs, where that is ours to do; elsewhere your own pipeline does it."""
        platform = self._site(incident_id).platform
        if platform is None or self.store.latest(incident_id, PullRequest) is None:
            return
        decision = decide(self.policy, self._request(ActionKind.deploy, incident_id))
        if decision.outcome is not Outcome.act:
            self.store.note(incident_id, "deploy", f"deploying is left to you: {decision.explanation}")
            return
        audit.append(self.store.engine, decision.by, "deploy", incident_id, because=decision.explanation)
        try:
            self._check_brake(incident_id)
            deployed = platform.deploy()
        except ActionError as error:
            self.files.escalate(incident_id, f"the merged fix could not be deployed: {error}")
            return
        self.store.note(incident_id, "deployed", "; ".join(c.summary for c in deployed) or "it was deployed already")

    def _merge(self, incident_id: str) -> bool:
        decision, number = self.files.required(incident_id, Decision), self.files.pull_request(incident_id).number
        audit.append(self.store.engine, decision.by, "merge", incident_id, because=decision.explanation)
        try:
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
        decision, remedy = self.files.required(incident_id, Decision), self.files.proposal(incident_id).remedy
        platform = self._site(incident_id).platform
        audit.append(self.store.engine, decision.by, remedy.kind, incident_id, because=decision.explanation)
        try:
            if decision.outcome is not Outcome.act or decision.action != remedy.kind:
                raise ActionError(f"no decision allows {remedy.kind}: {decision.explanation}")
            if platform is None:
                raise ActionError("nothing is configured that could carry it out")
            self._check_brake(incident_id)
            done = platform.apply(remedy)
        except StoppedError as stopped:
            # The question stands: once the stop is lifted, the same person may say yes again.
            if self.store.claim(incident_id, IncidentStatus.approved, IncidentStatus.awaiting_approval):
                self.store.note(incident_id, "stopped", f"not done: {stopped}")
            return False
        except ActionError as error:
            self.files.escalate(incident_id, f"what was approved could not be done: {error}")
            return False
        message = f"{'; '.join(c.summary for c in done)}, approved by {decision.by}; waiting for the alert to recover"
        self.store.move(incident_id, IncidentStatus.merged, message)
        return True

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

    def give_up(self, incident_id: str, because: str) -> None:
        """Hand an incident whose flow failed to a person."""
        self.files.escalate(incident_id, because)

    def _is_by_hand(self, proposal: Proposal) -> bool:
        """Whether no code change is needed: then it is done where the service runs, by us or by hand."""
        return execute.needs_a_person(proposal) is not None

    def _ask(self, incident_id: str) -> None:
        proposal = self.files.proposal(incident_id)
        platform = self._site(incident_id).platform
        if platform is None or not platform.carries_out(proposal.remedy):
            raise ActionError(str(execute.needs_a_person(proposal)))
        decision = decide(self.policy, self._request(ActionKind(proposal.remedy.kind), incident_id))
        self.store.put(incident_id, decision)
        if decision.outcome is Outcome.refuse:
            raise PolicyError(decision.explanation)
        if self._standing(incident_id) is IncidentStatus.investigating:
            message = f"waits for approval: {proposal.proposed_solution.summary}"
            self.store.move(incident_id, IncidentStatus.awaiting_approval, message)

    def _request(self, action: ActionKind, incident_id: str) -> ActionRequest:
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        return execute.action_request(action, incident, diagnosis, self.files.proposal(incident_id))

    def _open_pull_request(self, incident_id: str) -> None:
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        proposal, site = self.files.proposal(incident_id), self.sites.of(incident)
        forge, base = site.repository(), site.base_branch
        opened = execute.opened_before(forge, incident, proposal)
        if opened is not None:
            return self._await_person(incident_id, opened)
        plan = execute.plan_fix(forge, base, incident, diagnosis, proposal)
        if plan is None:
            raise ActionError(str(execute.needs_a_person(proposal)))

        recent = audit.count(self.store.engine, "open_pull_request", since=now() - timedelta(hours=1))
        request = execute.action_request(
            "open_pull_request", incident, diagnosis, proposal, plan, recent_actions=recent
        )
        decision = decide(self.policy, request)
        self.store.put(incident_id, decision)
        if decision.outcome is not Outcome.act:
            raise PolicyError(decision.explanation)

        # The intent is on record before the world is touched, so that a crash in between can be told from nothing.
        audit.append(self.store.engine, decision.by, "open_pull_request", incident_id, branch=plan.branch)
        self._check_brake(incident_id)
        pull_request = execute.open_pull_request(forge, base, incident, diagnosis, proposal, decision=decision)
        self._await_person(incident_id, pull_request)

    def _await_person(self, incident_id: str, pull_request: PullRequest) -> None:
        self.store.put(incident_id, pull_request)
        standing = self._standing(incident_id)
        if standing is IncidentStatus.investigating:
            message = f"pull request {pull_request.number} is open: {pull_request.title}"
            self.store.move(incident_id, IncidentStatus.awaiting_approval, message, branch=pull_request.branch)
        elif standing is IncidentStatus.resolved:
            self.withdraw(incident_id, "the alert recovered while it was being opened")

    def _check_brake(self, incident_id: str) -> None:
        """Asked right before every write: an emergency stop halts what is queued and what is under way."""
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        self.brake.check(execute.touched_service(incident, diagnosis, self.files.proposal(incident_id)))

    def _standing(self, incident_id: str) -> IncidentStatus:
        return self.store.incident(incident_id).status

    def _site(self, incident_id: str) -> Site:
        return self.sites.of(self.store.incident(incident_id))


def _finding(diagnosis: Diagnosis) -> str:
    if not diagnosis.candidates:
        return "nothing in the telemetry supports a cause"
    if diagnosis.cannot_tell is not None:
        return f"cannot tell what caused it: {diagnosis.cannot_tell}"
    lead = diagnosis.candidates[0]
    return f"most likely cause: {lead.service}, {lead.probability:.0%} sure"
