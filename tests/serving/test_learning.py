"""Models, labels and slices over HTTP and in Nexus: shown, and changed by those who may, on record."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from click.testing import CliRunner
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as examples
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from data import audit
from data.domain import Diagnosis, IncidentStatus, ModelUsed
from data.labels import Label
from data.settings import Settings
from data.store import Store
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines.registered import registry_of
from pipelines.report_slices import NO_FIX
from pipelines.reviewed import DriftFound, Reviewed
from serving.app import create_app
from serving.cli import cli
from serving.services import Services

INCIDENT = "INC-260302-7K3QZ"
FIGURE = {"part": "new", "slice": "system labelled prod", "what": "AC@1", "incidents": 40, "champion": 0.4,
          "challenger": 0.6, "gain": 0.2, "low": 0.1, "high": 0.3}  # fmt: skip


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def app(settings: Settings, store: Store, responder: Any) -> FastAPI:
    """The whole application, as it is served."""
    return create_app(Services(settings, store, responder))


@pytest.fixture
def promoted(settings: Settings, store: Store) -> Any:
    """A registry whose version 1 took over from the one that ships."""
    registry = registry_of(settings, store.engine)
    path = settings.state_dir / "r.json"
    dump(path, "prior", Prior(3.0), champion().confidence, {})
    about = {"made_by": "test", "promote": True, "reasons": ["better: <b>much</b>"], "incidents": ["INC-1"],
             "figures": [FIGURE, {**FIGURE, "slice": "with spans"}]}  # fmt: skip
    registry.register(path, by="retraining", about=about)
    registry.promote(1, "retraining", "better: <b>much</b>", figures=[FIGURE])
    return registry


@pytest.fixture
def over(nexus_case: ModuleType, store: Store) -> str:
    """An incident that nobody has to decide any more."""
    nexus_case.whole_incident(store, INCIDENT)
    store.move(INCIDENT, IncidentStatus.escalated, "a person has to take over")
    return INCIDENT


def test_the_page_shows_versions_figures_and_decisions(signed_in: TestClient, promoted: Any) -> None:
    page = signed_in.get("/models").text
    assert "Version <b>1</b> ranks causes" in page
    assert "system labelled prod" in page
    assert "<td>0.60</td>" in page
    assert "1 more slices in" in page
    assert "Promote model" in page
    assert "&lt;b&gt;much&lt;/b&gt;" in page
    assert "<b>much</b>" not in page
    assert "Nobody has looked yet" in page


def test_the_page_shows_what_the_last_look_found(signed_in: TestClient, promoted: Any) -> None:
    found = Reviewed(
        at="2026-03-02T03:00:00Z", decision="nothing", because="no reason", calibration="10 % surer than right",
        drift=(DriftFound(modality="spans", trait="calls", before=1.0, after=9.0, p=0.001, psi=1.2),),
        worse=("team <i>payments</i> is",),
    )  # fmt: skip
    (promoted.folder / "review.json").write_text(found.model_dump_json())
    page = signed_in.get("/models").text
    assert "spans: calls was 1, is 9" in page
    assert "team &lt;i&gt;payments&lt;/i&gt; is" in page


def test_a_button_rolls_back_and_is_on_record(signed_in: TestClient, promoted: Any, store: Store) -> None:
    token = csrf_in(signed_in.get("/models").text)
    answer = signed_in.post("/nexus/models/rollback", data={"csrf": token, "because": "worse at night"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")
    assert promoted.champion().version == 0
    last = audit.entries(store.engine)[-1]
    assert (last.actor, last.action, last.detail["because"]) == ("local-admin", "rollback_model", "worse at night")
    assert "none to go back to" in signed_in.get("/models").text
    again = signed_in.post("/nexus/models/rollback", data={"csrf": token, "because": "again"})
    assert (again.status_code, "is the first champion" in again.text) == (409, True)


@pytest.mark.parametrize("fields", [{}, {"csrf": "0" * 64}])
def test_a_form_from_elsewhere_rolls_nothing_back(signed_in: TestClient, promoted: Any, fields: dict[str, str]) -> None:
    assert signed_in.post("/nexus/models/rollback", data=fields).status_code == 403
    assert promoted.champion().version == 1


def test_strangers_see_and_change_nothing(anonymous: TestClient, promoted: Any, over: str) -> None:
    for path in ("/models", "/models/slices"):
        assert anonymous.get(path).headers["location"].startswith("/login")
    for path in ("/api/v1/models", "/api/v1/reports/slices"):
        assert anonymous.get(path).status_code == 401
    assert anonymous.post("/api/v1/models/rollback", json={}).status_code == 401
    assert anonymous.post(f"/api/v1/incidents/{over}/label", json={"services": ["payments"]}).status_code == 401
    assert promoted.champion().version == 1


class TestNamedAdministrators:
    """Where the policy names who holds the role admin, nobody else may switch models."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        policy = tmp_path / "policy.yaml"
        policy.write_text("version: 1\nroles: {admin: [ada, bob]}\nrules: []\n")
        fields = {"state_dir": tmp_path / "state", "api_token": "a-token-for-scripts", "policy": policy}
        return Settings(_env_file=None, **fields)  # type: ignore[call-arg, arg-type]

    def test_others_are_refused(self, signed_in: TestClient, script: TestClient, promoted: Any) -> None:
        page = signed_in.get("/models").text
        assert "You may not switch models" in page
        assert 'action="/nexus/models/rollback"' not in page
        refused = signed_in.post("/nexus/models/rollback", data={"csrf": csrf_in(page), "because": "x"})
        assert (refused.status_code, "role admin says who may" in refused.text) == (403, True)
        assert script.post("/api/v1/models/rollback", json={}).status_code == 403
        assert promoted.champion().version == 1


