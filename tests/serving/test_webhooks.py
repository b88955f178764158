"""Webhooks over real HTTP handling and a real database."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from schemathesis import GenerationMode

from data import schema
from data.database import connect, migrate
from data.domain import Decision, Feedback, RejectReason
from data.settings import Settings
from data.store import Store
from data.topology import ServiceGraph
from pipelines.triage import triage
from serving.services import Services
from serving.signatures import hmac_sha256
from serving.webhooks import router

DATADOG = "/api/v1/webhooks/datadog"
ALERTMANAGER = "/api/v1/webhooks/alertmanager"
TOKEN = {"X-QAI-Token": "current"}


@dataclass
class RecordingResponder:
    """Remembers what it was handed; ``fails`` makes it refuse."""

    handled: list[str] = field(default_factory=list)
    fails: bool = False

    def handle(self, key: str) -> None:
        if self.fails:
            raise RuntimeError("the flow cannot be started")
        self.handled.append(key)

    def approve(self, incident_id: str, by: str) -> Decision:
        raise NotImplementedError

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
        raise NotImplementedError


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database migrated once; each test works on a copy."""
    file = tmp_path_factory.mktemp("empty") / "qai.sqlite"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Iterator[Store]:
    engine = connect(f"sqlite:///{shutil.copy(empty, tmp_path)}")
    yield Store(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store on each database; PostgreSQL is skipped, saying so, where no server is installed."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    server = connect(request.getfixturevalue("postgres_url"))
    name = f"t{secrets.token_hex(8)}"
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = connect(server.url.set(database=name).render_as_string(hide_password=False))
    migrate(engine)
    yield Store(engine)
    engine.dispose()
    server.dispose()


@pytest.fixture
def responder() -> RecordingResponder:
    return RecordingResponder()


@pytest.fixture
def app(store: Store, responder: RecordingResponder) -> FastAPI:
    return build(store, responder)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def build(store: Store, responder: RecordingResponder, **changes: Any) -> FastAPI:
    configured: dict[str, Any] = {
        "webhook_secret": SecretStr("current"),
        "webhook_secret_previous": SecretStr("previous"),
        "relay_keys": {"relay-1": SecretStr("relay secret")},
        "webhook_body_limit_bytes": 4096,
    }
    app = FastAPI()
    settings = Settings(_env_file=None, **(configured | changes))  # type: ignore[call-arg]
    app.state.services = Services(settings, store, responder)
    app.include_router(router)
    return app


def notification(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "alert_cycle_key": "cycle-1",
        "alert_title": "[Triggered on {service:search}] Search answers slowly",
        "alert_transition": "Triggered",
        "alert_type": "error",
        "tags": "service:search, env:stage",
        "date": "1793000000000",
    } | changes


def signed(body: bytes, at: float | None = None, nonce: str | None = "n-1", **changes: str) -> dict[str, str]:
    timestamp = f"{time.time() if at is None else at:.3f}"
    headers = {
        "X-QAI-Key-Id": "relay-1",
        "X-QAI-Timestamp": timestamp,
        "X-QAI-Signature": "v1=" + hmac_sha256("relay secret", timestamp.encode() + b"." + body),
    }
    return headers | ({} if nonce is None else {"X-QAI-Nonce": nonce}) | changes


def test_an_alert_is_stored_with_its_body_then_answered_then_handed_on(
    client: TestClient, store: Store, responder: RecordingResponder
) -> None:
    answer = client.post(DATADOG, json=notification(), headers=TOKEN)
    assert answer.status_code == 202
    (receipt,) = answer.json()["alerts"]
    assert answer.json() == {"accepted": 1, "alerts": [{"key": receipt["key"], "duplicate": False}]}
    assert store.alert(receipt["key"]).service == "search"
    assert responder.handled == [receipt["key"]]
    with store.engine.connect() as connection:
        body = connection.scalar(sa.select(schema.alerts.c.body))
    assert json.loads(body or "") == notification()


def test_the_same_alert_again_is_a_duplicate_and_is_not_handed_on_twice(
    client: TestClient, store: Store, responder: RecordingResponder
) -> None:
    answers = [client.post(DATADOG, json=notification(), headers=TOKEN).json() for _ in range(3)]
    assert [answer["alerts"][0]["duplicate"] for answer in answers] == [False, True, True]
    assert len(responder.handled) == store.backlog() == 1
    other = client.post(DATADOG, json=notification(alert_transition="Recovered"), headers=TOKEN).json()
    assert other["alerts"][0]["duplicate"] is False


def test_alertmanager_may_send_several(client: TestClient, store: Store, responder: RecordingResponder) -> None:
    alerts = [
        {"labels": {"alertname": "Slow", "service": name}, "startsAt": "2026-03-01T12:00:00Z"}
        for name in ("a", "b", "a")
    ]
    answer = client.post(ALERTMANAGER, json={"alerts": alerts}, headers=TOKEN)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 3
    assert [receipt["duplicate"] for receipt in answer.json()["alerts"]] == [False, False, True]
    assert len(responder.handled) == store.backlog() == 2


def test_a_flow_that_cannot_start_does_not_lose_the_alert(
    client: TestClient, store: Store, responder: RecordingResponder, caplog: pytest.LogCaptureFixture
) -> None:
    responder.fails = True
    answer = client.post(DATADOG, json=notification(), headers=TOKEN)
    assert answer.status_code == 202
    assert store.unhandled() == [answer.json()["alerts"][0]["key"]]
    assert "the flow cannot be started" in caplog.text


# -- who may send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-QAI-Token": "current"}, 202),
        ({"X-QAI-Token": "previous"}, 202),
        ({"X-AISRE-Token": "current"}, 202),
        ({"X-AISRE-Token": "current", "X-QAI-Token": "wrong"}, 202),
        ({"X-QAI-Token": "wrong"}, 401),
        ({"X-QAI-Token": ""}, 401),
        ({"X-QAI-Token": "ключ".encode()}, 401),
        ({"X-QAI-Token": b"\xff\xfe\x80"}, 401),
        ({"Authorization": "Bearer current"}, 401),
        ({}, 401),
    ],
)
def test_shared_secret(client: TestClient, headers: dict[str, Any], status: int) -> None:
    answer = client.post(DATADOG, json=notification(), headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert set(answer.json()) == {"detail"}
        assert "WWW-Authenticate" in answer.headers


def test_nothing_configured_refuses_and_tells_the_operator_only(
    store: Store, responder: RecordingResponder, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(build(store, responder, webhook_secret=None, webhook_secret_previous=None, relay_keys={}))
    body = json.dumps(notification()).encode()
    for headers in ({"X-QAI-Token": ""}, {"X-QAI-Token": "None"}, {}, signed(body)):
        answer = client.post(DATADOG, content=body, headers=headers)
        assert answer.status_code == 401
        assert "QAI_" not in answer.text
    assert "QAI_WEBHOOK_SECRET" in caplog.text
    assert "QAI_RELAY_KEYS" in caplog.text
    assert store.backlog() == 0


def test_a_refused_secret_is_not_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.post(DATADOG, json=notification(), headers={"X-QAI-Token": "almost-right"})
    assert "almost-right" not in caplog.text


def test_a_relay_signs(client: TestClient) -> None:
    body = json.dumps(notification()).encode()
    assert client.post(DATADOG, content=body, headers=signed(body)).status_code == 202
    assert client.post(DATADOG, content=body, headers=signed(body, nonce=None)).status_code == 202


def test_a_replay_is_refused_under_whatever_nonce(client: TestClient, store: Store) -> None:
    body = json.dumps(notification()).encode()
    for nonce, other in (("a", "b"), (None, "c"), ("d", None)):
        headers = signed(body, nonce=nonce)
        assert client.post(DATADOG, content=body, headers=headers).status_code == 202
        assert client.post(DATADOG, content=body, headers=headers).status_code == 401
        changed = {name: value for name, value in headers.items() if name != "X-QAI-Nonce"}
        changed |= {} if other is None else {"X-QAI-Nonce": other}
        assert client.post(DATADOG, content=body, headers=changed).status_code == 401
    reused = signed(body, at=time.time() + 1, nonce="a")
    assert client.post(DATADOG, content=body, headers=reused).status_code == 401
    assert store.backlog() == 1


def test_a_bad_signature_spends_nothing_and_the_secret_does_not_heal_it(client: TestClient) -> None:
    body = json.dumps(notification()).encode()
    good = signed(body)
    for bad in (
        good | {"X-QAI-Signature": "v1=" + "0" * 64},
        good | {"X-QAI-Signature": ""},
        good | {"X-QAI-Key-Id": "relay-2"},
        good | {"X-QAI-Timestamp": "1"},
        {name: value for name, value in good.items() if name != "X-QAI-Timestamp"},
        good | {"X-QAI-Signature": "v1=" + "0" * 64} | TOKEN,
    ):
        assert client.post(DATADOG, content=body, headers=bad).status_code == 401
    assert client.post(DATADOG, content=b" " + body, headers=good).status_code == 401
    assert client.post(DATADOG, content=body, headers=good).status_code == 202


@pytest.mark.parametrize(("seconds", "status"), [(-290, 202), (290, 202), (-310, 401), (310, 401)])
def test_a_signature_is_good_for_five_minutes_both_ways(client: TestClient, seconds: float, status: int) -> None:
    body = json.dumps(notification()).encode()
    headers = signed(body, at=time.time() + seconds)
    assert client.post(DATADOG, content=body, headers=headers).status_code == status


# -- what is sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"id=1&alert_title=x", 400),
        (b'{"id": NaN}', 400),
        (b'{"id": -Infinity}', 400),
        (b'{"id": "\xff"}', 400),
        ('{"id": "1"}'.encode("utf-16"), 400),
        (b"[" * 2000, 400),
        (b'{"id": "1", "x": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"1" * 4000, 422),
        (b"{}", 422),
        (b'{"id": {"a": 1}}', 422),
        (b'{"id": "1", "date": "soon"}', 422),
        (b'{"id": "1", "date": 1e999}', 422),
        (b'{"id": "1", "date": ' + b"1" * 4000 + b"}", 422),
        (b"\xef\xbb\xbf" + b'{"id": "1"}', 202),
        (b'{"id": "1", "x": ' + b"1" * 4000 + b"}", 202),
        (b'{"id": ' + b"1" * 4000 + b"}", 202),
        (b'{"id": "1", "x": ' + b"[" * 300 + b"]" * 300 + b"}", 202),
        (b'{"id": "\\ud800", "alert_title": "\\udfff\\u0000", "tags": {"\\ud800": "\\ud800"}}', 202),
        (b'{"id": "1", "event_msg": "two\nlines"}', 202),
        (b'{"id": "1", "x": 1e999}', 202),
        (b'{"id": "1", "alert_title": null, "tags": null, "date": null}', 202),
    ],
)
def test_odd_bodies(client: TestClient, store: Store, body: bytes, status: int) -> None:
    answer = client.post(DATADOG, content=body, headers=TOKEN | {"Content-Type": "text/plain"})
    assert answer.status_code == status, answer.text
    assert store.backlog() == (status == 202)
    if status == 202:
        store.alert(store.unhandled()[0])
    else:
        assert list(answer.json()) == ["detail"]
        assert len(answer.text) < 5000


def test_a_field_at_fault_is_named(client: TestClient) -> None:
    answer = client.post(DATADOG, json=notification(date="soon"), headers=TOKEN)
    assert answer.json()["detail"].startswith("date: 'soon' is not a time; send ISO 8601")


# -- too much ---------------------------------------------------------------------------------------------


def test_overload_asks_to_try_again(store: Store, responder: RecordingResponder) -> None:
    client = TestClient(build(store, responder, webhook_backlog_limit=2))
    statuses = [client.post(DATADOG, json=notification(id=str(i)), headers=TOKEN).status_code for i in range(3)]
    assert statuses == [202, 202, 503]
    answer = client.post(DATADOG, content=b"", headers={})
    assert answer.status_code == 503  # before anything costs more: not even the secret is looked at
    assert int(answer.headers["Retry-After"]) > 0
    triage(store, responder.handled[0], ServiceGraph())
    assert client.post(DATADOG, json=notification(id="9"), headers=TOKEN).status_code == 202


def test_a_locked_database_asks_to_try_again(store: Store, responder: RecordingResponder) -> None:
    @sa.event.listens_for(store.engine, "connect")
    def _impatient(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 50")

    store.engine.dispose()
    client = TestClient(build(store, responder))
    with store.exclusive():
        answer = client.post(DATADOG, json=notification(), headers=TOKEN)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert client.post(DATADOG, json=notification(), headers=TOKEN).status_code == 202
    assert len(responder.handled) == 1


def test_a_lost_database_asks_to_try_again(tmp_path: Path, responder: RecordingResponder) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'gone' / 'qai.sqlite'}")
    (tmp_path / "gone").rmdir()
    answer = TestClient(build(Store(engine), responder)).post(DATADOG, json=notification(), headers=TOKEN)
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert "Retry-After" in answer.headers


def test_eight_at_once_are_one_alert_and_one_incident(either: Store, responder: RecordingResponder) -> None:
    client = TestClient(build(either, responder))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post(DATADOG, json=notification(), headers=TOKEN), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(not answer.json()["alerts"][0]["duplicate"] for answer in answers) == 1
    (key,) = responder.handled
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: triage(either, key, ServiceGraph()), range(8)))
    assert len(set(results)) == len(either.incidents()) == 1


