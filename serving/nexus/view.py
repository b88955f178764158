"""What the pages show, put together from stored nouns: every sentence rests on something kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import isfinite
from statistics import median
from typing import Any

from data.domain import (
    Candidate,
    Change,
    Decision,
    Diagnosis,
    Evidence,
    Feedback,
    Incident,
    IncidentStatus,
    Outcome,
    PullRequest,
    PullRequestState,
)
from data.excerpt import ChangeExcerpt, MetricExcerpt, Series, Topology
from data.impact import Impact
from data.labels import Label
from data.proposal import Proposal
from data.store import Event, Store
from pipelines.attribution import attributed
from pipelines.rulings import Approvals, approvals_of
from remediation.execute import touched_service
from remediation.policy import ActionKind
from serving.nexus import diff
from serving.nexus.impact import ImpactView
from serving.nexus.layout import neighbourhood, positions
from serving.nexus.words import how_sure, number, percent

SHOWN = 5
NEEDS_A_PERSON = {IncidentStatus.awaiting_approval, IncidentStatus.escalated}


@dataclass(frozen=True)
class Card:
    """One line of the list: an incident and the cause that leads, if any yet."""

    incident: Incident
    diagnosis: Diagnosis | None

    @property
    def leading(self) -> Candidate | None:
        return self.diagnosis.suspects[0] if self.diagnosis and self.diagnosis.suspects else None


@dataclass(frozen=True)
class ChangeRow:
    """A change with its probability, or "no change" where ``id`` is None."""

    probability: float
    id: str | None = None
    change: Change | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class IncidentView:
    """Everything one incident's page shows."""

    incident: Incident
    diagnosis: Diagnosis | None
    proposal: Proposal | None
    pull_request: PullRequest | None
    decisions: tuple[Decision, ...]
    feedback: Feedback | None
    events: tuple[Event, ...]
    topology: Topology | None
    excerpt: MetricExcerpt | None
    approvals: Approvals | None
    changes: dict[str, Change]
    label: Label | None = None
    impact: ImpactView | None = None

    @property
    def leading(self) -> Candidate | None:
        return self.diagnosis.suspects[0] if self.diagnosis and self.diagnosis.suspects else None

    @property
    def can_be_labelled(self) -> bool:
        """Whether there is something to say it of, and no decision waits that would say the same."""
        return self.diagnosis is not None and not self.is_running and not self.is_waiting

    @property
    def known_services(self) -> list[str]:
        """Whatever was seen, the likelier causes first."""
        likely = [candidate.service for candidate in self.diagnosis.candidates] if self.diagnosis else []
        return list(dict.fromkeys([*likely, *(node.id for node in (self.topology.nodes if self.topology else ()))]))

    @property
    def is_running(self) -> bool:
        """Whether an investigation can still be expected to say something."""
        return self.incident.status in {IncidentStatus.open, IncidentStatus.investigating}

    @property
    def no_diagnosis(self) -> str:
        """Why there is none."""
        return (
            "the investigation is running." if self.is_running else "nothing was investigated; the timeline says why."
        )

    @property
    def is_waiting(self) -> bool:
        """Whether a person can still approve or reject."""
        waits = self.incident.status is IncidentStatus.awaiting_approval
        is_open = self.pull_request is None or self.pull_request.state is PullRequestState.open
        return waits and is_open and self.proposal is not None

    @property
    def unasked(self) -> Decision | None:
        """What the policy let happen without a person; None where one was asked, or nothing was done."""
        done = self.incident.status in {IncidentStatus.approved, IncidentStatus.merged, IncidentStatus.resolved}
        if not done or self.feedback is not None or self.proposal is None:
            return None
        what = {ActionKind.merge.value, self.proposal.remedy.kind}
        decided = [decision for decision in self.decisions if decision.action in what]
        return decided[-1] if decided and decided[-1].outcome is Outcome.act else None

    @property
    def acted_on(self) -> str:
        """The service that a fix is about, or would be: what there is to stop."""
        if self.diagnosis is not None and self.proposal is not None:
            return touched_service(self.incident, self.diagnosis, self.proposal)
        return self.leading.service if self.leading else self.incident.service

    @cached_property
    def change_rows(self) -> tuple[ChangeRow, ...]:
        """The changes and "no change caused this", most probable first."""
        if self.diagnosis is None:
            return ()
        rows = [
            ChangeRow(c.probability, c.id, self.changes.get(c.id), self.diagnosis.cited(c.evidence))
            for c in self.diagnosis.changes
        ]
        rows.append(
            ChangeRow(
                self.diagnosis.no_change_probability,
                evidence=self.diagnosis.cited(self.diagnosis.no_change_evidence),
            )
        )
        return tuple(sorted(rows, key=lambda row: -row.probability))

    @property
    def shown_changes(self) -> tuple[ChangeRow, ...]:
        """The likeliest of :attr:`change_rows`; "no change" is always among them."""
        return tuple(row for i, row in enumerate(self.change_rows) if i < SHOWN or row.id is None)

    @property
    def what_broke(self) -> str:
        reach = self.diagnosis.blast_radius.symptomatic if self.diagnosis else ()
        also = [service for service in reach if service != self.incident.service]
        text = _about(self.incident.service, self.incident.title)
        return text + (f". Also unwell: {', '.join(also[:4])}{' and more' if len(also) > 4 else ''}" if also else "")

    @property
    def why(self) -> str:
        if self.diagnosis is None:
            return f"Not known{' yet' if self.is_running else ''}: {self.no_diagnosis}"
        lead = self.leading
        if lead is None:
            return "Not known: nothing that was seen supports a cause."
        if self.diagnosis.cannot_tell is not None:
            return f"Cannot tell: {self.diagnosis.cannot_tell}."
        evidence = self.diagnosis.cited(lead.evidence)
        return _about(lead.service, evidence[0].summary) if evidence else lead.service

    @property
    def why_change(self) -> ChangeRow | None:
        """The row of :attr:`change_rows` to name as the trigger; None when no change was judged."""
        return self.change_rows[0] if self.diagnosis is not None and self.diagnosis.changes else None

    @property
    def how_sure(self) -> str:
        lead = self.leading
        if self.diagnosis is None or lead is None:
            return "Not at all."
        text = f"{percent(lead.probability)} that it is {lead.service}: {how_sure(lead.probability)}"
        if not self.diagnosis.can_tell:
            text = f"Not enough to name one: {lead.service} is the best guess"
        rivals = ", ".join(f"{c.service} ({percent(c.probability)})" for c in self.others[:2] if c.probability >= 0.01)
        return f"{text}. Else {rivals}" if rivals else text

    @property
    def attributed(self) -> tuple[Evidence, ...]:
        """What a causal model said, where one was asked."""
        return attributed(self.diagnosis) if self.diagnosis else ()

    @property
    def others(self) -> tuple[Candidate, ...]:
        return self.diagnosis.suspects[1:] if self.diagnosis else ()

    @property
    def elsewhere(self) -> float:
        """The probability that the cause is something outside the services that were seen."""
        if self.diagnosis is None:
            return 1.0
        return max(0.0, 1.0 - sum(c.probability for c in self.diagnosis.candidates))

    @cached_property
    def diff_files(self) -> tuple[diff.FileDiff, ...]:
        return diff.files(self.pull_request.diff) if self.pull_request else ()

    @cached_property
    def roles(self) -> dict[str, str]:
        """What each service is to this incident: cause, possible, symptom; the alerting one is a symptom at least."""
        roles = {self.incident.service: "symptom"}
        if self.diagnosis is not None:
            roles |= dict.fromkeys(self.diagnosis.blast_radius.symptomatic, "symptom")
            roles |= {c.service: "possible" for c in self.others[: SHOWN - 1] if roles.get(c.service) != "symptom"}
            roles |= {self.leading.service: "cause" if self.diagnosis.can_tell else "possible"} if self.leading else {}
        return roles

    @cached_property
    def drawing(self) -> dict[str, Any] | None:
        """The dependency graph for cytoscape, at most forty services of it; None when none was stored."""
        if self.topology is None or not self.topology.nodes:
            return None
        calls = [(edge.caller, edge.callee) for edge in self.topology.edges]
        services = {node.id for node in self.topology.nodes} | {service for call in calls for service in call}
        shown = neighbourhood(services, calls, self.roles)
        place = positions(shown, calls)
        path = set(zip(self.leading.path, self.leading.path[1:], strict=False)) if self.leading else set()
        return {
            "rows": _size(len({row for _, row in place.values()}), 4, 8),
            "columns": _size(len({column for column, _ in place.values()}), 4, 7),
            "left_out": len(services) - len(shown),
            "nodes": [
                {"id": s, "role": self.roles.get(s, ""), "column": place[s][0], "row": place[s][1]}
                for s in sorted(shown, key=lambda s: (place[s], s))
            ],
            "edges": [
                {"caller": a, "callee": b, "on_path": (b, a) in path or (a, b) in path}
                for a, b in calls
                if a in shown and b in shown and a != b
            ],
        }

    @cached_property
    def charts(self) -> list[dict[str, Any]]:
        """The stored series for uPlot: seconds since the epoch, values, and where alert and onset are."""
        if self.excerpt is None:
            return []
        onset = self.excerpt.onset.timestamp() if self.excerpt.onset else None
        return [
            {
                "title": f"{series.service} {series.metric}",
                "instance": series.instance,
                "unit": series.unit,
                "times": [t.timestamp() for t in series.timestamps],
                "values": [v if v is not None and isfinite(v) else None for v in series.values],
                "alert": self.excerpt.alert_at.timestamp(),
                "onset": onset,
                "text": _in_words(series, self.excerpt.onset),
            }
            for series in self.excerpt.series
            if series.timestamps
        ]