def test_scripts_see_the_same_and_roll_back(script: TestClient, promoted: Any) -> None:
    found = script.get("/api/v1/models").json()
    assert (found["champion"], found["before"], found["challenger"]) == (1, 0, None)
    assert [v["alias"] for v in found["versions"]] == ["champion", None]
    assert found["decisions"][0]["action"] == "promote_model"
    assert found["decisions"][0]["figures"] == [FIGURE]
    back = script.post("/api/v1/models/rollback", json={"because": "drill"})
    assert back.json()["champion"] == 0
    assert script.post("/api/v1/models/rollback", json={}).status_code == 409


def test_a_label_is_said_on_the_page_of_an_incident_that_is_over(
    signed_in: TestClient, over: str, store: Store
) -> None:
    page = signed_in.get(f"/incidents/{over}").text
    assert "Nobody has said yet" in page
    form = {
        "csrf": csrf_in(page),
        "service": "ledger-db",
        "change": "none",
        "fault": "lock",
        "comment": "a <b>lock</b>",
    }
    answer = signed_in.post(f"/incidents/{over}/label", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{over}#label")
    said = store.latest(over, Label)
    assert said is not None
    assert (said.by, said.services, said.changes, said.fault) == ("local-admin", ("ledger-db",), (), "lock")
    page = signed_in.get(f"/incidents/{over}").text
    assert "and no change did it (lock)" in page
    assert "a &lt;b&gt;lock&lt;/b&gt;" in page
    assert audit.entries(store.engine)[-1].action == "label"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"service": "ledgerdb"}, "was not seen"),
        ({}, "name the services that caused it"),
        ({"service": "ledger-db", "nothing_wrong": "yes"}, "name the services that caused it"),
        ({"service": "ledger-db", "change": "c9"}, "is no change of this incident"),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    signed_in: TestClient, over: str, store: Store, fields: dict[str, str], problem: str
) -> None:
    form = {"csrf": csrf_in(signed_in.get(f"/incidents/{over}").text), **fields}
    answer = signed_in.post(f"/incidents/{over}/label", data=form)
    assert (answer.status_code, problem in answer.text) == (409, True)
    assert store.latest(over, Label) is None


