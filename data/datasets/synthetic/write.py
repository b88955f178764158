"""A case on disk, as a bundle with ``truth.json``; the fast way for many."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.datasets.common import Case
from data.datasets.synthetic.lines import ndjson
from data.datasets.synthetic.recording import KnownTruth
from data.telemetry import Metrics, SeriesKey, Telemetry


def write_case(folder: Path, case: Case) -> None:
    """Writes ``case`` so that :mod:`data.sources.bundle` reads it back. Tables the case lacks are not written.

    Raises:
        TypeError: if ``case`` was not made by :func:`~data.datasets.synthetic.compose.synthesize`.
    """
    truth = case.truth()
    if not isinstance(truth, KnownTruth):
        raise TypeError("only made incidents can be written: their label says which tables are labelled")
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(folder, case.telemetry)
    if case.telemetry.graph.services:
        _dump(folder / "topology.json", case.telemetry.graph.as_json())
    if truth.changes is not None:
        _dump(folder / "changes.json", [_change(c.model_dump(mode="json")) for c in case.telemetry.changes])
    _dump(folder / "truth.json", truth.as_json())
    alert = case.alert.model_dump(mode="json", exclude={"extra", "group", "status", "level", "environment", "link"})
    # Last: a bundle with an alert is a whole bundle, also where the writer may die half way.
    _dump(folder / "alert.json", {**alert, "severity": case.alert.level.value})


def _write_tables(folder: Path, telemetry: Telemetry) -> None:
    if len(telemetry.metrics):
        pq.write_table(_long(telemetry.metrics), folder / "metrics.parquet", compression="zstd")
    if len(telemetry.logs):
        (folder / "logs.ndjson").write_text(ndjson(telemetry.logs))
    if len(telemetry.spans):
        table = pa.Table.from_pandas(telemetry.spans, preserve_index=False)
        pq.write_table(table, folder / "spans.parquet", compression="zstd")


def _long(metrics: Metrics) -> pa.Table:
    """One row a sample, in the order of time; names are dictionary-encoded, which is what makes this fast."""
    row, column = np.nonzero(np.isfinite(metrics.values))
    arrays = [pa.array(metrics.timestamps[row], pa.timestamp("us", tz="UTC"))]
    for position in range(len(SeriesKey._fields)):
        names, codes = np.unique([key[position] for key in metrics.keys], return_inverse=True)
        arrays.append(
            pa.DictionaryArray.from_arrays(pa.array(codes[column].astype(np.int32)), pa.array(names.tolist()))
        )
    arrays.append(pa.array(metrics.values[row, column]))
    return pa.table(arrays, names=["timestamp", *SeriesKey._fields, "value"])


def _change(record: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in record.items() if value not in (None, [], {}, "")}


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
