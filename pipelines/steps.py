"""The steps of the flow, one function each. Each may be run again after a crash and does its work once.

What a step makes is stored, not passed along: the next step, a web page and a later session all read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from data.domain import Alert, Diagnosis, IncidentStatus, Look, now
from data.errors import ProposalError
from data.excerpt import ChangeExcerpt, Topology
from data.proposal import Proposal
from data.settings import Settings
from data.sources.bundle import read_telemetry, write_bundle
from data.store import Store
from data.telemetry import Telemetry
from models.traces import join_spans
from pipelines.act import Acting
from pipelines.calm import COME_BACK, calm, episodes
from pipelines.casefile import CaseFiles
from pipelines.collect import collect
from pipelines.excerpt import excerpt_of
from pipelines.impact import impact_of, in_words, severity_with
from pipelines.investigate import investigate
from pipelines.precedents import facts_about
from pipelines.sites import Sites
from pipelines.triage import Triage, triage
from pipelines.undo import Undoing
from remediation import execute
from remediation.policy import Policy
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
    def acting(self) -> Acting:
        return Acting(self.settings, self.files, self.sites, self.policy)

    @property
    def undoing(self) -> Undoing:
        return Undoing(self.settings, self.files, self.sites, self.policy)

    def triage(self, key: str) -> Triage:
        return triage(self.store, key, self.files.known_graph())

    def collect(self, incident_id: str) -> None:
        """Read every source once and keep what was seen: what the models see is what can be looked at later."""
        incident, snapshot = self.store.incident(incident_id), self.files.snapshot(incident_id)
        alert = self.files.alert(incident)
        if incident.status is IncidentStatus.open:
            self.store.move(incident_id, IncidentStatus.investigating, "looking at the telemetry")
        if (snapshot / "alert.json").exists():
            return
        telemetry = collect(
            alert,
            self.sites.of(incident).sources,
            as_of=max(now(), alert.fired_at),
            lookback=timedelta(minutes=self.settings.lookback_minutes),
            deadline_s=self.settings.source_deadline_s,
        )
        write_bundle(snapshot, alert, telemetry)
        seen = f"{len(telemetry.metrics)} series, {len(telemetry.spans)} spans and {len(telemetry.logs)} log lines"
        self.store.note(incident_id, "collected", f"collected {seen} about {len(telemetry.services)} services")
        for item in telemetry.missing:
            self.store.note(incident_id, "unseen", item.summary)

    def investigate(self, incident_id: str) -> None:
        """Rank causes and changes from what was collected, and keep what a person needs to check it."""
        if self.store.latest(incident_id, Diagnosis, after=Look) is not None:
            return
        incident = self.store.incident(incident_id)
        alert = self.files.alert(incident)
        telemetry = read_telemetry(self.files.snapshot(incident_id))
        start = alert.fired_at - timedelta(minutes=self.settings.lookback_minutes)
        over = alert.fired_at - COME_BACK
        past = episodes(self.store, incident.environment, since=start, before=over)
        diagnosis = self.investigator(alert, calm(telemetry, past))
        graph = telemetry.graph.merged(join_spans(telemetry.spans, telemetry.services).graph)
        for artifact in (
            Topology.of(graph),
            ChangeExcerpt(changes=telemetry.changes),
            excerpt_of(alert, telemetry.metrics, diagnosis),
            diagnosis,
        ):
            self.store.put(incident_id, artifact)
        impact = impact_of(alert, telemetry, diagnosis, objective=self.settings.objective)
        self.store.put(incident_id, impact)
        severity = severity_with(impact, diagnosis)
        self.store.set_severity(incident_id, severity)
        self.store.note(incident_id, "investigated", _finding(diagnosis), severity=severity.value)
        self.store.note(incident_id, "impact", in_words(impact), terms=[t.model_dump() for t in impact.terms])

    def propose(self, incident_id: str) -> bool:
        """Draft a fix, where one is safe to propose. What recovered meanwhile needs none."""
        if self._standing(incident_id) is IncidentStatus.resolved:
            return False
        if self.store.latest(incident_id, Proposal, after=Look) is not None:
            return True
        incident, diagnosis = self.store.incident(incident_id), self.files.diagnosis(incident_id)
        try:
            site = self.sites.of(incident)
            proposal = execute.propose_fix(
                incident,
                diagnosis,
                self.files.changes(incident_id),
                self.synthesizer,
                site.forge,
                site.base_branch,
                # The rules look at this incident alone; only a language model is told of others.
                facts_about(self.store, incident, diagnosis, self.settings.runbooks)
                if self.synthesizer.drafters
                else None,
            )
        except ProposalError as error:
            self.files.escalate(incident_id, f"no fix is proposed: {error}")
            return False
        self.store.put(incident_id, proposal)
        self.store.note(incident_id, "proposed", proposal.proposed_solution.summary)
        return True

    def ask(self, incident_id: str) -> bool:
        """Put the fix to a person; see :class:`pipelines.act.Acting` for this and every step that changes the world."""
        return self.acting.ask(incident_id)

    def is_approved(self, incident_id: str) -> bool:
        """Whether the policy let it happen without a person, or somebody was quick."""
        return self._standing(incident_id) is IncidentStatus.approved

    def verdict(self, incident_id: str) -> IncidentStatus:
        """What was decided about the pull request; ``awaiting_approval`` means that nobody did, in time.

        Then nobody can any more: it goes to a person as an open incident, not as a question.
        """
        late = self.store.claim(incident_id, IncidentStatus.awaiting_approval, IncidentStatus.escalated)
        return IncidentStatus.awaiting_approval if late else self._standing(incident_id)

    def act(self, incident_id: str) -> bool:
        return self.acting.act(incident_id)

    def deploy(self, incident_id: str) -> None:
        self.acting.deploy(incident_id)

    def withdraw(self, incident_id: str, because: str) -> None:
        self.acting.withdraw(incident_id, because)

    def take_back(self, incident_id: str) -> None:
        self.undoing.take_back(incident_id)

    def give_up(self, incident_id: str, because: str) -> None:
        """Hand an incident whose flow failed to a person."""
        self.files.escalate(incident_id, because)

    def _standing(self, incident_id: str) -> IncidentStatus:
        return self.store.incident(incident_id).status


def _finding(diagnosis: Diagnosis) -> str:
    if not diagnosis.suspects:
        return "nothing in the telemetry supports a cause"
    if diagnosis.cannot_tell is not None:
        return f"cannot tell what caused it: {diagnosis.cannot_tell}"
    lead = diagnosis.suspects[0]
    return f"most likely cause: {lead.service}, {lead.probability:.0%} sure"