def _about(service: str, sentence: str) -> str:
    """The sentence, beginning with the service it is about unless it says so itself."""
    return sentence if service.lower() in sentence.lower() else f"{service}: {sentence}"


def _size(count: int, low: int, middle: int) -> str:
    return "low" if count <= low else "middle" if count <= middle else "high"


def _in_words(series: Series, onset: datetime | None) -> str:
    """What a chart shows, for those who do not see it."""
    seen = [(t, v) for t, v in zip(series.timestamps, series.values, strict=True) if v is not None]
    before = [v for t, v in seen if onset is not None and t < onset]
    after = [v for t, v in seen if onset is None or t >= onset]
    if before and after:
        return f"median {number(median(before))} before it began, {number(median(after))} after"
    return f"median {number(median(before or after))}" if seen else "no values"


def cards(store: Store, statuses: set[IncidentStatus], limit: int) -> list[Card]:
    """The newest incidents, each with its leading cause."""
    return [Card(found, store.latest(found.id, Diagnosis)) for found in store.incidents(statuses, limit)]


def worst_first(found: Iterable[Card]) -> list[Card]:
    """In the order to look at them: what is not over yet, by severity, the newest first among equals."""
    return sorted(found, key=lambda card: (card.incident.status.is_closed, -card.incident.severity.rank))


def incident_view(store: Store, incident: Incident) -> IncidentView:
    """Read what is kept about an incident. A decision counts for the proposal in force only."""
    proposal = store.latest(incident.id, Proposal)
    feedback = store.latest(incident.id, Feedback)
    changes = store.latest(incident.id, ChangeExcerpt)
    impact = store.latest(incident.id, Impact)
    is_for_this = proposal is not None and feedback is not None and feedback.proposal_id == proposal.id
    return IncidentView(
        incident=incident,
        diagnosis=store.latest(incident.id, Diagnosis),
        proposal=proposal,
        pull_request=store.latest(incident.id, PullRequest),
        decisions=tuple(store.all(incident.id, Decision)),
        feedback=feedback if is_for_this else None,
        events=tuple(store.events(incident.id)),
        topology=store.latest(incident.id, Topology),
        excerpt=store.latest(incident.id, MetricExcerpt),
        approvals=approvals_of(store, incident.id),
        changes={change.id: change for change in changes.changes} if changes else {},
        label=store.latest(incident.id, Label),
        impact=ImpactView(impact, incident.severity) if impact else None,
    )
