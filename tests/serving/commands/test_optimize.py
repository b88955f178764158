"""The command that reviews recorded telemetry and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from data.errors import InputError
from data.incidents import shipped_incident
from serving.commands.optimize import command


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A week of a service that uses a tenth of its CPU, without an alert: a folder with metrics is enough."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "week"
    folder.mkdir()
    clock = pd.date_range("2026-03-02", periods=7 * 288, freq="5min", tz="UTC")
    use = 0.2 + 0.2 * np.sin(np.arange(len(clock)) / 288 * 2 * np.pi)
    tables = [
        pd.DataFrame({"timestamp": clock, "service": "search", "metric": metric, "value": value})
        for metric, value in (("cpu_usage_cores", use), ("cpu_request_cores", 4.0))
    ]
    pd.concat(tables).to_csv(folder / "metrics.csv", index=False)
    (tmp_path / "prices.yaml").write_text("currency: EUR\ncpu_core_hour: 0.03\n")
    return folder


def test_it_prints_one_document_with_saving_evidence_and_decision(recorded: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    record = json.loads(run(str(recorded), "--prices", str(tmp_path / "prices.yaml"), "--json").stdout)
    (proposal,) = record["proposals"]
    assert (proposal["service"], proposal["kind"]) == ("search", "oversized")
    saving = proposal["saving_per_month"]
    assert saving["currency"] == "EUR"
    assert 0 < saving["low"] <= saving["value"] <= saving["high"] < 0.03 * 4 * 730
    assert proposal["decision"]["outcome"] == "ask"
    assert proposal["proposal"]["remedy"]["kind"] == "scale_down"
    assert proposal["evidence"][0]["id"] == "o1"
    assert "memory of search was not seen" in proposal["not_seen"]
    assert sorted(tmp_path.rglob("*")) == before


def test_without_prices_the_saving_is_null_and_says_why(recorded: Path) -> None:
    (proposal,) = json.loads(run(str(recorded), "--json").stdout)["proposals"]
    assert proposal["saving_per_month"] is None
    assert proposal["saving_reason"] == "no prices are given"


def test_twelve_minutes_are_too_short_for_anything(recorded: Path) -> None:
    record = json.loads(run(str(shipped_incident()), "--json").stdout)
    assert record["proposals"] == []
    assert any("6 h are needed" in why for why in record["not_judged"])


def test_for_people_it_says_that_nothing_was_written(recorded: Path) -> None:
    text = run(str(recorded)).stdout
    assert "Give each instance of search" in text
    assert text.endswith("Nothing was written.\n")


def test_a_folder_without_telemetry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither metrics nor spans"):
        run(str(tmp_path))
    with pytest.raises(InputError, match="is no folder"):
        run(str(tmp_path / "absent"))
