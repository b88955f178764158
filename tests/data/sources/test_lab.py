"""The lab's source over a store that one real service process wrote; the whole shop is in tests/data/lab."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data.domain import Alert, Change, ChangeKind, EvidenceKind, now
from data.errors import SourceError, SourceMalformed
from data.lab.events import EventLog
from data.lab.history import HISTORY
from data.lab.repository import build_repository
from data.sources import Request
from data.sources import lab as module
from data.sources.lab import LabSource

SCHEMA = (HISTORY.source / "common" / "store.py").read_text() if HISTORY.source else ""


def request(start: datetime, as_of: datetime) -> Request:
    alert = Alert(id="a", source="test", service="cart", title="t", fired_at=as_of, group="a")
    return Request(alert, start, as_of)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An hour of two services, a trace each second; every 100th fails. Written with the shop's own schema."""
    build_repository(tmp_path / "repository", now(), HISTORY)
    (tmp_path / "telemetry").mkdir()
    schema = SCHEMA.split('_SCHEMA = """')[1].split('"""')[0]
    end = int(time.time() * 1e6)
    for service, peer in (("cart", "catalogue"), ("catalogue", None)):
        with sqlite3.connect(tmp_path / "telemetry" / f"{service}.sqlite") as database:
            database.executescript(schema)
            rows = []
            for second in range(3600):
                at, trace = end - (3600 - second) * 1_000_000, f"{second * 1_193_047 % 2**32:08x}{second:024x}"
                status = "error" if second % 100 == 0 else "ok"
                span = (at, trace, f"{service}{second}", None, "GET /", "client" if peer else "server", peer)
                rows.append((*span, 12.5, status, None, f"{service}-1", int(trace[:8], 16) / 2**32))
            database.executemany(f"INSERT INTO spans VALUES ({', '.join('?' * 12)})", rows)
            metrics = [(end - n * 5_000_000, "http_server_error_ratio", 0.01, "1", "x") for n in range(1, 720)]
            database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", metrics)
            log = (end - 1_000_000, "WARNING", "slow call", None, json.dumps({"ms": 3}), "cart-1")
            database.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)", log)
        database.close()
    return tmp_path


def test_an_hour_reads_back(state: Path) -> None:
    telemetry = LabSource(state).collect(request(now() - timedelta(minutes=61), now()))
    assert len(telemetry.spans) == 7200
    assert telemetry.metrics.services == ("cart", "catalogue")
    assert telemetry.metrics.values.shape == (719, 2)
    assert [*telemetry.logs["message"]] == ["slow call"] * 2
    assert telemetry.graph.edges == (("cart", "catalogue"),)
    assert telemetry.missing == ()


def test_a_window_keeps_to_its_ends(state: Path) -> None:
    start, as_of = now() - timedelta(minutes=20), now() - timedelta(minutes=10)
    telemetry = LabSource(state).collect(request(start, as_of))
    assert 1190 <= len(telemetry.spans) <= 1200
    assert start <= telemetry.spans["timestamp"].min()
    assert telemetry.spans["timestamp"].max() <= as_of
    assert telemetry.logs.empty
    assert all(change.timestamp <= as_of for change in telemetry.changes)


def test_too_many_spans_are_thinned_by_whole_traces(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SPANS", 1000)
    spans = LabSource(state).collect(request(now() - timedelta(minutes=61), now())).spans
    assert 700 < len(spans) < 1500
    assert (spans.groupby("trace_id").size() == 2).all()
    assert (spans["status"] == "error").sum() == 72


def test_commits_and_events_are_changes_in_order(state: Path) -> None:
    flag = Change(id="flag-1", kind=ChangeKind.flag, timestamp=now(), service="cart", summary="Set x of cart to 1")
    EventLog(state / "events.ndjson").append(flag)
    with (state / "events.ndjson").open("a") as file:
        file.write('{"id": "half a li')
    changes = LabSource(state).collect(request(now() - timedelta(minutes=5), now())).changes
    assert changes[-1] == flag
    commits = [change for change in changes if change.kind is ChangeKind.commit]
    assert [c.timestamp for c in changes] == sorted(c.timestamp for c in changes)
    timeout = next(c for c in commits if c.summary == "payment: wait up to 3 s for the gateway")
    assert (timeout.service, timeout.files) == ("payment", ("payment/config.toml",))
    assert timeout.diff is not None
    assert "+gateway_timeout_s = 3.0" in timeout.diff


def test_a_service_without_metrics_is_noted(state: Path) -> None:
    with sqlite3.connect(state / "telemetry" / "catalogue.sqlite") as database:
        database.execute("DELETE FROM metrics")
    missing = LabSource(state).collect(request(now() - timedelta(minutes=5), now())).missing
    assert [(item.kind, item.service) for item in missing] == [(EvidenceKind.missing, "catalogue")]


def test_truths_are_not_read(state: Path) -> None:
    (state / "truth").mkdir()
    (state / "truth" / "t.json").write_text("this would not parse")
    assert LabSource(state).collect(request(now() - timedelta(minutes=5), now())).missing == ()


def test_no_shop_and_a_broken_store_are_errors_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="qai-sre lab up"):
        LabSource(tmp_path).collect(request(now(), now()))
    (tmp_path / "telemetry").mkdir()
    (tmp_path / "telemetry" / "cart.sqlite").write_text("this is not a database, whatever its name says")
    with pytest.raises(SourceMalformed, match="not a telemetry store"):
        LabSource(tmp_path).collect(request(now(), now()))