def test_no_label_is_asked_for_while_a_decision_waits(
    signed_in: TestClient, nexus_case: ModuleType, store: Store
) -> None:
    nexus_case.whole_incident(store, INCIDENT)
    page = signed_in.get(f"/incidents/{INCIDENT}").text
    assert 'action="/incidents/INC-260302-7K3QZ/label"' not in page
    assert signed_in.post(f"/incidents/{INCIDENT}/label", data={"service": "x"}).status_code == 403, "without a token"


def test_scripts_label(script: TestClient, over: str, store: Store) -> None:
    body = {"services": ["dns"], "unseen": True, "fault": "Expired certificate"}
    assert script.post(f"/api/v1/incidents/{over}/label", json=body).json()["by"] == "api"
    said = store.latest(over, Label)
    assert said is not None
    assert (said.services, said.changes, said.fault) == (("dns",), None, "Expired certificate")
    assert script.post("/api/v1/incidents/INC-0/label", json=body).status_code == 404
    assert script.post(f"/api/v1/incidents/{over}/label", json={"services": ["dns"]}).status_code == 409


@pytest.fixture
def unequal(nexus_case: ModuleType, store: Store) -> None:
    """Twenty-four incidents; one service is always answered wrongly."""
    for number in range(24):
        name = f"INC-260302-{number:05d}"
        alone = nexus_case.open_incident(store, name, service="edge" if number % 2 else "core")
        nexus_case.investigate(store, alone)
        diagnosis = store.latest(name, Diagnosis)
        assert diagnosis is not None
        store.put(name, diagnosis.model_copy(update={"model": ModelUsed(version=0, digest="d" * 64)}))
        store.put(name, Label(incident_id=name, by="ann", services=("mail" if number % 2 else "payments",)))


def test_who_is_served_worse_is_on_a_page_in_the_api_and_on_the_command_line(
    signed_in: TestClient, script: TestClient, unequal: None, settings: Settings, store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    days = "3650"
    found = script.get(f"/api/v1/reports/slices?days={days}").json()
    assert [alert.split(":")[0] for alert in found["alerts"]] == ["service edge"]
    assert found["overall"]["actions"] == {NO_FIX: 24}
    assert script.get("/api/v1/reports/slices?days=0").status_code == 422
    assert "Who is served worse" in signed_in.get("/models/slices").text
    monkeypatch.setenv("QAI_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("QAI_DATABASE_URL", str(store.engine.url))
    said = CliRunner().invoke(cli, ["report", "slices", "--json", "--check", "--days", days])
    assert said.exit_code == 1
    assert json.loads(said.stdout)["alerts"] == found["alerts"]
    assert "service edge" in CliRunner().invoke(cli, ["report", "slices", "--days", days]).stdout


def test_a_damaged_registry_is_said(signed_in: TestClient, script: TestClient, promoted: Any) -> None:
    (promoted.folder / "registry.json").write_text("{")
    assert "is damaged" in signed_in.get("/models").text
    assert script.get("/api/v1/models").status_code == 503
    assert CHAMPION.exists()


OURS = ("/api/v1/models", "/api/v1/models/rollback", "/api/v1/reports/slices", "/api/v1/incidents/{incident_id}/label")


def test_every_answer_is_as_described(app: FastAPI, script: TestClient, promoted: Any, over: str) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    budget = examples(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    seen: dict[str, set[int]] = {}

    def check(case: schemathesis.Case, is_known: bool) -> None:
        if is_known and "incident_id" in case.path_parameters:
            case.path_parameters["incident_id"] = over  # chance alone never finds an incident that exists
        answer = case.call_and_validate(headers={"Authorization": script.headers["authorization"]})
        seen.setdefault(case.path, set()).add(answer.status_code)

    for result in schema.get_all_operations():
        for mode in GenerationMode if result.ok().path in OURS else ():
            cases = result.ok().as_strategy(generation_mode=mode)
            with suppress(Unsatisfiable):  # an operation without parameters cannot be called wrongly
                budget(given(case=cases, is_known=strategies.booleans())(check))()
    assert set(seen) == set(OURS)
    assert seen["/api/v1/incidents/{incident_id}/label"] & {200, 409}
