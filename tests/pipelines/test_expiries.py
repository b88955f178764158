"""A certificate that ends before long is told of once, and its renewal called off."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from data.domain import AlertStatus
from data.sources.certificates import Endpoint
from data.store import Store
from data.topology import ServiceGraph
from pipelines.predict import Lookout
from pipelines.triage import triage


def _load_servers() -> ModuleType:
    """Test folders are no packages (import mode importlib), so a helper module is loaded by its path."""
    path = Path(__file__).parents[1] / "data" / "sources" / "test_certificates.py"
    spec = importlib.util.spec_from_file_location("tls_servers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = _load_servers()
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9, hours=1)


def looking(store: Store, port: int) -> Lookout:
    return Lookout(
        sources=(),
        store=store,
        handle=lambda key: triage(store, key, ServiceGraph()),
        environment=None,
        deadline_s=20,
        horizon=timedelta(hours=1),
        history=timedelta(hours=6),
        certificates=[Endpoint("checkout", "127.0.0.1", port)],
    )


def test_a_certificate_is_told_of_once_and_called_off_when_renewed(store: Store, tmp_path: Path) -> None:
    pem = servers.write_certificate(tmp_path, SOON)
    with servers.tls_server(pem) as port:
        lookout = looking(store, port)
        (alert,) = lookout.look(datetime.now(UTC))
        assert lookout.look(datetime.now(UTC)) == []
    assert alert.service == "checkout"
    assert alert.title.startswith(f"the certificate of 127.0.0.1:{port} ends in 9 days, on {SOON:%Y-%m-%d %H:%M} UTC")
    assert alert.tags == {"proactive": "true"}
    assert [incident.title for incident in store.incidents()] == [alert.title]

    renewed = servers.write_certificate(tmp_path, SOON + timedelta(days=90))
    with servers.tls_server(renewed, port):
        (recovery,) = lookout.look(datetime.now(UTC))
    assert recovery.status is AlertStatus.resolved
    assert recovery.title.startswith(f"the certificate of 127.0.0.1:{port} was renewed")
    assert all(incident.status.is_closed for incident in store.incidents())


def test_a_server_that_does_not_answer_is_logged_and_holds_nothing_up(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert looking(store, 1).look(datetime.now(UTC)) == []
    assert "no certificate could be read from 127.0.0.1:1" in caplog.text
