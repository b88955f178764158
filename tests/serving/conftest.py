"""What the web application's tests share: the application around a real store, and ways to be signed in."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from data.settings import Settings
from data.store import Store
from serving.auth import issue_login_link
from serving.services import Services

BASE = "http://nexus.test"
TOKEN = "a-token-for-scripts"


def _load_case() -> ModuleType:
    """Test folders are no packages (import mode importlib), so a helper module is loaded by its path."""
    spec = importlib.util.spec_from_file_location("nexus_case", Path(__file__).with_name("nexus_case.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def nexus_case() -> ModuleType:
    return _load_case()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, state_dir=tmp_path / "state", api_token=TOKEN)  # type: ignore[call-arg, arg-type]


@pytest.fixture
def responder(nexus_case: ModuleType, store: Store) -> Any:
    return nexus_case.RecordingResponder(store)


@pytest.fixture
def app(nexus_case: ModuleType, settings: Settings, store: Store, responder: Any) -> FastAPI:
    made: FastAPI = nexus_case.make_app(Services(settings, store, responder))
    return made


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    """A browser that follows no redirects by itself; it sends Origin as browsers do."""
    with TestClient(app, base_url=BASE, headers={"Origin": BASE}, follow_redirects=False) as client:
        yield client


@pytest.fixture
def signed_in(anonymous: TestClient, settings: Settings) -> TestClient:
    """The same browser after opening a login link and pressing the button."""
    link = issue_login_link(settings, BASE)
    token = parse_qs(urlsplit(link).query)["token"][0]
    assert anonymous.post("/login", data={"token": token}).status_code == 303
    return anonymous


@pytest.fixture
def script(app: FastAPI) -> Iterator[TestClient]:
    """A script with the API token."""
    with TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client
