"""What is kept about one incident, by the names the steps use for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data.domain import Alert, Change, Diagnosis, Incident, IncidentStatus, Look, Noun, PullRequest
from data.errors import StoreError
from data.excerpt import ChangeExcerpt, Topology
from data.proposal import Proposal
from data.store import Store
from data.topology import ServiceGraph

N = TypeVar("N", bound=Noun)


@dataclass(frozen=True)
class CaseFiles:
    """The incidents' files: nouns in the store, telemetry snapshots in a folder."""

    store: Store
    snapshots: Path

    def looks(self, incident_id: str) -> list[Look]:
        """What the incident was looked at anew for, oldest first; none where it was looked at once."""
        return self.store.all(incident_id, Look)

    def alert(self, incident: Incident) -> Alert:
        """The alert that the last look at an incident began from: at first the one that opened it."""
        looks = self.looks(incident.id)
        return looks[-1].alert if looks else incident.alert

    def snapshot(self, incident_id: str) -> Path:
        """The bundle that holds what the models saw when they last looked."""
        again = len(self.looks(incident_id))
        return self.snapshots / (f"{incident_id}-{again + 1}" if again else incident_id)

    def diagnosis(self, incident_id: str) -> Diagnosis:
        return self.required(incident_id, Diagnosis)

    def proposal(self, incident_id: str) -> Proposal:
        return self.required(incident_id, Proposal)

    def pull_request(self, incident_id: str) -> PullRequest:
        return self.required(incident_id, PullRequest)

    def changes(self, incident_id: str) -> tuple[Change, ...]:
        excerpt = self.store.latest(incident_id, ChangeExcerpt)
        return excerpt.changes if excerpt else ()

    def required(self, incident_id: str, kind: type[N]) -> N:
        """The newest artifact of a type.

        Raises:
            StoreError: if the incident has none.
        """
        found = self.store.latest(incident_id, kind)
        if found is None:
            raise StoreError(f"incident {incident_id} has no {kind.__name__} yet")
        return found

    def known_graph(self) -> ServiceGraph:
        """Who calls whom, as far as the open incidents' investigations saw."""
        graph = ServiceGraph()
        for incident in self.store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}):
            seen = self.store.latest(incident.id, Topology)
            if seen is not None:
                edges = [(edge.caller, edge.callee) for edge in seen.edges]
                graph = graph.merged(ServiceGraph(edges, [node.id for node in seen.nodes]))
        return graph

    def escalate(self, incident_id: str, because: str) -> None:
        """Hand an incident over to a person, saying why."""
        self.store.move(incident_id, IncidentStatus.escalated, f"a person has to take over: {because}")
