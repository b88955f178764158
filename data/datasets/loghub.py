"""Loghub: log files of many systems, each line labelled with its template.

Zhu et al., "Loghub: A Large Collection of System Log Datasets for AI-driven Log Analytics", ISSRE 2023; templates as
corrected by Khan et al., "Guidelines for Assessing the Accuracy of Log Message Template Identification Techniques",
ICSE 2022. One folder a system: ``NAME_2k.log`` (or ``NAME_full.log``) and ``..._structured_corrected.csv`` (or
``..._structured.csv``), a row a line with ``LineId``, ``Content`` and ``EventTemplate``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.datasets.archive import locate
from data.errors import InputError

MARKER = re.compile(r"\.log_structured(?:_corrected)?\.csv$")
_COLUMNS = ("Content", "EventTemplate")


@dataclass(frozen=True)
class System:
    """One system's log. ``messages`` are the lines without their header, ``templates`` the label of each."""

    name: str
    log: Path
    messages: tuple[str, ...]
    templates: tuple[str, ...]


def systems(path: Path) -> Iterator[System]:
    """The systems under ``path`` in the order of their names; corrected labels where there are any.

    Raises:
        InputError: if ``path`` does not hold the data set, or a table lacks a column.
    """
    roots = locate("loghub", Path(path).expanduser(), MARKER)
    for log in sorted((log for root in roots for log in root.rglob("*.log")), key=lambda log: log.name):
        tables = (log.with_name(f"{log.name}_structured{kind}.csv") for kind in ("_corrected", ""))
        table = next((table for table in tables if table.exists()), None)
        if table is not None:
            yield _system(log, table)


def _system(log: Path, table: Path) -> System:
    with table.open(newline="", encoding="utf-8", errors="backslashreplace") as text:
        rows = csv.DictReader(text)
        for column in _COLUMNS:
            if column not in (rows.fieldnames or ()):
                raise InputError(f"the table needs a column {column!r}", field=str(table))
        messages, templates = zip(*((row["Content"], row["EventTemplate"]) for row in rows), strict=True)
    return System(re.sub(r"_(?:2k|full)$", "", log.stem), log, messages, templates)
