"""Microsoft's Cloud Monitoring Dataset (https://github.com/microsoft/cloud-monitoring-dataset).

``data/<domain>/<series>.csv`` with ``TimeStamp``, ``Value`` and ``Label``; one series a file, points labelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from data.datasets.series import LabelledSeries, usual_step
from data.errors import InputError

MARKER = re.compile(r"(^|/)data/[^/]+/[^/]+\.csv-metadata\.json$")
_COLUMNS = ("TimeStamp", "Value", "Label")


def series(root: Path) -> Iterator[LabelledSeries]:
    """Every CSV that has its metadata beside it, in order of path."""
    for described in sorted(root.rglob("*.csv-metadata.json")):
        path = described.with_name(described.name.removesuffix("-metadata.json"))
        if path.exists():
            yield _read(path)


def _read(path: Path) -> LabelledSeries:
    table = pd.read_csv(path)
    if missing := [name for name in _COLUMNS if name not in table.columns]:
        raise InputError(f"has no column {', '.join(missing)}", field=str(path))
    times = pd.to_datetime(table["TimeStamp"], utc=True, format="mixed").dt.tz_localize(None)
    values = pd.to_numeric(table["Value"], errors="coerce").to_numpy(dtype=float)
    labels = pd.to_numeric(table["Label"], errors="coerce").fillna(0).to_numpy(dtype="int8")
    return LabelledSeries(path.stem, values[:, None], labels, step_s=usual_step(times.to_numpy()))
