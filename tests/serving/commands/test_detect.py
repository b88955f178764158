"""``qai-sre detect`` on files as people have them: a row out for every row in, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from serving.commands.detect import command


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    times = pd.date_range("2026-01-01", periods=600, freq="min", tz="UTC")
    values = rng.normal(100, 3, 600)
    values[400:410] += 60
    return pd.DataFrame({"timestamp": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "latency_ms": values})


def test_every_row_gets_a_score_and_the_fault_an_alarm(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "shop.csv", index=False)
    result = run(tmp_path / "shop.csv", "--out", tmp_path / "out", "--train-rows", 300, "--plot")
    assert result.exit_code == 0, result.output
    out = pd.read_csv(tmp_path / "out" / "shop.csv")
    assert list(out.columns) == ["timestamp", "score", "alarm"]
    assert out["timestamp"].tolist() == table["timestamp"].tolist()
    assert out["alarm"][400:410].all()
    assert out["alarm"][:370].sum() == 0
    ElementTree.parse(tmp_path / "out" / "shop.svg")


def test_parquet_with_several_columns(table: pd.DataFrame, tmp_path: Path) -> None:
    table["cpu"] = np.random.default_rng(1).random(600)
    table["timestamp"] = pd.to_datetime(table["timestamp"])
    table.to_parquet(tmp_path / "m.parquet")
    result = run(tmp_path / "m.parquet", "--out", tmp_path / "out", "--json")
    report = json.loads(result.stdout)["files"][0]
    out = pd.read_parquet(tmp_path / "out" / "m.parquet")
    assert report["columns"] == ["latency_ms", "cpu"]
    assert 395 <= int(out["score"].argmax()) <= 415


def test_what_is_wrong_is_reported_and_not_fatal(table: pd.DataFrame, tmp_path: Path) -> None:
    table["latency_ms"] = table["latency_ms"].astype(object)
    table.loc[5, "latency_ms"] = "n/a?"
    table.loc[6, "latency_ms"] = None
    table["note"] = "text"
    table.loc[20, "timestamp"] = table.loc[19, "timestamp"]
    table = table.drop(index=range(100, 110))
    table = pd.concat([table[300:], table[:300]])
    table.to_csv(tmp_path / "odd.csv", index=False)
    result = run(tmp_path / "odd.csv", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for said in ("not finite", "empty", "'note' holds no number", "repeated", "gaps", "back in time"):
        assert said in result.output
    out = pd.read_csv(tmp_path / "out" / "odd.csv")
    assert out["timestamp"].tolist() == table["timestamp"].tolist()
    assert out["score"].notna().all()


def test_one_bad_file_does_not_stop_the_others(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "good.csv", index=False)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    result = run(tmp_path / "bad.csv", tmp_path / "good.csv", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "timestamp" in result.output
    assert (tmp_path / "out" / "good.csv").exists()


def test_an_input_is_never_overwritten(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "shop.csv", index=False)
    before = (tmp_path / "shop.csv").read_bytes()
    result = run(tmp_path / "shop.csv", "--out", tmp_path)
    assert "overwrite" in str(result.exception)
    assert (tmp_path / "shop.csv").read_bytes() == before


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000_000])
def test_epoch_numbers_are_times_too(table: pd.DataFrame, tmp_path: Path, unit: int) -> None:
    table["timestamp"] = (1_767_225_600 + 60 * np.arange(600)) * unit
    table.to_csv(tmp_path / "epoch.csv", index=False)
    result = run(tmp_path / "epoch.csv", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "gaps" not in result.output
    assert pd.read_csv(tmp_path / "out" / "epoch.csv")["timestamp"].tolist() == table["timestamp"].tolist()
