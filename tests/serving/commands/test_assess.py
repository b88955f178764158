"""The command line of assess: one document, in the order given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from data.errors import InputError
from serving.commands.assess import command

REPORTS = [
    {"id": "b", "title": "Incident with Pages", "text": "We are investigating degraded performance for Pages."},
    {"id": "a", "name": "Redis down", "description": "Redis instance is down", "query": "redis_up == 0"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reports.ndjson"
    path.write_text("".join(json.dumps(r) + "\n" for r in REPORTS), encoding="utf-8")
    return path


def test_json_is_one_document_in_the_order_given(file: Path) -> None:
    result = CliRunner().invoke(command, [str(file), "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)["assessments"]
    assert [(a["line"], a["id"]) for a in found] == [(1, "b"), (2, "a")]
    for assessment in found:
        assert set(assessment["probabilities"]) == {"critical", "high", "medium", "low"}
        assert sum(assessment["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)
        assert assessment["severity"] in assessment["probabilities"]
        assert {"term", "of", "log_odds"} == set(assessment["terms"][0])


def test_people_get_lines_to_read(file: Path) -> None:
    result = CliRunner().invoke(command, [str(file)], catch_exceptions=False)
    assert "2. critical: Redis down" in result.stdout
    assert "for critical or high: " in result.stdout


def test_a_line_that_cannot_be_read_is_named(file: Path) -> None:
    file.write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        CliRunner().invoke(command, [str(file)], catch_exceptions=False)
