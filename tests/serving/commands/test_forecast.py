"""The command line of forecast."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from data.errors import InputError
from serving.commands.forecast import command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    times = pd.date_range("2026-01-01", periods=400, freq="5min", tz="UTC")
    path = tmp_path / "disk.csv"
    disk = 20 + 0.15 * np.arange(400) + rng.normal(0, 0.5, 400)
    pd.DataFrame({"timestamp": times, "disk": disk, "load": rng.normal(1, 0.1, 400)}).to_csv(path, index=False)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def test_json_is_one_document_with_every_column(file: Path) -> None:
    found = json.loads(run(file, "--threshold", 81, "--horizon", "2h", "--json").stdout)["forecasts"]
    disk, load = found
    assert (disk["column"], load["column"]) == ("disk", "load")
    assert disk["horizon_rows"] == 24
    assert disk["probability"] > 0.5 > 0.1 > load["probability"]
    assert disk["lead"]["low_rows"] <= disk["lead"]["rows"] <= disk["lead"]["high_rows"]
    assert disk["lead"]["low_at"] <= disk["lead"]["at"] <= disk["lead"]["high_at"]
    assert {"false_alarm_rate", "lead_rows", "origins", "brier"} <= set(disk["history"])
    assert disk["terms"]


def test_people_get_lines_to_read(file: Path) -> None:
    said = run(file, "--threshold", 81, "--horizon", 24, "--column", "disk").stdout
    assert "to be at or above 81 within 2 h" in said
    assert "its past:" in said
    assert "load" not in said
    assert "is at or below 100 already" in run(file, "--threshold", 100, "--below", "--horizon", 5).stdout


def test_an_error_budget_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "failing.csv"
    times = pd.date_range("2026-01-01", periods=200, freq="1h", tz="UTC")
    pd.DataFrame({"timestamp": times, "failing": np.r_[np.zeros(150), np.full(50, 0.01)]}).to_csv(path, index=False)
    (found,) = json.loads(run(path, "--objective", 0.995, "--window", "7d", "--horizon", "2d", "--json").stdout)[
        "forecasts"
    ]
    assert found["budget"]["burn_rate"] == pytest.approx(2.0, abs=0.01)
    assert "burning 2" in run(path, "--objective", 0.995, "--window", "7d", "--horizon", "2d").stdout


def test_certificates_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("name,not_after\na.example,2026-03-10\n")
    options = (path, "--expiries", "--horizon", "30d", "--as-of", "2026-03-01")
    (found,) = json.loads(run(*options, "--json").stdout)["expiries"]
    assert (found["name"], found["probability"], found["seconds_left"]) == ("a.example", 1.0, 9 * 86_400)
    assert "! a.example: expires in 9.0 days" in run(*options).stdout
    with pytest.raises(InputError, match="--horizon"):
        run(path, "--expiries", "--horizon", "30")


def test_a_question_that_is_none_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match="--threshold or --objective"):
        run(file, "--horizon", 5)
    with pytest.raises(InputError, match="--horizon"):
        run(file, "--threshold", 5, "--horizon", "soon")
