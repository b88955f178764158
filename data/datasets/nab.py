"""The Numenta Anomaly Benchmark (Lavin and Ahmad, 2015, https://github.com/numenta/NAB).

``data/<group>/<series>.csv`` with ``timestamp`` and ``value``; ``labels/combined_windows.json`` names the abnormal
windows of each, both ends included. Series that the label file does not name are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from data.datasets.series import LabelledSeries, usual_step
from data.errors import InputError

MARKER = re.compile(r"(^|/)labels/combined_windows\.json$")


def series(root: Path) -> Iterator[LabelledSeries]:
    """Every labelled series, with and without windows, in order of path."""
    for labels in sorted(root.rglob("combined_windows.json")):
        windows = json.loads(labels.read_text(encoding="utf-8"))
        for name in sorted(windows):
            path = labels.parents[1] / "data" / name
            if path.exists():
                yield _read(path, name, windows[name])


def _read(path: Path, name: str, windows: list[list[str]]) -> LabelledSeries:
    table = pd.read_csv(path)
    if not {"timestamp", "value"} <= set(table.columns):
        raise InputError("needs the columns timestamp and value", field=str(path))
    times = pd.to_datetime(table["timestamp"]).to_numpy()
    labels = np.zeros(len(table), dtype="int8")
    for first, last in windows:
        labels[(times >= np.datetime64(first)) & (times <= np.datetime64(last))] = 1
    values = pd.to_numeric(table["value"], errors="coerce").to_numpy(dtype=float)
    return LabelledSeries(name.removesuffix(".csv"), values[:, None], labels, step_s=usual_step(times))
