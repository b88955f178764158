"""Fixtures shared by every test: real databases, and telemetry small enough to read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.database import connect, migrate
from data.domain import Alert
from data.store import Store

FIRED_AT = datetime(2026, 3, 2, 3, 14, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Game days come last: other tests beside them would be noise in what the shop is watched by (`make test`)."""
    items.sort(key=lambda item: item.get_closest_marker("game_day") is not None)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see only the settings they make, whatever the developer has in the environment."""
    for name in list(os.environ):
        if name.startswith("QAI_") and name != "QAI_WEBHOOK_FIXTURES":
            monkeypatch.delenv(name)


@pytest.fixture
def alert() -> Alert:
    return Alert(
        id="a1", source="test", service="checkout", title="checkout p95 latency", fired_at=FIRED_AT, group="g1"
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A migrated SQLite database in a file."""
    engine = connect(f"sqlite:///{tmp_path / 'store.sqlite'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> Store:
    return Store(engine)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own on a free loopback port; skips where none is installed."""
    initdb = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
    if initdb is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    # Not under pytest's own folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="qai-postgres-"))
    as_user = _as_unprivileged_user(folder)
    data, port = folder / "data", _free_port()
    subprocess.run(
        [*as_user, str(initdb), "-D", str(data), "-U", "qai", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, str(initdb.with_name("pg_ctl")), "-D", str(data), "-w"]
    subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, capture_output=True)
    try:
        yield f"postgresql+psycopg://qai@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
        shutil.rmtree(folder)


def _as_unprivileged_user(folder: Path) -> list[str]:
    """How to run PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root and runuser is not installed")
    shutil.chown(folder, "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
