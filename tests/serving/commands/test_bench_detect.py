"""One command measures every trained model beside its peers, and skips what is absent."""

from __future__ import annotations

import csv
from pathlib import Path

from click.testing import CliRunner, Result

from serving.commands.bench_detect import command


def bench(folder: Path, *parts: str) -> Result:
    options = [option for part in parts for option in ("--part", part)]
    return CliRunner().invoke(command, [str(folder), *options], catch_exceptions=False)


def test_what_is_absent_is_said_and_skipped(tmp_path: Path) -> None:
    result = bench(tmp_path, "series", "logs", "severity")
    assert result.exit_code == 0
    assert "## smd: not found, skipped" in result.output
    assert "## logs: no data found, skipped" in result.output
    assert "## severity: no data found, skipped" in result.output


def test_severity_rows_are_printed_where_their_data_is(tmp_path: Path) -> None:
    with (tmp_path / "prometheus-rules.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["service", "name", "description", "query", "severity"])
        for n in range(60):
            severity = ("critical", "warning", "info")[n % 3]
            what = {"critical": "instance is down", "warning": "memory is high", "info": "version differs"}[severity]
            rows.writerow([f"service{n // 6}", what.title(), what, "up == 0", severity])
    assert "macro_f1" in bench(tmp_path, "severity").output


def test_a_folder_that_is_not_there_is_an_error_and_not_an_absent_data_set(tmp_path: Path) -> None:
    result = bench(tmp_path / "nowhere", "logs")
    assert result.exit_code == 2
    assert "nowhere" in result.output
