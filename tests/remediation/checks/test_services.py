"""Scanning services, by their published shapes, against a server on loopback that checks what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from remediation.checks import Check, Skipped, change_set, inspect
from remediation.checks.services import ask_services

OLD, NEW = "flask==3.0\n", "flask==3.0\nlefty==1.0\n"
CHANGE = change_set({"requirements.txt": OLD, "a.py": "x = 1\n"}, {"requirements.txt": NEW, "a.py": "x = 2\n"})
CODE = change_set({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})


class Vendors:
    """A fake of all three: the requests that came, and what is answered instead of the usual."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]], dict[str, str], Any]] = []
        self.instead: Any = None
        self.gate = "OK"
        self.url = ""

    def answer(self, path: str, body: Any) -> Any:
        if self.instead is not None:
            return self.instead
        if path.startswith("/v1/test/"):
            known = [{"id": "V1", "title": "Old", "severity": "low", "package": "flask", "version": "3.0"}]
            if "lefty" in body["files"]["target"]["contents"]:
                known.append({"id": "V2", "title": "Theft", "severity": "high", "package": "lefty", "version": "1.0"})
            return {"ok": False, "issues": {"vulnerabilities": known, "licenses": []}}
        if path == "/api/qualitygates/project_status":
            condition = {"status": self.gate, "metricKey": "new_coverage", "actualValue": "12.0", "comparator": "LT"}
            return {"projectStatus": {"status": self.gate, "conditions": [condition]}}
        if path == "/api/issues/search":
            return {"total": 3, "issues": []}
        alert = {"vulnerability": {"name": "CVE-1", "severity": "HIGH"}, "library": {"filename": "flask-3.0.whl"}}
        mild = {"vulnerability": {"name": "CVE-2", "severity": "low"}, "library": {"filename": "x.whl"}}
        return {"alerts": [alert, mild]}


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    fake = Vendors()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._handle(None)

        def do_POST(self) -> None:
            self._handle(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _handle(self, body: Any) -> None:
            url = urlsplit(self.path)
            fake.requests.append((url.path, parse_qs(url.query), dict(self.headers), body))
            answer = fake.answer(url.path, body)
            raw = json.dumps({} if isinstance(answer, int) else answer).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


def snyk(vendors: Vendors) -> dict[str, str]:
    return {"SNYK_TOKEN": "s3cret", "SNYK_CFG_ORG": "shop", "SNYK_API": vendors.url}


def sonar(vendors: Vendors) -> dict[str, str]:
    return {"SONAR_HOST_URL": vendors.url + "/", "SONAR_TOKEN": "s3cret", "SONAR_PROJECT_KEY": "shop"}


def mend(vendors: Vendors) -> dict[str, str]:
    return {"MEND_URL": vendors.url, "MEND_USER_KEY": "s3cret", "MEND_PROJECT_TOKEN": "p"}


def test_snyk_tells_what_a_manifest_brings_that_is_new(vendors: Vendors) -> None:
    (answer,) = ask_services(CHANGE, snyk(vendors))
    assert isinstance(answer, Check)
    assert not answer.passed
    assert answer.detail == "requirements.txt high: Theft in lefty 1.0"
    assert [path for path, *_ in vendors.requests] == ["/v1/test/pip"] * 2
    _, query, headers, body = vendors.requests[1]
    assert query == {"org": ["shop"]}
    assert {k.lower(): v for k, v in headers.items()}["authorization"] == "token s3cret"
    assert body == {"encoding": "plain", "files": {"target": {"contents": NEW}}}


@pytest.mark.parametrize(("gate", "passed"), [("OK", True), ("NONE", True), ("ERROR", False)])
def test_sonarqube_tells_how_the_project_stands(vendors: Vendors, gate: str, passed: bool) -> None:
    vendors.gate = gate
    (answer,) = ask_services(CODE, sonar(vendors))
    assert isinstance(answer, Check)
    assert answer.passed is passed
    assert answer.detail.startswith("before this change, its files have 3 open")
    assert ("new_coverage is 12.0" in answer.detail) is not passed
    assert vendors.requests[0][1] == {"projectKey": ["shop"]}
    assert vendors.requests[1][1]["componentKeys"] == ["shop:a.py"]


def test_mend_tells_of_severe_alerts_where_dependencies_change(vendors: Vendors) -> None:
    (answer,) = ask_services(CHANGE, mend(vendors))
    assert isinstance(answer, Check)
    assert answer.detail == "CVE-1 in flask-3.0.whl"
    assert vendors.requests[0][0] == "/api/v1.4"
    assert vendors.requests[0][3]["alertType"] == "SECURITY_VULNERABILITY"
    assert ask_services(CODE, mend(vendors)) == []


@pytest.mark.parametrize("configured", [snyk, sonar, mend])
@pytest.mark.parametrize("instead", [401, 500, [], {"issues": 3, "projectStatus": 3, "alerts": 3}])
def test_one_that_cannot_be_asked_is_skipped_and_no_key_is_told(vendors: Vendors, configured, instead) -> None:
    vendors.instead = instead
    (answer,) = ask_services(CHANGE, configured(vendors))
    assert isinstance(answer, Skipped)
    assert "s3cret" not in answer.why


def test_one_that_is_not_there_is_skipped(vendors: Vendors) -> None:
    (answer,) = ask_services(CHANGE, {**snyk(vendors), "SNYK_API": "http://127.0.0.1:9"})
    assert isinstance(answer, Skipped)


def test_what_is_not_configured_is_not_asked(vendors: Vendors) -> None:
    assert ask_services(CHANGE, {}) == []
    assert not vendors.requests


def test_their_answers_stand_beside_the_other_checks(vendors: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sonar(vendors).items():
        monkeypatch.setenv(name, value)
    assert "sonarqube" in {check.name for check in inspect(CODE).checks}
    assert not any(check.name == "sonarqube" for check in inspect(CODE, tools=False).checks)
