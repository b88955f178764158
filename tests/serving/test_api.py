"""The JSON API says what it answers, and answers nothing else."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, strategies
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from data.domain import PullRequest
from data.store import Store

URL = "/api/v1/incidents"
INCIDENT = "INC-260302-7K3QZ"


@pytest.fixture
def incident(nexus_case: ModuleType, store: Store) -> Any:
    return nexus_case.whole_incident(store, INCIDENT)


def test_health_needs_no_login_and_gives_nothing_away(anonymous: TestClient, app: FastAPI) -> None:
    assert anonymous.get("/healthz").json() == {"status": "ok"}
    with app.state.services.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE alerts RENAME TO lost")
    answer = anonymous.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})


def test_an_incident_comes_with_everything_kept_about_it(script: TestClient, incident: Any) -> None:
    answer = script.get(f"{URL}/{INCIDENT}")
    body = answer.json()
    assert body["incident"]["id"] == INCIDENT
    assert body["diagnosis"]["candidates"][0]["service"] == "payments"
    assert body["impact"]["probabilities"]["high"] == 0.52
    assert len(body["impact"]["terms"]) == 42
    assert body["proposal"]["remedy"] == {"kind": "revert_commit", "commit": "9f3c2a7d1b"}
    assert body["pull_request"]["state"] == "open"
    assert [decision["outcome"] for decision in body["decisions"]] == ["ask"]
    assert body["feedback"] == []
    assert [event["kind"] for event in body["events"]] == ["opened", "collected", "diagnosed", "awaiting_approval"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_yet_is_null(script: TestClient, nexus_case: ModuleType, store: Store) -> None:
    nexus_case.open_incident(store, INCIDENT)
    body = script.get(f"{URL}/{INCIDENT}").json()
    assert [body[made] for made in ("diagnosis", "impact", "proposal", "pull_request")] == [None] * 4


def test_numbers_that_json_lacks_do_not_break_the_answer(
    script: TestClient, nexus_case: ModuleType, store: Store
) -> None:
    nexus_case.open_incident(store, INCIDENT, value=float("nan"), extra={"ratio": float("inf")})
    answer = script.get(f"{URL}/{INCIDENT}")
    assert answer.status_code == 200
    assert answer.json()["incident"]["alerts"][0]["value"] is None


def test_the_list_is_filtered_and_paged(script: TestClient, nexus_case: ModuleType, store: Store) -> None:
    nexus_case.whole_incident(store, "INC-1")
    nexus_case.open_incident(store, "INC-2")

    def ids(**params: Any) -> list[str]:
        return [found["id"] for found in script.get(URL, params=params).json()["incidents"]]

    assert sorted(ids()) == ["INC-1", "INC-2"]
    assert ids(status="awaiting_approval") == ["INC-1"]
    assert sorted(ids(status=["awaiting_approval", "investigating"])) == ["INC-1", "INC-2"]
    assert ids(status="resolved") == []
    assert len(ids(limit=1)) == 1
    assert ids(limit=1) != ids(limit=1, offset=1)


def test_events_go_on_from_where_one_stopped(script: TestClient, incident: Any) -> None:
    events = script.get(f"{URL}/{INCIDENT}/events").json()["events"]
    rest = script.get(f"{URL}/{INCIDENT}/events", params={"after": events[1]["seq"]}).json()["events"]
    assert rest == events[2:]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{URL}?limit=0", 422),
        (f"{URL}?limit=501", 422),
        (f"{URL}?offset=-1", 422),
        (f"{URL}?offset=99999999999999999999999", 422),
        (f"{URL}?status=%00", 422),
        (f"{URL}/%00", 404),
        (f"{URL}/%ED%A0%80", 404),
        (f"{URL}/{'9' * 500}", 404),
        (f"{URL}/INC-nope", 404),
        (f"{URL}/INC-nope/events", 404),
        (f"{URL}/{INCIDENT}/events?after={2**70}", 422),
    ],
)
def test_bad_input_is_the_callers_error_in_a_sentence(
    script: TestClient, incident: Any, path: str, status: int
) -> None:
    answer = script.get(path)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_approve_names_the_actor_and_a_second_one_conflicts(
    script: TestClient, incident: Any, responder: Any, store: Store
) -> None:
    answer = script.post(f"{URL}/{INCIDENT}/approve")
    assert answer.status_code == 200
    assert answer.json()["by"] == "api"
    again = script.post(f"{URL}/{INCIDENT}/approve")
    assert (again.status_code, again.json()) == (409, {"detail": "somebody has decided already"})
    assert responder.calls == [("approve", INCIDENT, "api")]


def test_a_refusal_by_policy_is_forbidden(script: TestClient, incident: Any, responder: Any, store: Store) -> None:
    responder.refuse = True
    answer = script.post(f"{URL}/{INCIDENT}/approve")
    assert answer.status_code == 403
    request = store.latest(INCIDENT, PullRequest)
    assert request is not None
    assert request.state == "open"


def test_nothing_to_decide_is_a_conflict_and_no_incident_is_not_found(
    script: TestClient, nexus_case: ModuleType, store: Store
) -> None:
    nexus_case.open_incident(store, "INC-2")
    assert script.post(f"{URL}/INC-2/approve").status_code == 409
    assert script.post(f"{URL}/INC-3/approve").status_code == 404
    assert script.post(f"{URL}/INC-3/reject", json={"reason": "other"}).status_code == 404


def test_reject_keeps_what_was_said(script: TestClient, incident: Any, responder: Any) -> None:
    said = {"reason": "wrong_cause", "true_service": "ledger-db", "true_change": "abc", "comment": "see the graph"}
    answer = script.post(f"{URL}/{INCIDENT}/reject", json=said)
    assert answer.status_code == 200
    assert said.items() <= answer.json().items()
    assert responder.calls == [("reject", INCIDENT, "api", *said.values())]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"reason": "because"}', 422),
        (b'{"reason": "other", "comment": "a\\u0000b"}', 422),
        (b'{"reason": "other", "comment": "\\ud800"}', 422),
        (b'{"reason": "other", "\\ud800": 1}', 422),
        (b'{"reason": "other", "true_service": ""}', 422),
        (b'{"reason": "other", "extra": 1}', 422),
        (b"[" * 30_000, 400),
        (b"\xff\xfa", 400),
        (b"not json", 422),
        (b"", 422),
    ],
)
def test_a_rejection_that_cannot_be_understood(
    script: TestClient, incident: Any, responder: Any, body: bytes, status: int
) -> None:
    answer = script.post(f"{URL}/{INCIDENT}/reject", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert responder.calls == []


def test_a_body_beyond_the_limit_is_not_read(script: TestClient, incident: Any, responder: Any) -> None:
    body = {"reason": "other", "comment": "x" * 70_000}
    assert script.post(f"{URL}/{INCIDENT}/reject", json=body).status_code == 413
    assert responder.calls == []


def test_the_session_is_named_as_the_one_who_decided(signed_in: TestClient, incident: Any) -> None:
    answer = signed_in.post(f"{URL}/{INCIDENT}/approve")
    assert answer.json()["by"] == "local-admin"


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_documented_path_but_health_needs_a_login(app: FastAPI, anonymous: TestClient, method: str) -> None:
    paths = [path for path, item in app.openapi()["paths"].items() if method in item and path != "/healthz"]
    assert paths
    for path in paths:
        answer = anonymous.request(method, path.replace("{incident_id}", INCIDENT), json={"reason": "other"})
        assert answer.status_code == 401, path


def test_schemathesis_finds_no_server_error_and_nothing_undocumented(
    app: FastAPI, script: TestClient, nexus_case: ModuleType, store: Store, incident: Any
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    budget = hypothesis.settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    statuses: dict[str, set[int]] = {}

    def check(case: schemathesis.Case, is_known: bool) -> None:
        if is_known and "incident_id" in case.path_parameters:
            case.path_parameters["incident_id"] = INCIDENT  # chance alone never finds an incident that exists
        answer = case.call_and_validate(headers={"Authorization": script.headers["authorization"]})
        statuses.setdefault(case.path, set()).add(answer.status_code)

    for result in schema.get_all_operations():
        for mode in GenerationMode:
            cases = result.ok().as_strategy(generation_mode=mode)
            try:
                budget(hypothesis.given(case=cases, is_known=strategies.booleans())(check))()
            except Unsatisfiable:  # an operation without parameters cannot be called wrongly
                assert mode is GenerationMode.NEGATIVE

    assert set(statuses) == set(app.openapi()["paths"])
    assert all(seen & {200, 409} for seen in statuses.values()), statuses  # 409: somebody decided a moment ago
