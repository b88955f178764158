"""``bench rca`` as a script meets it: JSON, exit codes, messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from serving.commands.bench import command


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Four recordings in the form of RCD, each with one service whose CPU is taken."""
    rng = np.random.default_rng(5)
    services = ("web", "cart", "search", "pay")
    for service in services:
        folder = tmp_path / "shop" / f"{service}-cpu" / "1"
        folder.mkdir(parents=True)
        for name, rows in (("normal", 200), ("anomalous", 150)):
            table = pd.DataFrame({f"{s}_cpu": rng.normal(10, 1, rows) for s in services})
            table["web_lat_90"] = rng.normal(1, 0.1, rows)
            if name == "anomalous":
                table[f"{service}_cpu"] += 60
            table.insert(0, "time", 1_600_000_000 + np.arange(rows))
            table.to_csv(folder / f"{name}.csv", index=False)
    return tmp_path


def test_all_runs_what_is_there_and_says_what_is_not(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    quick = ["--jobs", "1", "--limit", "2", "--delays", "0,60"]
    folders = [str(tmp_path / "empty"), str(recordings)]
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    arguments = ["all", *folders, *quick, "--markdown", str(tmp_path / "tables.md")]
    result = CliRunner().invoke(command, arguments, env=nowhere)
    assert result.exit_code == 0, result.stderr
    assert "| rcd +60 s | 2 |" in result.stdout
    assert "### False alarms" in result.stdout
    assert (tmp_path / "tables.md").read_text() == result.stdout.removesuffix("\n")
    assert "skipped: no petshop in " in result.stderr
    assert "skipped: published methods are not installed; `qai-sre bench install-peers` does it" in result.stderr


def test_all_without_any_data_set_exits_two_and_names_the_program(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["all", str(tmp_path), "--peers", "none"])
    assert result.exit_code == 2
    assert result.stderr.startswith("qai-sre: DIR: no data set in ")


@pytest.mark.parametrize("delays", ["", "a", "-1", "0,,60", "inf"])
def test_delays_that_are_no_seconds_are_refused(delays: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["all", str(tmp_path), "--delays", delays])
    assert result.exit_code == 2
    assert "numbers of seconds" in result.stderr


@pytest.mark.parametrize("sizes", ["", "x", "1", "10,0"])
def test_sizes_that_are_no_numbers_are_refused(sizes: str) -> None:
    result = CliRunner().invoke(command, ["speed", "--sizes", sizes])
    assert result.exit_code == 2
    assert "whole numbers above 1" in result.stderr


def test_speed_prints_seconds_beside_the_baseline_and_the_exponent() -> None:
    result = CliRunner().invoke(command, ["speed", "--sizes", "3,6", "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert [row["series"] for row in report["sizes"]] == [30, 60]
    assert all(row["seconds"] > 0 and row["baseline_seconds"] > 0 for row in report["sizes"])
    assert all(row["peak_memory_mb"] >= row["held_mb"] > 0 for row in report["sizes"])
    assert report["exponent"] is not None


def test_errors_begin_with_the_name_of_the_program(tmp_path: Path) -> None:
    _, _, err = run("--dataset", "nezha", "--path", str(tmp_path))
    assert err.startswith("qai-sre: ")


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, ["rca", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_json_is_one_object_with_every_method(recordings: Path) -> None:
    code, out, err = run("--dataset", "rcd", "--path", str(recordings), "--delay", "30", "--until", "60", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert out.count("\n") == 1
    assert (report["dataset"], report["cases"], report["delay_s"], report["until_s"]) == ("rcd", 4, 30.0, 60.0)
    assert set(report["methods"]) == {"qai", "random", "n_sigma", "mean_shift"}
    assert report["methods"]["random"]["ac_at_1"] == pytest.approx(0.25)
    for name in ("n_sigma", "mean_shift", "qai"):
        assert report["methods"][name]["ac_at_1"] == 1.0
    assert 0 <= report["methods"]["qai"]["ece"] <= 1
    assert report["methods"]["n_sigma"]["ece"] is None
    assert report["methods"]["qai"]["ms_per_case"] > 0
    assert report["peak_memory_mb"] > 0
    assert report["changes"] == {} or report["changes"].keys() <= {"qai", "latest_deploy"}


def test_the_table_names_every_method_and_the_delay(recordings: Path) -> None:
    code, out, _ = run("--dataset", "rcd", "--path", str(recordings))
    assert code == 0
    assert "alert 60 s after the fault" in out
    said = " ".join(out.split())
    assert "qai cannot tell in 0% of the cases; AC@1 where it can 1.00, and of the surest 50% 1.00" in said
    for name in ("qai", "random", "n_sigma", "mean_shift", "peak memory"):
        assert name in out


@pytest.mark.parametrize("kind", ["absent", "empty"])
def test_a_path_without_the_data_set_exits_two_and_says_what_to_give(kind: str, tmp_path: Path) -> None:
    path = tmp_path if kind == "empty" else tmp_path / "nowhere"
    code, out, err = run("--dataset", "nezha", "--path", str(path), "--json")
    assert (code, out) == (2, "")
    assert "give" in err
    assert str(path) in err


@pytest.mark.parametrize("extra", [["--dataset", "imagenet"], ["--dataset", "rcd", "--delay", "-1"], []])
def test_wrong_usage_exits_two(extra: list[str], tmp_path: Path) -> None:
    code, _, err = run("--path", str(tmp_path), *extra)
    assert code == 2
    assert err


def test_a_broken_recording_is_named(recordings: Path) -> None:
    broken = next(recordings.rglob("anomalous.csv"))
    broken.write_text("when,web_cpu\n1,2\n")
    code, _, err = run("--dataset", "rcd", "--path", str(recordings))
    assert code == 2
    assert "anomalous.csv" in err
    assert "needs a column 'time'" in err


def test_a_delay_nobody_uses_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "alert.json").write_text(json.dumps({"id": "a", "service": "web", "fired_at": "2024-01-01T00:10:00Z"}))
    rows = [f"2024-01-01T00:{m:02}:00Z,web,cpu,{m}" for m in range(15)]
    (folder / "metrics.csv").write_text("\n".join(["timestamp,service,metric,value", *rows]))
    (folder / "truth.json").write_text(json.dumps({"services": ["web"], "changes": []}))
    code, out, err = run("--dataset", "bundles", "--path", str(tmp_path), "--delay", "5", "--json")
    assert code == 0
    assert "--delay is not used" in err
    report = json.loads(out)
    assert report["delay_s"] is None
    assert report["changes"]["qai"]["no_change_right"] == 1.0
