"""RCD's recordings (Ikram et al., NeurIPS 2022, https://github.com/azamikram/rcd).

``<service>-<metric>/<n>/{normal.csv, anomalous.csv}``: the folder's name is the label. Columns are ``time`` (epoch
seconds) and ``<service>_<metric>``.

The two files were recorded on different days. They are joined into one clock that starts at a nominal date, the
anomalous part right after the normal one; the fault begins where they meet, and the alert ``delay_s`` later. There
is no call graph and no entry point in the data, so the alert is on the service with the highest usual latency
(:func:`~data.datasets.common.slowest_service`), the same one whatever the fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from data.datasets.common import (
    NOMINAL_START,
    Case,
    Options,
    Truth,
    alert_on,
    from_wide,
    in_order_of_id,
    one_after_the_other,
    opaque_id,
    slowest_service,
    times_from_epoch,
    without_dead_series,
)
from data.errors import InputError
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64

MARKER = re.compile(r"(^|/)anomalous\.csv$")
HAS_ALERTS = False


def cases(root: Path, options: Options) -> Iterator[Case]:
    """Every folder below ``root`` that holds both recordings."""
    folders = sorted(path.parent for path in root.rglob("anomalous.csv") if path.with_name("normal.csv").exists())
    for case_id, folder in in_order_of_id((_id(folder), folder) for folder in folders):
        yield _case(case_id, folder, options)


def _id(folder: Path) -> str:
    return opaque_id("rcd", *((folder / name).read_bytes() for name in ("normal.csv", "anomalous.csv")))


def _case(case_id: str, folder: Path, options: Options) -> Case:
    normal, anomalous = (read_recording(folder / name) for name in ("normal.csv", "anomalous.csv"))
    joined = without_dead_series(one_after_the_other(normal, anomalous))
    onset = anomalous.timestamps[0] - joined.timestamps[0]
    metrics = replace(joined, timestamps=joined.timestamps - joined.timestamps[0] + to_datetime64(NOMINAL_START))
    fault_start = NOMINAL_START + pd.Timedelta(onset).to_pytimedelta()
    service, metric = slowest_service(metrics)
    alert = alert_on(case_id, service, options.alert_at(fault_start), metric)
    label = partial(_truth, folder.parent.name, metrics.services)
    return Case(case_id, _system(folder), alert, options.shown(alert, Telemetry(metrics)), label)


def read_recording(path: Path) -> Metrics:
    """One CSV file."""
    table = pd.read_csv(path)
    if "time" not in table.columns or len(table.columns) < 2 or table.empty:
        raise InputError("needs a column 'time', at least one '<service>_<metric>', and a row", field=str(path))
    table = table.apply(pd.to_numeric, errors="coerce").dropna(subset=["time"])
    columns = [str(name) for name in table.columns if name != "time"]
    keys = [SeriesKey(*pair) for pair in split_columns(columns)]
    return from_wide(times_from_epoch(table["time"]), keys, table[columns].to_numpy(dtype=float))


def split_columns(columns: Sequence[str]) -> list[tuple[str, str]]:
    """(service, metric) of each column name ``<service>_<metric>``, where either part may hold underscores.

    Names with one underscore show which services and which metrics there are; names with more are cut where a
    known service ends, else where a known metric begins, else at the first underscore.
    """
    plain = [name.split("_") for name in columns if name.count("_") == 1]
    services, metrics = {pair[0] for pair in plain}, {pair[1] for pair in plain}
    return [_split(name, services, metrics) for name in columns]


def _split(name: str, services: set[str], metrics: set[str]) -> tuple[str, str]:
    cuts = [i for i, letter in enumerate(name) if letter == "_"]
    pairs = [(name[:i], name[i + 1 :]) for i in cuts]
    for known in ((p for p in pairs if p[0] in services), (p for p in pairs if p[1] in metrics), iter(pairs)):
        pair = next(known, None)
        if pair is not None:
            return pair
    return name, "value"


def _system(folder: Path) -> str:
    """The folder above the labelled one. A path that names a single case's folders has no more to say."""
    return folder.parents[1].name or "rcd"


def _truth(name: str, services: Sequence[str]) -> Truth:
    """The label is ``<service>-<metric>``, and services have hyphens too: the longest service of the data that fits."""
    fitting = [s for s in services if re.match(re.escape(s) + r"[-_]", name)]
    service = max(fitting, key=len) if fitting else name.rpartition("-")[0] or name
    return Truth((service,), tuple(filter(None, (name[len(service) + 1 :],))))
