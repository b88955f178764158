"""Nexus and the API say who has approved, what was done without asking, and let one service be stopped."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient

from data.brake import Brake
from data.domain import Decision, Incident, IncidentStatus, Outcome
from data.errors import StoppedError
from data.proposal import Proposal
from data.settings import Settings
from data.store import Store
from pipelines.rulings import Ruling
from remediation.approval import Approval
from remediation.policy import ActionKind, ActionRequest
from serving.nexus.view import incident_view

WHY = "Rule 'people-merge' says ask: merge for checkout, and act_and_tell was earned by 5 of 5 verified recoveries."


@pytest.fixture
def incident(nexus_case: ModuleType, store: Store) -> Incident:
    made: Incident = nexus_case.whole_incident(store)
    return made


def ruled(store: Store, incident: Incident, outcome: Outcome, approvals: int = 1) -> Decision:
    """The policy's answer to merging, kept as the flow keeps it."""
    request = ActionRequest(action=ActionKind.merge, service="checkout", confidence=0.9, severity=incident.severity)
    decision = Decision(outcome=outcome, action="merge", by="people-merge", explanation=WHY)
    store.put(incident.id, Ruling(request=request, decision=decision, approvals=approvals))
    store.put(incident.id, decision)
    return decision


def form(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts to ``action``."""
    body = page.split(f'action="{action}"')[1].split("</form>")[0]
    pairs = [part.split('value="') for part in body.split('name="')[1:] if 'value="' in part]
    return {name.split('"')[0]: value.split('"')[0] for name, value in pairs}


def test_the_first_of_two_approvals_is_shown_everywhere(
    signed_in: TestClient, script: TestClient, store: Store, incident: Incident
) -> None:
    ruled(store, incident, Outcome.ask, approvals=2)
    page, api = f"/incidents/{incident.id}", f"/api/v1/incidents/{incident.id}"
    assert "<b>0 of 2</b> people have approved." in signed_in.get(page).text
    proposal = store.latest(incident.id, Proposal)
    assert proposal is not None
    for by in ("grace", "Grace"):
        store.put(incident.id, Approval(proposal_id=proposal.id, by=by))
    store.put(incident.id, Approval(proposal_id="another", by="ann"))
    assert "<b>1 of 2</b> people have approved: grace." in signed_in.get(page).text
    assert script.get(api).json()["approvals"] == {"people": ["grace"], "needed": 2}
    store.move(incident.id, IncidentStatus.merged, "done")
    assert script.get(api).json()["approvals"] is None
    assert "people have approved" not in signed_in.get(page).text


def test_what_one_person_approves_says_nothing_of_numbers(
    signed_in: TestClient, store: Store, incident: Incident
) -> None:
    ruled(store, incident, Outcome.ask)
    assert "people have approved" not in signed_in.get(f"/incidents/{incident.id}").text


def test_what_was_done_without_asking_is_marked_with_what_earned_it(
    signed_in: TestClient, store: Store, incident: Incident
) -> None:
    ruled(store, incident, Outcome.act)
    assert incident_view(store, store.incident(incident.id)).unasked is None, "nothing is done yet"
    store.move(incident.id, IncidentStatus.merged, "merged")
    text = signed_in.get(f"/incidents/{incident.id}").text
    assert text.count("Done without asking") == 2
    assert "act_and_tell was earned by 5 of 5" in text


def test_one_service_is_stopped_from_its_incident_and_lifted_again(
    signed_in: TestClient, store: Store, settings: Settings, incident: Incident
) -> None:
    page = f"/incidents/{incident.id}"
    fields = form(_pause(signed_in, page), "/nexus/stop")
    service = fields["service"]
    answer = signed_in.post("/nexus/stop", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    brake = Brake.of(store.engine, settings.state_dir)
    with pytest.raises(StoppedError):
        brake.check(service)
    brake.check("something else")
    text = signed_in.get(page).text
    assert f"<strong>{service} is stopped</strong>" in text
    assert 'class="pause"' not in text
    assert "Stop everything</button>" in text, "the rest can still be stopped"
    brake.stop("ann")
    assert "Stop everything</button>" not in signed_in.get(page).text
    brake.resume("ann")
    assert signed_in.post("/nexus/resume", data={"csrf": fields["csrf"], "service": service}).status_code == 303
    brake.check(service)


def test_nobody_is_sent_elsewhere_after_stopping(signed_in: TestClient, incident: Incident) -> None:
    fields = form(_pause(signed_in, f"/incidents/{incident.id}"), "/nexus/stop")
    answer = signed_in.post("/nexus/stop", data={**fields, "next": "https://evil.test/"})
    assert answer.headers["location"] == "/"


def test_a_form_of_another_session_stops_nothing(
    signed_in: TestClient, store: Store, settings: Settings, incident: Incident
) -> None:
    fields: dict[str, Any] = {**form(_pause(signed_in, f"/incidents/{incident.id}"), "/nexus/stop"), "csrf": "forged"}
    assert signed_in.post("/nexus/stop", data=fields).status_code == 403
    assert Brake.of(store.engine, settings.state_dir).standing() == ()


def _pause(client: TestClient, page: str) -> str:
    """The part of a page that stops the service it is about."""
    text = client.get(page).text
    start = text.index('class="pause"')
    return text[text.rindex("<form", 0, start) : text.index("</form>", start) + 7]
