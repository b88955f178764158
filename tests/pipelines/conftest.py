"""Incidents of the past, as the flow leaves them in the store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data import schema as t
from data.action import Applied
from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Diagnosis,
    Incident,
    IncidentStatus,
    Noun,
    PullRequest,
    PullRequestState,
    Severity,
    now,
)
from data.excerpt import Topology
from data.proposal import Proposal, ProposedSolution, Restart, RevertCommit, RootCauseAnalysis, SolutionType
from data.store import Store, alert_key
from data.topology import ServiceGraph

GRAPH = ServiceGraph([("web", "cart"), ("cart", "db")])


class Past:
    """Puts incidents into a store: :meth:`proposed`, then :meth:`done`, then :meth:`over`. ``at`` is this instant."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = now()

    def proposed(
        self,
        incident_id: str,
        days_ago: float = 10.0,
        *,
        service: str = "cart",
        severity: Severity = Severity.high,
        by_hand: bool = True,
    ) -> Incident:
        """An incident of the alerting service ``web`` with a fix for ``service`` that waits for approval."""
        opened = self.at - timedelta(days=days_ago)
        alert = Alert(id=incident_id, source="test", service="web", title="slow", fired_at=opened, group=incident_id)
        incident = Incident(
            id=incident_id, title="slow", service="web", status=IncidentStatus.investigating, severity=severity,
            opened_at=opened, alerts=(alert,), environment="prod",
        )  # fmt: skip
        self.store.receive([(alert, "")])
        with self.store.exclusive() as transaction:
            transaction.open(incident)
            transaction.attach(alert_key(alert), incident_id)
        self.put(incident_id, _diagnosis(service, opened, severity), Topology.of(GRAPH))
        self.put(incident_id, _proposal(incident_id, service, opened, by_hand=by_hand))
        if not by_hand:
            self.put(incident_id, _pull_request(incident_id))
        self.store.move(incident_id, IncidentStatus.awaiting_approval, "waits")
        return self.store.incident(incident_id)

    def done(self, incident_id: str, days_ago: float = 9.9, *, service: str = "cart", action: str = "restart") -> None:
        """What was proposed is carried out."""
        at = self.at - timedelta(days=days_ago)
        self.put(incident_id, Applied(action=action, service=service, by="ann", summary="restarted it", at=at))
        self.store.move(incident_id, IncidentStatus.merged, "done")

    def over(self, incident_id: str, days_ago: float = 9.8) -> None:
        """The alert recovered."""
        self.store.move(incident_id, IncidentStatus.resolved, "recovered")
        when = t.incidents.update().where(t.incidents.c.id == incident_id)
        with self.store.engine.begin() as connection:
            connection.execute(when.values(resolved_at=self.at - timedelta(days=days_ago)))

    def fixed(self, incident_id: str, days_ago: float = 10.0) -> None:
        """All of it."""
        self.proposed(incident_id, days_ago)
        self.done(incident_id, days_ago - 0.1)
        self.over(incident_id, days_ago - 0.2)

    def put(self, incident_id: str, *nouns: Noun) -> None:
        for noun in nouns:
            self.store.put(incident_id, noun)


def _diagnosis(service: str, at: datetime, severity: Severity) -> Diagnosis:
    return Diagnosis(
        candidates=(Candidate(service=service, probability=0.9),), changes=(), no_change_probability=0.5,
        severity=severity, blast_radius=BlastRadius(), anomaly_score=0.5, evidence=(), unseen=(), as_of=at,
    )  # fmt: skip


def _proposal(incident_id: str, service: str, at: datetime, *, by_hand: bool) -> Proposal:
    return Proposal(
        id=f"P-{incident_id}",
        incident_id=incident_id,
        synthesizer="offline",
        remedy=Restart(service=service, reason="stuck") if by_hand else RevertCommit(commit="a" * 40),
        root_cause_analysis=RootCauseAnalysis(summary="stuck", details="", confidence_score=0.9),
        proposed_solution=ProposedSolution(
            type=SolutionType.rollback, summary="Restart it.", rollback_instructions="none", verification_steps=(),
            estimated_impact="", risk_assessment="", confidence_score=0.9,
        ),
        created_at=at,
    )  # fmt: skip


def _pull_request(incident_id: str) -> PullRequest:
    diff = "--- a/cart/app.py\n+++ b/cart/app.py\n@@ -1 +1 @@\n-1\n+2\n--- a/.env\n+++ /dev/null\n@@ -1 +0,0 @@\n-X=1\n"
    return PullRequest(
        number=1, repository="shop", branch=f"qai/{incident_id}", base="main", head="a" * 40, title="Revert", body="",
        state=PullRequestState.open, diff=diff,
    )  # fmt: skip


@pytest.fixture
def past(store: Store) -> Past:
    return Past(store)
