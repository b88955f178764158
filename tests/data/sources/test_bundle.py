from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert, AlertLevel, Change, ChangeKind
from data.errors import InputError, SourceMalformed
from data.sources import Request
from data.sources.bundle import BundleSource, parse_change, read_alert, read_telemetry, write_bundle
from data.telemetry import Metrics, Telemetry
from data.topology import ServiceGraph

T0 = datetime(2026, 3, 2, 3, tzinfo=UTC)
PARTS = {"metrics", "logs", "spans", "changes", "topology"}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A bundle with every part, one of everything."""
    folder = tmp_path / "incident"
    times = [T0, T0 + timedelta(seconds=30)]
    metrics = pd.DataFrame({"timestamp": times, "service": "api", "metric": "p95_ms", "value": [10.0, 90.0]})
    logs = pd.DataFrame({"timestamp": times, "service": "api", "severity": "ERROR", "message": ["boom", "é \u2028 x"]})
    spans = pd.DataFrame(
        {
            "timestamp": times,
            "trace_id": ["t1", "t2"],
            "span_id": ["s1", "s2"],
            "parent_id": [None, None],
            "service": "api",
            "operation": "GET /",
            "duration_ms": [10.0, 90.0],
        }
    )
    telemetry = Telemetry(
        metrics=Metrics.from_long(metrics),
        logs=logs,
        spans=spans,
        changes=(Change(id="c1", kind=ChangeKind.commit, timestamp=T0, files=("a.py",), extra={"ticket": "X-1"}),),
        graph=ServiceGraph([("web", "api")], hosts={"api": "node-1"}),
    )
    alert = Alert(
        id="a1", source="bundle", service="api", title="slow", fired_at=T0 + timedelta(seconds=60), group="a1",
        tags={"env": "prod"}, extra={"runbook": "R-7"},
    )  # fmt: skip
    write_bundle(folder, alert, telemetry)
    return folder


def test_what_is_written_is_read_back(recorded: Path) -> None:
    alert, telemetry = read_alert(recorded), read_telemetry(recorded)
    assert (alert.service, alert.tags, alert.extra) == ("api", {"env": "prod"}, {"runbook": "R-7"})
    assert telemetry.missing == ()
    np.testing.assert_array_equal(telemetry.metrics.values, [[10.0], [90.0]])
    assert list(telemetry.logs["message"]) == ["boom", "é \u2028 x"]
    assert telemetry.changes[0].extra == {"ticket": "X-1"}
    assert telemetry.graph.edges == (("web", "api"),)
    assert telemetry.graph.hosts == {"api": "node-1"}


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_tables_are_accepted_in_every_format(recorded: Path, suffix: str) -> None:
    for stem in ("metrics", "spans"):
        table = pd.read_parquet(recorded / f"{stem}.parquet")
        (recorded / f"{stem}.parquet").unlink()
        table["timestamp"] = table["timestamp"].map(lambda t: t.isoformat())
        if suffix == ".csv":
            table.to_csv(recorded / f"{stem}.csv", index=False)
        else:
            table.to_json(recorded / f"{stem}.ndjson", orient="records", lines=True)
    telemetry = read_telemetry(recorded)
    assert telemetry.missing == ()
    np.testing.assert_array_equal(telemetry.metrics.values, [[10.0], [90.0]])
    assert list(telemetry.spans["duration_ms"]) == [10.0, 90.0]


def test_any_part_but_the_alert_may_be_absent(recorded: Path) -> None:
    for path in recorded.iterdir():
        if path.name != "alert.json":
            path.unlink()
    telemetry = read_telemetry(recorded)
    assert {item.detail["part"] for item in telemetry.missing} == PARTS
    assert telemetry.services == ()


def test_one_bad_change_does_not_hide_the_others(recorded: Path) -> None:
    good = json.loads((recorded / "changes.json").read_text())
    (recorded / "changes.json").write_text(json.dumps([7, *good, {"id": "c2", "kind": "commit", "timestamp": "?"}]))
    telemetry = read_telemetry(recorded)
    assert [c.id for c in telemetry.changes] == ["c1"]
    assert [item.summary.split(": ")[1] for item in telemetry.missing] == [
        "changes.json[0]",
        "changes.json[2].timestamp",
    ]


def test_one_broken_log_line_does_not_hide_the_others(recorded: Path) -> None:
    with (recorded / "logs.ndjson").open("a") as file:
        file.write('{"timestamp": "2026-03-02T03:00:59Z", "service": "api", "mess\n[1]\n')
    telemetry = read_telemetry(recorded)
    assert len(telemetry.logs) == 2
    assert telemetry.missing[0].summary == "2 lines of logs.ndjson are not JSON objects and were left out"


def test_values_that_are_no_numbers_are_said_and_gaps_are_not(recorded: Path) -> None:
    (recorded / "metrics.parquet").unlink()
    lines = ["timestamp,service,metric,value", "2026-03-02T03:00:00Z,api,p95_ms,10", "2026-03-02T03:00:30Z,api,p95_ms,"]
    (recorded / "metrics.csv").write_text("\n".join([*lines, "2026-03-02T03:01:00Z,api,p95_ms,12ms", ""]))
    telemetry = read_telemetry(recorded)
    assert [item.summary for item in telemetry.missing] == [
        "1 metric values are no numbers, such as '12ms', and were left out"
    ]
    assert telemetry.metrics.values.tolist() == [[10.0]]


def test_rows_without_a_time_are_said(recorded: Path) -> None:
    table = pd.read_parquet(recorded / "metrics.parquet").astype({"timestamp": "object"})
    table.loc[0, "timestamp"] = None
    table.to_parquet(recorded / "metrics.parquet")
    telemetry = read_telemetry(recorded)
    assert len(telemetry.metrics.timestamps) == 1
    assert "1 rows of metrics.parquet have no time" in telemetry.missing[0].summary


def test_identifiers_that_look_like_numbers_stay_text(recorded: Path) -> None:
    spans = pd.read_parquet(recorded / "spans.parquet").assign(trace_id=["007", "1e5"])
    (recorded / "spans.parquet").unlink()
    spans.to_csv(recorded / "spans.csv", index=False)
    assert list(read_telemetry(recorded).spans["trace_id"]) == ["007", "1e5"]


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000, 1_000_000_000])
def test_tables_may_tell_time_in_epoch_units(recorded: Path, scale: int) -> None:
    table = pd.read_parquet(recorded / "metrics.parquet")
    table["timestamp"] = [int(t.timestamp()) * scale for t in table["timestamp"]]
    table.to_parquet(recorded / "metrics.parquet")
    assert pd.Timestamp(read_telemetry(recorded).metrics.timestamps[0], tz="UTC") == T0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[1, 2]", b'{"a": 1}'])
def test_any_part_but_the_alert_may_be_broken(recorded: Path, content: bytes) -> None:
    for path in list(recorded.iterdir()):
        if path.name != "alert.json":
            path.write_bytes(content)
    broken = {item.detail["part"] for item in read_telemetry(recorded).missing}
    assert {"metrics", "spans"} <= broken <= {*PARTS, "missing"}


def test_truth_is_never_opened(recorded: Path) -> None:
    truth = recorded / "truth.json"
    truth.mkdir()  # opening it would fail
    assert read_telemetry(recorded).missing == ()


@pytest.mark.parametrize(
    ("alert", "field"),
    [
        ({}, "alert.json:id"),
        ({"id": "a", "fired_at": "2026-03-02T03:00:00Z"}, "alert.json:service"),
        ({"id": "a", "service": "s", "fired_at": "yesterday"}, "alert.json:fired_at"),
        ([], "alert.json"),
    ],
)
def test_a_bad_alert_names_what_is_wrong(tmp_path: Path, alert: object, field: str) -> None:
    (tmp_path / "alert.json").write_text(json.dumps(alert))
    with pytest.raises(InputError) as caught:
        read_alert(tmp_path)
    assert caught.value.field == field


def test_an_absent_bundle_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        read_alert(tmp_path / "nowhere")


def test_severity_words_become_levels(recorded: Path) -> None:
    for word, level in {"critical": AlertLevel.error, "warn": AlertLevel.warning, "info": AlertLevel.info}.items():
        raw = json.loads((recorded / "alert.json").read_text())
        (recorded / "alert.json").write_text(json.dumps({**raw, "severity": word}))
        assert read_alert(recorded).level is level


def test_a_change_names_its_bad_field() -> None:
    with pytest.raises(InputError, match=r"changes.json\[3\]\.kind"):
        parse_change({"id": "x", "kind": "wish", "timestamp": "2026-03-02T03:00:00Z"}, field="changes.json[3]")


def test_replay_moves_the_recording_onto_the_incoming_alert(recorded: Path) -> None:
    fired = T0 + timedelta(days=30)
    alert = read_alert(recorded).model_copy(update={"fired_at": fired})
    request = Request(alert=alert, start=fired - timedelta(hours=1), as_of=fired)
    telemetry = BundleSource(recorded, replay=True).collect(request)
    assert pd.Timestamp(telemetry.metrics.timestamps[-1], tz="UTC") == fired - timedelta(seconds=30)
    assert telemetry.changes[0].timestamp == fired - timedelta(seconds=60)


def test_replay_refuses_an_alert_the_recording_knows_nothing_about(recorded: Path, alert: Alert) -> None:
    request = Request(alert=alert.model_copy(update={"service": "billing"}), start=T0, as_of=T0)
    with pytest.raises(SourceMalformed, match="nothing about 'billing'; it knows api, web"):
        BundleSource(recorded, replay=True).collect(request)


def test_a_source_returns_nothing_later_than_as_of(recorded: Path, alert: Alert) -> None:
    request = Request(alert=alert, start=T0, as_of=T0 + timedelta(seconds=10))
    assert len(BundleSource(recorded).collect(request).metrics.timestamps) == 1
