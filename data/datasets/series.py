"""Public sets of time series with labelled anomalies: one form for all, and what their readers share.

``load(name, path)`` yields :class:`LabelledSeries`; one format a module, each with ``MARKER``, a pattern one of its
files must match, and ``series(root)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError

Floats = npt.NDArray[np.float64]

SERIES = {
    "ms-cloud": "data.datasets.ms_cloud",
    "nab": "data.datasets.nab",
    "smd": "data.datasets.smd",
}


@dataclass(frozen=True, eq=False)
class LabelledSeries:
    """One record to be scored.

    Attributes:
        id: a name within the data set.
        values: (rows, columns), NaN where a sample is missing.
        labels: (rows,), 1 where the data set says it is abnormal. Not for a detector to see.
        normal: (rows, columns) recorded earlier and known to be normal, or None.
        step_s: seconds between rows, None where unknown.
    """

    id: str
    values: Floats
    labels: npt.NDArray[np.int8] = field(repr=False)
    normal: Floats | None = None
    step_s: float | None = None

    @property
    def has_anomalies(self) -> bool:
        return bool(0 < self.labels.sum() < len(self.labels))


def load(name: str, path: Path) -> Iterator[LabelledSeries]:
    """The records of one data set, each read when it is asked for.

    Args:
        name: a key of :data:`SERIES`.
        path: the unpacked data set, its archive, or a folder that holds the archive.

    Raises:
        InputError: if the name is unknown, or ``path`` does not hold the data set. Raised by the call itself.
    """
    from data.datasets.archive import locate

    if name not in SERIES:
        raise InputError(f"unknown data set {name!r}; choose one of {', '.join(SERIES)}", field="dataset")
    module = import_module(SERIES[name])
    roots = locate(name, Path(path).expanduser(), module.MARKER)
    return (series for root in roots for series in module.series(root))


def usual_step(timestamps: npt.NDArray[np.datetime64]) -> float | None:
    """The median time between rows in seconds; None where no two are apart."""
    if len(timestamps) < 2:
        return None
    gaps = np.diff(timestamps.astype("datetime64[ns]").astype("int64"))
    known = gaps[gaps > 0]
    return float(np.median(known)) / 1e9 if len(known) else None
