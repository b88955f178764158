"""The emergency stop over HTTP, in Nexus and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from serving.commands.resume import command as resume
from serving.commands.stop import command as stop


def test_one_call_stops_and_another_lifts(script: TestClient) -> None:
    assert script.get("/api/v1/stop").json() == {"stops": []}
    stopped = script.post("/api/v1/stop", json={"because": "drill", "service": "cart"}).json()["stops"]
    assert [(s["service"], s["because"]) for s in stopped] == [("cart", "drill")]
    assert script.post("/api/v1/resume", json={"service": "cart"}).json() == {"stops": []}


def test_a_stranger_cannot_stop_or_lift(anonymous: TestClient) -> None:
    assert anonymous.post("/api/v1/stop", json={}).status_code == 401
    assert anonymous.post("/api/v1/resume", json={}).status_code == 401
    assert anonymous.post("/nexus/stop").status_code in (303, 401, 403)


def test_the_command_line_stops_and_lifts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QAI_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()

    def run(command: Any, *args: str) -> str:
        result = CliRunner().invoke(command, list(args), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert "nothing is stopped" in run(stop, "--show")
    assert "stopped: everything" in run(stop, "bad", "deploy")
    assert "bad deploy" in run(stop, "--show")
    assert "lifted: everything" in run(resume)
    assert "was not stopped" in run(resume)