def test_a_replay_is_refused_when_it_races_the_original(either: Store, responder: RecordingResponder) -> None:
    client = TestClient(build(either, responder))
    body = json.dumps(notification()).encode()
    headers = signed(body)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post(DATADOG, content=body, headers=headers), range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [401] * 7


def test_odd_text_reaches_every_database(either: Store, responder: RecordingResponder) -> None:
    client = TestClient(build(either, responder))
    body = b'{"id": "\\u0000\\ud800", "x": {"\\u0000": ["\\u0000", 1e999, ' + b"9" * 400 + b']}, "tags": "a:\\u0000"}'
    answer = client.post(DATADOG, content=body, headers=TOKEN)
    assert answer.status_code == 202
    assert either.alert(answer.json()["alerts"][0]["key"]).extra["x"][""][1] == "inf"


# -- on a real socket -------------------------------------------------------------------------------------


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """``app`` behind uvicorn on a free port of the loopback interface."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def talk(port: int, *parts: bytes) -> bytes:
    """Send ``parts`` as they are, and read what comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def head(*headers: str) -> bytes:
    lines = (f"POST {DATADOG} HTTP/1.1", "Host: localhost", "X-QAI-Token: current", "Connection: close", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)


def test_the_body_limit_holds_on_a_socket(app: FastAPI, store: Store) -> None:
    body = json.dumps(notification()).encode()
    with served(app) as port:
        # whole, in chunks with no length announced
        answer = talk(port, head("Transfer-Encoding: chunked"), chunked(body[:50], body[50:]), b"0\r\n\r\n")
        assert b" 202 " in answer.splitlines()[0]
        # too large, and never ending: answered as soon as it is over the limit
        answer = talk(port, head("Transfer-Encoding: chunked"), chunked(b" " * 4096), chunked(b" " * 4096))
        assert b" 413 " in answer.splitlines()[0]
        # announced as too large: answered without waiting for it
        answer = talk(port, head("Content-Length: 999999999"))
        assert b" 413 " in answer.splitlines()[0]
        # announced as small, and more sent: what is over is not the body
        answer = talk(port, head(f"Content-Length: {len(body)}"), body + b" " * 8192)
        assert b" 202 " in answer.splitlines()[0]
        # announced as more than is sent: the sender hangs up, nothing is stored, and the server lives
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(head("Content-Length: 4000") + body[:20])
        answer = httpx.post(f"http://127.0.0.1:{port}{DATADOG}", content=b" " * 5000, headers=TOKEN, timeout=20)
        assert (answer.status_code, list(answer.json())) == (413, ["detail"])
    assert store.backlog() == 1


def test_the_description_names_every_answer_and_way_in(app: FastAPI) -> None:
    description = app.openapi()
    for path in (DATADOG, ALERTMANAGER):
        operation = description["paths"][path]["post"]
        assert set(operation["responses"]) == {"202", "400", "401", "413", "422", "503"}
        assert {name for way in operation["security"] for name in way} == {
            "X-QAI-Token",
            "X-AISRE-Token",
            "X-QAI-Signature",
        }
        assert operation["requestBody"]["required"]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", [DATADOG, ALERTMANAGER])
def test_nothing_the_description_allows_or_forbids_is_a_server_error(
    store: Store, responder: RecordingResponder, path: str, mode: GenerationMode
) -> None:
    app = build(store, responder, webhook_body_limit_bytes=1_000_000, webhook_backlog_limit=1_000_000)
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)[path]["POST"]

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def probe(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=TOKEN)

    probe()
