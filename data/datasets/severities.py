"""Public texts with a severity somebody gave them: status-page incidents, and alerting rules.

Each yields :class:`Labelled` reports. What an on-call engineer would not have had (later updates, how long it
lasted, the label) is not in the report; the later updates are given apart, for training on what a text may grow to.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from data.domain import Severity
from data.errors import InputError
from data.reports import Report

LICENCES = {
    "github-incidents": "MIT, a collection of GitHub's public status history",
    "prometheus-rules": "CC-BY-4.0, awesome-prometheus-alerts by Samuel Berthe and contributors",
}
_IMPACTS = {
    "none": Severity.low,
    "minor": Severity.medium,
    "major": Severity.high,
    "critical": Severity.critical,
}
_RULES = {"critical": Severity.critical, "warning": Severity.medium, "info": Severity.low}


@dataclass(frozen=True)
class Labelled:
    """A report and the severity it was given.

    Attributes:
        at: ISO time, to split by; empty where there is none.
        group: what must not be in both training and test; the service of a rule, else the report itself.
        later: texts of the updates that followed, in order.
    """

    report: Report
    severity: Severity
    at: str = ""
    group: str = ""
    later: tuple[str, ...] = ()


def github_incidents(path: Path) -> list[Labelled]:
    """Incidents of a status page (JSON lines, ``.gz`` or plain), oldest first; planned maintenance is left out.

    Raises:
        InputError: naming the file and line that is not such an incident.
    """
    found = []
    for number, record in enumerate(_json_lines(path), 1):
        try:
            severity = _IMPACTS.get(record["impact"])
            said = [str(update["message"]) for update in record["updates"]]
            report = Report(title=str(record["title"]), text=said[0] if said else "")
            if severity is not None:
                found.append(Labelled(report, severity, str(record["started_at"]), str(record["id"]), tuple(said[1:])))
        except (KeyError, TypeError) as error:
            raise InputError(
                f"needs title, impact, started_at and updates: {error!r}", field=f"{path}:{number}"
            ) from error
    return sorted(found, key=lambda item: (item.at, item.group))


def prometheus_rules(path: Path) -> list[Labelled]:
    """Alerting rules (CSV: service, name, description, query, severity), in the order of the file.

    Raises:
        InputError: naming the column that is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for number, row in enumerate(rows, 2):
        missing = {"service", "name", "description", "query", "severity"} - {k for k, v in row.items() if v is not None}
        if missing:
            raise InputError(f"lacks {', '.join(sorted(missing))}", field=f"{path}:{number}")
        if row["severity"] in _RULES:
            report = Report(row["name"], row["description"], service=row["service"], expression=row["query"])
            found.append(Labelled(report, _RULES[row["severity"]], group=row["service"]))
    return found


def find(path: Path) -> dict[str, Path]:
    """Which of the two lie at ``path``: a file, or a folder that holds them under their usual names."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    found = {}
    for file in files:
        if "github-incidents" in file.name and ".json" in file.name:
            found["github-incidents"] = file
        elif "prometheus" in file.name and file.suffix == ".csv":
            found["prometheus-rules"] = file
    return found


def _json_lines(path: Path) -> Iterator[Any]:
    file: TextIO
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"is not valid JSON: {error}", field=f"{path}:{number}") from error
