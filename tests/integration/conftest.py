"""A whole QAI SRE in a folder of its own, on the shipped incident: real databases, git, flow and HTTP."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.domain import Incident, IncidentStatus
from data.incidents import build_shipped_repository, shipped_incident
from data.settings import Settings, load_settings
from serving.app import create_app
from serving.bootstrap import running
from serving.server import listen, serving
from serving.services import Services

TOKEN = secrets.token_hex(8)


@dataclass
class Nexus:
    """A running control plane, and a client signed in with the API token."""

    services: Services
    client: httpx.Client

    def post(self, **fields: Any) -> httpx.Response:
        """Post a Datadog alert about the shipped incident's service, with ``fields`` on top."""
        payload = {
            "id": "1",
            "alert_id": "7",
            "alert_cycle_key": "c1",
            "alert_transition": "Triggered",
            "alert_type": "error",
            "alert_title": "checkout p95 latency",
            "service": "checkout",
            "tags": "env:prod, service:checkout",
            "date": str(int(time.time() * 1000)),
            **fields,
        }
        return self.client.post("/api/v1/webhooks/datadog", json=payload, headers={"X-QAI-Token": TOKEN})

    def incident(self) -> Incident:
        [incident] = self.services.store.incidents()
        return incident

    def until(self, *statuses: IncidentStatus) -> Incident:
        """The one incident, once it stands at one of ``statuses``."""
        wait_for(lambda: [i.status for i in self.services.store.incidents()][:1] in [[s] for s in statuses])
        return self.incident()

    def timeline(self) -> list[str]:
        return [event.message for event in self.services.store.events(self.incident().id)]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.services.store.events(self.incident().id)]


def wait_for(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not so within {timeout_s:g} s"
        time.sleep(0.02)


def git(repository: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *args], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    build_shipped_repository(tmp_path / "shop")
    return load_settings(
        state_dir=tmp_path / "state",
        repository=tmp_path / "shop",
        bundle=shipped_incident(),
        bundle_replay=True,
        webhook_secret=TOKEN,
        api_token=TOKEN,
    )


@contextmanager
def started(settings: Settings) -> Iterator[Nexus]:
    with running(settings) as services, serving(create_app(services), listen("127.0.0.1", 0)) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
            yield Nexus(services, client)


@pytest.fixture
def nexus(settings: Settings) -> Iterator[Nexus]:
    with started(settings) as nexus:
        yield nexus


@pytest.fixture
def start() -> Callable[[Settings], Any]:
    return started


@pytest.fixture
def run_git() -> Callable[..., str]:
    return git


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_for
