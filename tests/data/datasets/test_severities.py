import gzip
import json
from pathlib import Path

import pytest

from data.datasets.severities import find, github_incidents, prometheus_rules
from data.domain import Severity
from data.errors import InputError


def incident(at: str, impact: str, *messages: str) -> dict[str, object]:
    return {"id": at, "title": "T", "impact": impact, "started_at": at, "updates": [{"message": m} for m in messages]}


def test_incidents_come_oldest_first_without_maintenance_or_hindsight(tmp_path: Path) -> None:
    path = tmp_path / "github-incidents.jsonl.gz"
    rows = [
        incident("2025", "major", "first", "it was bad"),
        incident("2024", "none", "x"),
        incident("2023", "maintenance"),
    ]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    old, new = github_incidents(path)
    assert (old.severity, new.severity) == (Severity.low, Severity.high)
    assert new.report.text == "first"
    assert new.later == ("it was bad",)
    assert find(tmp_path) == {"github-incidents": path}


def test_rules_are_grouped_by_service(tmp_path: Path) -> None:
    path = tmp_path / "prometheus-rules.csv"
    path.write_text(
        "service,name,description,query,severity\nredis,Down,d,up == 0,critical\nredis,R,d,x,odd\n", encoding="utf-8"
    )
    (rule,) = prometheus_rules(path)
    assert (rule.group, rule.severity, rule.report.expression) == ("redis", Severity.critical, "up == 0")
    assert find(path) == {"prometheus-rules": path}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("service,name,description,severity\na,b,c,critical\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks query"):
        prometheus_rules(path)
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError, match="needs title, impact"):
        github_incidents(path)
