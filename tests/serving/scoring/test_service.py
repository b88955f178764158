"""One service in a process of its own, as operators run it, asked over HTTP."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from data.database import connect, migrate
from data.incidents import shipped_incident
from data.registry import Registry
from data.settings import load_settings
from data.sources.bundle import read_alert, read_telemetry
from models.confidence import Confidence
from models.rankers.state import CHAMPION, champion, dump
from pipelines.champion import Loaded, champion_below
from pipelines.impact import impact_of
from pipelines.investigate import investigate
from pipelines.scoring.series import SeriesRequest, score_series
from pipelines.scoring.telemetry import write_message
from serving.commands.score import SERVICE
from serving.investigators import RemoteInvestigator, investigator
from serving.scoring.process import scoring_process

pytest.importorskip("bentoml")
TOKEN = "a token that is long enough"
ALERT, TELEMETRY = read_alert(shipped_incident()), read_telemetry(shipped_incident())
QUESTION = {"alert": ALERT.model_dump(mode="json"), "telemetry": write_message(TELEMETRY)}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def service(state: Path) -> Iterator[httpx.Client]:
    settings = {"QAI_SCORING_TOKEN": TOKEN, "QAI_STATE_DIR": str(state), "BENTOML_HOME": str(state / "bentoml")}
    with (
        scoring_process(SERVICE, settings) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60.0) as client,
    ):
        yield client


def rounded(document: Any) -> Any:
    """The same to twelve decimals: another process may add the same numbers up in another order."""
    return json.loads(json.dumps(document), parse_float=lambda text: round(float(text), 12))


def asked(service: httpx.Client, path: str, body: Any) -> Any:
    answer = service.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_endpoint_wants_the_token(service: httpx.Client) -> None:
    paths = ["score_alert", "score_series", "assess_impact", "rank_causes", "rank_changes", "forecast", "diagnose"]
    for path in paths:
        assert httpx.post(f"{service.base_url}/{path}", json={}).status_code == 401
    assert httpx.get(f"{service.base_url}/metrics").status_code == 401
    for path in ("livez", "readyz", "healthz"):
        assert httpx.get(f"{service.base_url}/{path}").status_code == 200


def test_series_are_scored_as_in_process(service: httpx.Client) -> None:
    batch = [{"values": [float(i % 7) for i in range(100)]}, {"values": [1.0, None, 2.0, 50.0], "step_s": 30}]
    here = [found.model_dump() for found in score_series([SeriesRequest.model_validate(one) for one in batch])]
    assert asked(service, "/score_series", {"batch": batch}) == [
        {**found, "scores": pytest.approx(found["scores"])} for found in here
    ]


def test_a_batch_is_taken_apart_again(service: httpx.Client) -> None:
    """Requests of different sizes, many at once, some larger than what is left of a batch: each gets its own back."""

    def ask(size: int) -> bool:
        batch = [{"values": [float(size), *([0.0] * n), 9.0]} for n in range(size)]
        return [len(found["scores"]) for found in asked(service, "/score_series", {"batch": batch})] == [
            n + 2 for n in range(size)
        ]

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, [1, 3, 40, 64, 7, 33, 2, 50] * 4))


def test_wrong_input_is_named_and_harms_nobody_else(service: httpx.Client) -> None:
    for body in ({"batch": []}, {"batch": [{"values": "x"}]}, {"batch": [{"values": [1.0]}] * 65}, {}):
        answer = service.post("/score_series", json=body)
        assert answer.status_code == 400
        assert "batch" in answer.text
    answer = service.post("/forecast", json={"values": [None], "threshold": 1, "horizon": 3})
    assert answer.status_code == 400
    assert "no number" in answer.text


def test_the_parts_are_those_of_the_diagnosis(service: httpx.Client) -> None:
    diagnosis = investigate(ALERT, TELEMETRY).model_dump(mode="json")
    causes, changes, impact = (
        asked(service, path, QUESTION) for path in ("/rank_causes", "/rank_changes", "/assess_impact")
    )
    assert rounded(causes["candidates"]) == rounded(diagnosis["candidates"])
    assert rounded(changes["changes"]) == rounded(diagnosis["changes"])
    assert impact["blast_radius"] == diagnosis["blast_radius"]
    here = impact_of(ALERT, TELEMETRY, investigate(ALERT, TELEMETRY), objective=load_settings().objective)
    assert rounded(impact["impact"]) == rounded(here.model_dump(mode="json"))
    assert impact["impact"]["terms"], "every term of the answer is shown"
    assert {causes["model"], changes["model"], impact["model"]} == {causes["model"]}


def test_alerts_and_forecasts(service: httpx.Client) -> None:
    [alert] = asked(service, "/score_alert", {"batch": [{"title": "Major outage, nothing works"}]})
    assert sum(alert["probabilities"].values()) == pytest.approx(1.0)
    rising = [float(i) for i in range(100)]
    assert asked(service, "/forecast", {"values": rising, "threshold": 120.0, "horizon": 40})["probability"] > 0.5


def test_the_control_plane_gets_the_same_answer_either_way(service: httpx.Client) -> None:
    local = load_settings(scoring_url=None)
    remote = load_settings(scoring_url=str(service.base_url), scoring_token=TOKEN)

    def not_here(*_: Any) -> Any:
        raise AssertionError("the service was to be asked")

    def shipped() -> Loaded:
        return champion_below(Path("nowhere"))

    there = investigator(remote, shipped)
    assert isinstance(there, RemoteInvestigator)
    only_there = RemoteInvestigator(there.url, there.token, otherwise=not_here)
    found = only_there(ALERT, TELEMETRY)
    here = investigator(local, shipped)(ALERT, TELEMETRY)
    assert rounded(found.model_dump(mode="json")) == rounded(here.model_dump(mode="json"))
    assert found.model == shipped().used


def test_a_service_that_does_not_answer_holds_nobody_up(service: httpx.Client) -> None:
    wrong = RemoteInvestigator(str(service.base_url), SecretStr("wrong"), otherwise=investigate)
    gone = RemoteInvestigator("http://127.0.0.1:9", None, otherwise=investigate)
    assert wrong(ALERT, TELEMETRY) == gone(ALERT, TELEMETRY) == investigate(ALERT, TELEMETRY)


def test_a_promotion_takes_over_without_a_failed_request(service: httpx.Client, state: Path, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    migrate(engine)
    registry = Registry(state / "models", CHAMPION, engine)
    shipped = champion()
    unsure = Confidence(power=1.0, floor=2.0, unseen=3.0, blind=0.1, most=0.5)
    ranker = tmp_path / "ranker.json"
    dump(ranker, json.loads(CHAMPION.read_text())["kind"], shipped.ranker, unsure, {})
    small = {**QUESTION, "telemetry": {**QUESTION["telemetry"], "logs": [], "spans": []}}
    found: list[tuple[int, str]] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            answer = service.post("/rank_causes", json=small)
            found.append((answer.status_code, answer.json().get("model", answer.text)))

    def until(version: str) -> None:
        end = time.monotonic() + 60
        while not any(model.startswith(version) for _, model in found[-4:]):
            assert time.monotonic() < end, f"{version} never answered: {found[-4:]}"
            time.sleep(0.02)

    threads = [threading.Thread(target=keep_asking) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        until("v0-")
        version = registry.register(ranker, by="test", about={}).version
        end = time.monotonic() + 60
        while "qai_scoring_shadow_total{" not in (metrics := service.get("/metrics").text):
            assert time.monotonic() < end, "the challenger was never compared"
            time.sleep(0.1)
        assert 'outcome="agree"' in metrics, "it differs in how sure it is, not in what it says"
        assert {model[:3] for _, model in found} == {"v0-"}, "a challenger never answers"
        registry.promote(version, "test", "because")
        until(f"v{version}-")
        registry.rollback("test")
        until("v0-")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in found} == {200}


def test_what_it_does_is_counted(service: httpx.Client) -> None:
    metrics = service.get("/metrics").text
    assert "qai_scoring_answers_total{" in metrics
    assert "bentoml_service_adaptive_batch_size" in metrics
    assert "bentoml_service_request_duration_seconds" in metrics
