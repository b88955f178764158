"""A policy of one's own over real HTTP: two people, freezes, what was earned, and one service stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from data import schema as t
from data.action import Applied
from data.domain import BlastRadius, Candidate, Diagnosis, Feedback, Incident, IncidentStatus, Severity, now
from data.proposal import Proposal, ProposedSolution, RevertCommit, RootCauseAnalysis, SolutionType
from data.settings import Settings
from data.store import Store
from serving.auth import issue_login_link

Git = Callable[..., str]
RULES = """
version: 1
rules:
  - {name: open, actions: [open_pull_request], outcome: act}
  - {name: merge, actions: [merge], outcome: ask, approvers: {people: ["*"]}, approvals: APPROVALS}
"""


@pytest.fixture
def ruled(settings: Settings, tmp_path: Path) -> Callable[..., Settings]:
    """The settings with a policy of our own: the rules above and what is added to them."""

    def made(more: str = "", approvals: int = 1) -> Settings:
        path = tmp_path / "policy.yaml"
        path.write_text(RULES.replace("APPROVALS", str(approvals)) + more, encoding="utf-8")
        return settings.model_copy(update={"policy": path})

    return made


@contextmanager
def signed_in(nexus: Any, name: str) -> Iterator[httpx.Client]:
    """A browser in which ``name`` has opened a login link."""
    base = str(nexus.client.base_url)
    token = parse_qs(urlsplit(issue_login_link(nexus.services.settings, base, name)).query)["token"][0]
    headers = {"Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=30) as client:
        assert client.post("/login", data={"token": token}).status_code == 303
        yield client


def test_two_different_people_have_to_approve(ruled: Callable[..., Settings], start: Any, run_git: Git) -> None:
    settings = ruled(approvals=2)
    before = run_git(settings.repository, "rev-parse", "main")
    with start(settings) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.awaiting_approval)
        approve, page = f"/api/v1/incidents/{incident.id}/approve", f"/incidents/{incident.id}"
        assert nexus.client.post(approve).status_code == 403, "the API token is nobody in particular"
        with signed_in(nexus, "ann") as ann, signed_in(nexus, "bob") as bob:
            for _ in range(2):
                first = ann.post(approve).json()
                assert (first["outcome"], "1 of 2: ann" in first["explanation"]) == ("ask", True)
            assert "<b>1 of 2</b> people have approved: ann." in bob.get(page).text
            nexus.services.responder.sweep()
            assert nexus.incident().status is IncidentStatus.awaiting_approval
            assert run_git(settings.repository, "rev-parse", "main") == before
            assert bob.post(approve).json()["by"] == "ann and bob"
            nexus.until(IncidentStatus.merged)
        assert "Approved-by: ann and bob" in run_git(settings.repository, "log", "-1", "--format=%B", "main")
        assert nexus.services.store.latest(incident.id, Feedback).by == "ann and bob"


def test_in_a_freeze_nothing_is_merged_whoever_approves(
    ruled: Callable[..., Settings], start: Any, run_git: Git
) -> None:
    settings = ruled("freezes: [{name: launch, from: 2020-01-01, to: 2099-01-01, reason: we launch}]")
    before = run_git(settings.repository, "rev-parse", "main")
    with start(settings) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.awaiting_approval)
        answer = nexus.client.post(f"/api/v1/incidents/{incident.id}/approve")
        assert answer.status_code == 403
        assert "freeze 'launch' lasts until 2099-01-01 00:00 UTC (we launch)" in answer.json()["detail"]
        assert nexus.incident().status is IncidentStatus.awaiting_approval
        assert run_git(settings.repository, "rev-parse", "main") == before
        reject = nexus.client.post(f"/api/v1/incidents/{incident.id}/reject", json={"reason": "already_fixed"})
        assert reject.status_code == 200


def test_what_was_earned_is_merged_without_asking_and_told(
    ruled: Callable[..., Settings], start: Any, run_git: Git, until: Any
) -> None:
    settings = ruled("tiers: {ceiling: act_and_tell, recoveries: 1, min_confidence: 0}")
    before = run_git(settings.repository, "rev-parse", "main")
    with start(settings) as nexus:
        went_well(nexus.services.store, "inventory")
        nexus.post()
        store = nexus.services.store

        def newest() -> Incident:
            return store.incidents()[0]

        until(
            lambda: newest().status not in {IncidentStatus.open, IncidentStatus.investigating, IncidentStatus.resolved}
        )
        until(lambda: newest().status is not IncidentStatus.awaiting_approval)
        until(lambda: newest().status is not IncidentStatus.approved)
        incident = newest()
        told = [event.message for event in store.events(incident.id) if event.kind == "told"]
        assert incident.status is IncidentStatus.merged
        assert len(told) == 1
        assert "1 of 1 verified recoveries in a row" in told[0]
        assert "INC-OLD" in told[0]
        assert store.latest(incident.id, Feedback) is None
        assert run_git(settings.repository, "rev-parse", "main") != before
        with signed_in(nexus, "ann") as ann:
            assert "Done without asking" in ann.get(f"/incidents/{incident.id}").text


def test_a_file_stops_one_service_over_a_restart_until_it_is_lifted(
    settings: Settings, start: Any, run_git: Git, until: Any
) -> None:
    before = run_git(settings.repository, "rev-parse", "main")
    with start(settings) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.awaiting_approval)
        (settings.state_dir / "STOP-somebody-else").touch()
        (settings.state_dir / "STOP-inventory").write_text("it misbehaves")
    with start(settings) as nexus:
        approve, store = f"/api/v1/incidents/{incident.id}/approve", nexus.services.store
        assert [stop["service"] for stop in nexus.client.get("/api/v1/stop").json()["stops"]] == [
            "inventory", "somebody-else",
        ]  # fmt: skip
        assert nexus.client.post(approve).status_code == 200
        until(lambda: any("it misbehaves" in event.message for event in store.events(incident.id)))
        nexus.until(IncidentStatus.awaiting_approval)
        assert run_git(settings.repository, "rev-parse", "main") == before
        nexus.client.post("/api/v1/resume", json={"service": "inventory"})
        assert nexus.client.post(approve).status_code == 200
        nexus.until(IncidentStatus.merged)


def went_well(store: Store, service: str) -> None:
    """A merged fix of ``service`` three days ago, after which its alert recovered and stayed away."""
    at = now() - timedelta(days=3)
    incident = Incident(
        id="INC-OLD", title="slow", service="elsewhere", status=IncidentStatus.merged, severity=Severity.high,
        opened_at=at, alerts=(), environment="prod",
    )  # fmt: skip
    with store.exclusive() as transaction:
        transaction.open(incident)
    diagnosis = Diagnosis(
        candidates=(Candidate(service=service, probability=0.9),), changes=(), no_change_probability=0.5,
        severity=Severity.high, blast_radius=BlastRadius(), anomaly_score=0.5, evidence=(), unseen=(), as_of=at,
    )  # fmt: skip
    solution = ProposedSolution(
        type=SolutionType.rollback, summary="Revert it.", rollback_instructions="none", verification_steps=(),
        estimated_impact="", risk_assessment="", confidence_score=0.9,
    )  # fmt: skip
    proposal = Proposal(
        id="P-OLD", incident_id="INC-OLD", synthesizer="offline", remedy=RevertCommit(commit="a" * 40),
        root_cause_analysis=RootCauseAnalysis(summary="slow", details="", confidence_score=0.9),
        proposed_solution=solution,
    )  # fmt: skip
    applied = Applied(action="merge", service=service, by="ann", summary="merged it", at=at)
    for noun in (diagnosis, proposal, applied):
        store.put("INC-OLD", noun)
    store.move("INC-OLD", IncidentStatus.resolved, "recovered")
    with store.engine.begin() as connection:
        connection.execute(t.incidents.update().where(t.incidents.c.id == "INC-OLD").values(resolved_at=at))
