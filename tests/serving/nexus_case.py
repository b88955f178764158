"""A complete incident in a real store, a responder that records, and the application around them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeCandidate,
    ChangeKind,
    Decision,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Feedback,
    Incident,
    IncidentStatus,
    Outcome,
    PullRequest,
    PullRequestState,
    RejectReason,
    Severity,
    Verdict,
    now,
)
from data.errors import PolicyError, StoreError
from data.excerpt import ChangeExcerpt, MetricExcerpt, Series, Topology, TopologyEdge, TopologyNode
from data.impact import Impact, ImpactTerm
from data.proposal import Proposal, ProposedSolution, RevertCommit, RootCauseAnalysis, SolutionType
from data.store import Store
from serving import api, auth, brake_api, nexus
from serving.services import Services

HOSTILE = '<script>alert("x")</script> [a](javascript:alert(1)) **bold** {{ 7 * 7 }} "\'>'

DIFF = """\
diff --git a/app/pool.py b/app/pool.py
index 1111111..2222222 100644
--- a/app/pool.py
+++ b/app/pool.py
@@ -10,6 +10,6 @@ class Pool:
     def __init__(self) -> None:
         self.waiting = 0
-        self.size = 2
+        self.size = 20
     def acquire(self):
         return self._take()
"""


@dataclass
class RecordingResponder:
    """Answers as the durable flow does, writes what it was told to the store, and merges nothing."""

    store: Store
    calls: list[tuple[str, ...]] = field(default_factory=list)
    refuse: bool = False

    def handle(self, key: str) -> None:
        self.calls.append(("handle", key))

    def approve(self, incident_id: str, by: str) -> Decision:
        self._check(incident_id)
        self.calls.append(("approve", incident_id, by))
        decision = Decision(outcome=Outcome.act, action="merge_pull_request", by=by, explanation=f"approved by {by}")
        self._close(incident_id, PullRequestState.merged)
        self.store.put(incident_id, decision)
        self._feedback(incident_id, Verdict.approved, by)
        self.store.move(incident_id, IncidentStatus.merged, f"{by} approved; the pull request was merged")
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
        self._check(incident_id)
        self.calls.append(("reject", incident_id, by, reason.value, str(true_service), str(true_change), comment))
        self._close(incident_id, PullRequestState.closed)
        feedback = self._feedback(incident_id, Verdict.rejected, by, reason, true_service, true_change, comment)
        self.store.move(incident_id, IncidentStatus.escalated, f"{by} rejected the proposal")
        return feedback

    def _check(self, incident_id: str) -> None:
        request = self.store.latest(incident_id, PullRequest)
        if request is None:
            raise StoreError("nothing waits for approval")
        if request.state is not PullRequestState.open:
            raise PolicyError("somebody has decided already")
        if self.refuse:
            raise PolicyError("the policy names no rule that lets you approve")

    def _close(self, incident_id: str, state: PullRequestState) -> None:
        request = self.store.latest(incident_id, PullRequest)
        assert request is not None
        self.store.put(incident_id, request.model_copy(update={"state": state}))

    def _feedback(
        self,
        incident_id: str,
        verdict: Verdict,
        by: str,
        reason: RejectReason | None = None,
        true_service: str | None = None,
        true_change: str | None = None,
        comment: str = "",
    ) -> Feedback:
        proposal = self.store.latest(incident_id, Proposal)
        assert proposal is not None
        feedback = Feedback(
            incident_id=incident_id,
            proposal_id=proposal.id,
            verdict=verdict,
            by=by,
            reason=reason,
            true_service=true_service,
            true_change=true_change,
            comment=comment,
        )
        self.store.put(incident_id, feedback)
        return feedback


def make_app(services: Services) -> FastAPI:
    """The parts under test, put together as the real application does."""
    app = FastAPI()
    app.state.services = services
    for router in (api.router, brake_api.router, auth.router, nexus.router):
        app.include_router(router)
    app.mount(nexus.STATIC_URL, StaticFiles(directory=nexus.STATIC))
    return app


def open_incident(
    store: Store,
    incident_id: str,
    *,
    title: str = "checkout p95 latency is above 800 ms",
    service: str = "checkout",
    severity: Severity = Severity.critical,
    status: IncidentStatus = IncidentStatus.investigating,
    fired_at: datetime | None = None,
    **alert_fields: object,
) -> Incident:
    """An incident as triage leaves it: opened by one alert, being investigated."""
    fired_at = fired_at or now() - timedelta(minutes=12, seconds=30)
    alert = Alert.model_validate(
        {
            "id": f"{incident_id}-a",
            "source": "datadog",
            "service": service,
            "title": title,
            "fired_at": fired_at,
            "group": incident_id,
            "metric": "trace.http.request.duration.p95",
            "value": 1840.0,
            "threshold": 800.0,
            "environment": "production",
            "tags": {"team": "payments", "region": "eu-1"},
            **alert_fields,
        }
    )
    incident = Incident(
        id=incident_id,
        title=title,
        service=service,
        status=status,
        severity=severity,
        opened_at=fired_at + timedelta(seconds=4),
        alerts=(alert,),
        environment="production",
    )
    [receipt] = store.receive([(alert, "{}")])
    with store.exclusive() as transaction:
        transaction.open(incident)
        transaction.attach(receipt.key, incident_id)
        transaction.note(incident_id, "opened", f"Opened by an alert from {alert.source}: {title}")
    store.note(incident_id, "collected", "Read 3 of 4 sources: traces did not answer within 10 s")
    return incident


def investigate(store: Store, incident: Incident, *, text: str = "") -> Diagnosis:
    """Store what an investigation finds; ``text`` is added to everything that telemetry might have said."""
    at = incident.alert.fired_at
    evidence = (
        Evidence(
            id="E1",
            kind=EvidenceKind.metric,
            service="payments",
            source="bundle",
            score=0.97,
            at=at - timedelta(minutes=3),
            summary=f"payments pool_wait_ms rose from 3 to 910 three minutes before the alert {text}",
        ),
        Evidence(
            id="E2",
            kind=EvidenceKind.span,
            service="payments",
            source="bundle",
            score=0.9,
            summary="payments spends 880 ms in its own code for each charge, 12 ms before",
        ),
        Evidence(
            id="E3",
            kind=EvidenceKind.log,
            service="payments",
            source="bundle",
            score=0.7,
            summary=f'payments logged "timed out waiting for a connection" 412 times, never before {text}',
        ),
        Evidence(
            id="E4",
            kind=EvidenceKind.metric,
            service="ledger-db",
            source="bundle",
            score=0.3,
            summary="ledger-db connections fell from 40 to 4",
        ),
        Evidence(
            id="C1",
            kind=EvidenceKind.change,
            source="bundle",
            summary="It touches app/pool.py, and the symptom is waiting for the pool",
        ),
        Evidence(
            id="N1", kind=EvidenceKind.change, source="bundle", summary="The onset follows a deploy by two minutes"
        ),
    )
    diagnosis = Diagnosis(
        candidates=(
            Candidate(
                service="payments",
                probability=0.72,
                indicator="pool_wait_ms",
                evidence=("E1", "E2", "E3"),
                path=("payments", "orders", "checkout"),
            ),
            Candidate(
                service="ledger-db", probability=0.14, indicator="connections", evidence=("E4",), path=("ledger-db",)
            ),
            Candidate(service="orders", probability=0.05, path=("orders", "checkout")),
        ),
        changes=(
            ChangeCandidate(id="9f3c2a7d1b", probability=0.64, evidence=("C1",)),
            ChangeCandidate(id="deploy-881", probability=0.12),
        ),
        no_change_probability=0.24,
        severity=incident.severity,
        blast_radius=BlastRadius(
            services=("payments", "orders", "checkout", "web"), symptomatic=("payments", "orders", "checkout")
        ),
        anomaly_score=0.93,
        evidence=evidence,
        unseen=(
            "Traces could not be read: the source did not answer within 10 s.",
            f"ledger-db reports no latency. {text}".strip(),
        ),
        as_of=at + timedelta(minutes=1),
        onset=at - timedelta(minutes=3),
    )
    changes = (
        Change(
            id="9f3c2a7d1b",
            kind=ChangeKind.commit,
            timestamp=at - timedelta(minutes=9),
            service="payments",
            summary=f"Shrink the connection pool {text}",
            author="Robin",
            files=("app/pool.py",),
        ),
        Change(
            id="deploy-881",
            kind=ChangeKind.deploy,
            timestamp=at - timedelta(minutes=41),
            service="web",
            summary="web 4.1.0",
        ),
    )
    names = ("web", "checkout", "orders", "payments", "ledger-db", "search", "mail")
    calls = (
        ("web", "checkout"),
        ("web", "search"),
        ("checkout", "orders"),
        ("orders", "payments"),
        ("orders", "mail"),
        ("payments", "ledger-db"),
    )
    store.put(incident.id, diagnosis)
    store.put(incident.id, impact(text))
    store.put(incident.id, ChangeExcerpt(changes=changes))
    store.put(
        incident.id,
        Topology(
            nodes=tuple(TopologyNode(id=name) for name in names),
            edges=tuple(TopologyEdge(caller=caller, callee=callee) for caller, callee in calls),
        ),
    )
    store.put(incident.id, metric_excerpt(at))
    store.note(incident.id, "diagnosed", "payments is the likely cause (72 %)")
    return diagnosis


def impact(text: str = "") -> Impact:
    """How bad it is: everything counted, and more terms of the text than a page lists."""
    words = (f"word{n} {text}".strip() for n in range(40))
    return Impact(
        severity=Severity.high,
        probabilities={Severity.critical: 0.31, Severity.high: 0.52, Severity.medium: 0.168, Severity.low: 0.002},
        anomaly_score=0.93,
        services=("payments", "orders", "checkout", "web"),
        symptomatic=("payments", "orders", "checkout"),
        terms=(
            ImpactTerm(text=f"the error budget burns 64 times as fast as allowed {text}".strip(), log_odds=1.5),
            ImpactTerm(text="no user is known to be affected", log_odds=-0.4),
            *(
                ImpactTerm(text=f"{word!r} in the text", log_odds=0.3 - 0.01 * n, learned=True, of="critical or high")
                for n, word in enumerate(words)
            ),
        ),
        users=1840.0,
        failing=0.064,
        burn_rate=64.0,
        budget_gone_h=11.25,
    )


def metric_excerpt(at: datetime) -> MetricExcerpt:
    """Two series that step up three minutes before ``at``, one of them with a gap."""
    times = tuple(at + timedelta(seconds=10 * i) for i in range(-120, 12))
    waves = [8 * math.sin(i / 3) + 4 * math.sin(i * 1.7) for i in range(len(times))]
    onset = at - timedelta(minutes=3)
    wait = tuple(3 + abs(w) / 4 if t < onset else 900 + 3 * w for t, w in zip(times, waves, strict=True))
    p95: tuple[float | None, ...] = tuple(
        None if 40 < i < 48 else (210 + w if t < onset else 1800 + 5 * w)
        for i, (t, w) in enumerate(zip(times, waves, strict=True))
    )
    return MetricExcerpt(
        series=(
            Series(service="payments", metric="pool_wait_ms", unit="ms", timestamps=times, values=wait),
            Series(service="checkout", metric="latency_p95", unit="ms", timestamps=times, values=p95),
        ),
        alert_at=at,
        onset=onset,
    )


def propose(store: Store, incident: Incident, *, text: str = "") -> Proposal:
    """Store a proposal and its open pull request, and wait for a person."""
    proposal = Proposal(
        id=f"P-{incident.id}",
        incident_id=incident.id,
        synthesizer="offline",
        remedy=RevertCommit(commit="9f3c2a7d1b"),
        root_cause_analysis=RootCauseAnalysis(
            summary=f"Commit 9f3c2a7d1b shrank the pool that payments takes connections from [E1][C1] {text}".strip(),
            details="Requests wait for a connection; callers time out [E2][E3].",
            confidence_score=0.72,
            factors_contributing=("The pool has no alert of its own",),
        ),
        proposed_solution=ProposedSolution(
            type=SolutionType.rollback,
            summary="Revert commit 9f3c2a7d1b",
            rollback_instructions="Revert the merge commit of this pull request.",
            verification_steps=(
                "payments pool_wait_ms falls below 10 ms within 5 minutes",
                "checkout p95 is below 800 ms",
            ),
            estimated_impact="Restores the pool to 20 connections.",
            risk_assessment="Low: the commit touches one file, and nothing was built on it since.",
            confidence_score=0.64,
        ),
        additional_recommendations=("Alert on the pool's wait time",),
    )
    request = PullRequest(
        number=7,
        repository="shop",
        branch=f"qai/{incident.id.lower()}",
        base="main",
        head="a" * 40,
        title=f"Revert the pool size ({incident.id}) {text}".strip(),
        body="",
        state=PullRequestState.open,
        diff=DIFF + (f"+{text}\n" if text else ""),
        url="javascript:alert(1)" if text else None,
    )
    store.put(incident.id, proposal)
    store.put(
        incident.id,
        Decision(
            outcome=Outcome.ask, action="merge_pull_request", by="policy", explanation="critical: a person decides"
        ),
    )
    store.put(incident.id, request)
    store.move(incident.id, IncidentStatus.awaiting_approval, "Pull request 7 is open and waits for a person")
    return proposal


def whole_incident(
    store: Store, incident_id: str = "INC-260302-7K3QZ", *, text: str = "", **fields: object
) -> Incident:
    """An incident with everything there can be, waiting for approval."""
    title = f"checkout p95 latency is above 800 ms {text}".strip()
    incident = open_incident(store, incident_id, **{"title": title, **fields})  # type: ignore[arg-type]
    investigate(store, incident, text=text)
    propose(store, incident, text=text)
    return incident


RECENTLY = datetime(2026, 3, 2, 3, 14, tzinfo=UTC)
