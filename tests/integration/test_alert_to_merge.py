"""The main job over real HTTP: an alert is posted, a pull request waits, a person answers, the alert recovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from data import audit
from data.domain import Diagnosis, Feedback, IncidentStatus, Look, PullRequest, PullRequestState, Verdict
from data.errors import ConfigError
from data.excerpt import ChangeExcerpt, MetricExcerpt, Topology
from data.impact import Impact
from data.settings import Settings
from data.sources.bundle import read_alert
from serving.bootstrap import running

Git = Callable[..., str]


def test_an_approved_fix_is_merged_and_the_incident_ends_when_the_alert_recovers(nexus: Any, run_git: Git) -> None:
    repository = nexus.services.settings.repository
    before = run_git(repository, "rev-parse", "main")
    assert nexus.post().status_code == 202

    incident = nexus.until(IncidentStatus.awaiting_approval)
    store = nexus.services.store
    diagnosis, pull_request = store.latest(incident.id, Diagnosis), store.latest(incident.id, PullRequest)
    assert diagnosis.candidates[0].service == "inventory", "the alert is about checkout; the cause is not"
    assert run_git(repository, "rev-parse", "main") == before, "nothing reaches the base branch without a person"
    assert incident.id in run_git(repository, "log", "-1", "--format=%B", pull_request.branch)
    assert all(store.latest(incident.id, kind) for kind in (Impact, Topology, MetricExcerpt, ChangeExcerpt))
    assert any(event.kind == "impact" and event.detail["terms"] for event in store.events(incident.id))

    assert nexus.client.post(f"/api/v1/incidents/{incident.id}/approve").status_code == 200
    nexus.until(IncidentStatus.merged)
    assert run_git(repository, "show", "--no-patch", "--format=%P", "main").split()[0] == before
    assert run_git(repository, "diff", "--stat", before, "main")
    assert store.latest(incident.id, Feedback).verdict is Verdict.approved

    nexus.post(id="2", alert_transition="Recovered", alert_type="success")
    resolved = nexus.until(IncidentStatus.resolved)
    assert resolved.resolved_at is not None
    assert audit.verify(store.engine) >= 3
    assert {"approve", "merge", "open_pull_request"} <= {entry.action for entry in audit.entries(store.engine)}


def test_a_rejection_is_kept_with_its_reason_and_nothing_is_merged(nexus: Any, run_git: Git, until: Any) -> None:
    repository = nexus.services.settings.repository
    before = run_git(repository, "rev-parse", "main")
    nexus.post()
    incident = nexus.until(IncidentStatus.awaiting_approval)
    answer = {"reason": "wrong_cause", "true_service": "payment", "comment": "the gateway was down"}
    assert nexus.client.post(f"/api/v1/incidents/{incident.id}/reject", json=answer).status_code == 200

    store = nexus.services.store
    until(lambda: store.latest(incident.id, PullRequest).state is PullRequestState.closed)
    feedback = store.latest(incident.id, Feedback)
    assert (feedback.reason, feedback.true_service, feedback.comment) == tuple(answer.values())
    assert nexus.incident().status is IncidentStatus.escalated
    assert run_git(repository, "rev-parse", "main") == before
    late = nexus.client.post(f"/api/v1/incidents/{incident.id}/approve")
    assert late.status_code in (403, 409)
    assert run_git(repository, "rev-parse", "main") == before


def test_a_recovery_before_anybody_decided_withdraws_the_pull_request(nexus: Any, until: Any) -> None:
    nexus.post()
    incident = nexus.until(IncidentStatus.awaiting_approval)
    nexus.post(id="2", alert_transition="Recovered", alert_type="success")
    nexus.until(IncidentStatus.resolved)
    store = nexus.services.store
    until(lambda: store.latest(incident.id, PullRequest).state is PullRequestState.closed)
    assert "recovered before anybody decided" in nexus.timeline()[-1]


def test_the_same_alert_many_times_is_one_incident_with_one_pull_request(nexus: Any, run_git: Git) -> None:
    answers = [nexus.post() for _ in range(5)]
    assert [a.json()["alerts"][0]["duplicate"] for a in answers] == [False, True, True, True, True]
    nexus.until(IncidentStatus.awaiting_approval)
    branches = run_git(nexus.services.settings.repository, "branch", "--list", "qai/*").splitlines()
    assert len(branches) == 1
    assert nexus.kinds().count("opened") == 1


def test_an_alert_about_an_unknown_service_goes_to_a_person_with_the_reason(nexus: Any, run_git: Git) -> None:
    nexus.post(service="billing", tags="")
    nexus.until(IncidentStatus.escalated)
    timeline = " / ".join(nexus.timeline())
    assert "holds nothing about 'billing'" in timeline
    assert "no fix is proposed" in timeline
    assert run_git(nexus.services.settings.repository, "branch", "--list", "qai/*") == ""


def test_a_dirty_checkout_stops_the_merge_until_it_is_clean(nexus: Any, run_git: Git, until: Any) -> None:
    repository = nexus.services.settings.repository
    nexus.post()
    incident = nexus.until(IncidentStatus.awaiting_approval)
    changed = repository / run_git(repository, "diff", "--name-only", "main", nexus.services.store.latest(
        incident.id, PullRequest).head).splitlines()[0]  # fmt: skip
    changed.write_text(changed.read_text() + "# not committed yet\n")
    before = run_git(repository, "rev-parse", "main")
    nexus.client.post(f"/api/v1/incidents/{incident.id}/approve")
    until(lambda: "could not be merged" in nexus.timeline()[-1])
    assert run_git(repository, "rev-parse", "main") == before
    assert changed.read_text().endswith("# not committed yet\n")

    run_git(repository, "checkout", "--", ".")
    assert nexus.client.post(f"/api/v1/incidents/{incident.id}/approve").status_code == 200
    nexus.until(IncidentStatus.merged)
    assert run_git(repository, "rev-parse", "main") != before


def test_an_emergency_stop_halts_what_was_approved_and_it_goes_on_once_lifted(
    nexus: Any, run_git: Git, until: Any
) -> None:
    repository = nexus.services.settings.repository
    before = run_git(repository, "rev-parse", "main")
    nexus.post()
    incident = nexus.until(IncidentStatus.awaiting_approval)
    store = nexus.services.store
    assert nexus.client.post("/api/v1/stop", json={"because": "drill"}).status_code == 200
    assert nexus.client.post(f"/api/v1/incidents/{incident.id}/approve").status_code == 200
    until(lambda: any("stopped" in event.message for event in store.events(incident.id)))
    nexus.until(IncidentStatus.awaiting_approval)
    assert run_git(repository, "rev-parse", "main") == before

    assert nexus.client.post("/api/v1/resume", json={}).json() == {"stops": []}
    assert nexus.client.post(f"/api/v1/incidents/{incident.id}/approve").status_code == 200
    nexus.until(IncidentStatus.merged)
    assert {"stop", "resume"} <= {entry.action for entry in audit.entries(store.engine)}


def test_nobody_deciding_in_time_withdraws_the_pull_request(settings: Settings, start: Any, until: Any) -> None:
    with start(settings) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.awaiting_approval)
    impatient = settings.model_copy(update={"approval_days": 1e-9})
    with start(impatient) as nexus:
        store = nexus.services.store
        until(lambda: store.latest(incident.id, PullRequest).state is PullRequestState.closed)
        assert nexus.incident().status is IncidentStatus.escalated
        until(lambda: any("nobody decided in time" in line for line in nexus.timeline()))


@pytest.mark.parametrize("missing", ["repository", "bundle"])
def test_what_is_not_configured_is_said_and_a_person_takes_over(settings: Settings, start: Any, missing: str) -> None:
    with start(settings.model_copy(update={missing: None})) as nexus:
        nexus.post()
        nexus.until(IncidentStatus.escalated)
        assert f"set QAI_{missing.upper()}" in " / ".join(nexus.timeline())


def test_what_was_handed_over_without_a_fix_is_looked_at_again_when_more_alerts(
    settings: Settings, start: Any, until: Any
) -> None:
    with start(settings.model_copy(update={"repository": None})) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.escalated)
        store, files = nexus.services.store, nexus.services.settings.state_dir / "incidents"
        nexus.post(id="2", alert_id="8", alert_cycle_key="c2", service="storefront", tags="env:prod")
        until(lambda: len(store.all(incident.id, Diagnosis)) == 2)
        nexus.until(IncidentStatus.escalated)
        assert [look.alert.service for look in store.all(incident.id, Look)] == ["storefront"]
        assert {read_alert(folder).service for folder in files.iterdir()} == {"checkout", "storefront"}
        assert "looking again, from the alert about storefront" in nexus.timeline()


def test_the_same_on_postgresql(settings: Settings, start: Any, postgres_url: str) -> None:
    with start(settings.model_copy(update={"database_url": postgres_url})) as nexus:
        nexus.post()
        incident = nexus.until(IncidentStatus.awaiting_approval)
        assert nexus.client.post(f"/api/v1/incidents/{incident.id}/approve").status_code == 200
        nexus.until(IncidentStatus.merged)
        assert audit.verify(nexus.services.store.engine) >= 3


def test_two_processes_on_one_state_folder_are_refused(settings: Settings, nexus: Any) -> None:
    with pytest.raises(ConfigError, match="another qai-sre runs"), running(settings):
        pass
