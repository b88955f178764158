"""The recorder for real, on a plan of a few seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from data.domain import ChangeKind
from data.errors import ActionError
from data.lab.record import Plan, record
from data.lab.rule import Rule
from data.sources.bundle import read_alert, read_telemetry

QUICK = Plan(
    deploys=((0.5, "catalogue", "catalogue-sort"), (1.5, "inventory", "inventory-log-reservations")),
    warm_up_s=0.5,
    give_up_s=25.0,
    aftermath_s=1.0,
    scrape_interval_s=0.5,
    rule=Rule("inventory", "db_client_queries_per_request", threshold=2.2, samples=2),
    most_spans=300,
)


def test_what_was_recorded_reads_back_whole(tmp_path: Path) -> None:
    record(tmp_path / "bundle", QUICK)
    alert, telemetry = read_alert(tmp_path / "bundle"), read_telemetry(tmp_path / "bundle")
    assert telemetry.missing == ()
    deploys = [c for c in telemetry.changes if c.kind is ChangeKind.deploy]
    assert [d.service for d in deploys] == ["catalogue", "inventory"]
    assert deploys[-1].timestamp < alert.fired_at
    assert alert.value is not None
    assert alert.value > 2.2
    assert 0 < len(telemetry.spans) < 600
    ended = pd.Timestamp(json.loads((tmp_path / "bundle" / "recording.json").read_text())["ended"])
    assert max(telemetry.logs["timestamp"].max(), telemetry.spans["timestamp"].max()) <= ended
    assert not telemetry.logs["message"].str.contains("checkout stopped").any()
    truth = json.loads((tmp_path / "bundle" / "truth.json").read_text())
    assert {*truth["changes"]} <= {c.id for c in telemetry.changes}


def test_a_rule_that_never_fires_records_nothing(tmp_path: Path) -> None:
    quiet = replace(QUICK, deploys=(), warm_up_s=0.1, give_up_s=0.6, rule=replace(QUICK.rule, threshold=1e9))
    with pytest.raises(ActionError, match="did not fire"):
        record(tmp_path / "bundle", quiet)
    assert not (tmp_path / "bundle").exists()
