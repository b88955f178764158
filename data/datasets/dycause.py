"""DyCause on Sock Shop under Istio: mean request latency of each service, one sample a second.

``<campaign>/<experiment>/<run>/{baseline,fault}/raw_prometheus.csv``: one column a service, one row a second, no
clock. Runs recorded as ``rawdata.xlsx`` alone need openpyxl (``pip install 'qai-sre[bench]'``).

Both parts are put on one nominal clock; the fault begins where the second starts, and the alert ``delay_s`` later.
The alert is on the entry service that ``metadata.json`` names for every run alike (``frontend_idx``), else on the
service with the highest usual latency. The root cause is in the same file and is read by ``truth()`` alone.
A folder may hold several campaigns, aborted and trial ones among them: the one with most runs is the data set.
Give a campaign's own folder to score another.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from data.datasets.common import (
    NOMINAL_START,
    Case,
    Options,
    Truth,
    alert_on,
    from_wide,
    in_order_of_id,
    nominal_times,
    opaque_id,
    slowest_service,
)
from data.errors import InputError
from data.telemetry import SeriesKey, Telemetry

MARKER = re.compile(r"(^|/)baseline/(raw_prometheus\.csv|rawdata\.xlsx)$")
HAS_ALERTS = False
_STEP_S = 1.0
_METRIC = "latency"


def cases(root: Path, options: Options) -> Iterator[Case]:
    """Every run of the largest campaign below ``root``."""
    for case_id, run in in_order_of_id((_id(run), run) for run in sorted(_largest_campaign(root))):
        yield _case(case_id, run, options)


def _largest_campaign(root: Path) -> list[Path]:
    """The runs of one campaign: they differ in name and, by at most two folders, in place."""
    campaigns: dict[Path, list[Path]] = defaultdict(list)
    for baseline in root.rglob("baseline"):
        run = baseline.parent
        if (run / "fault").is_dir():
            campaigns[run.parents[1] if re.fullmatch(r"run\d*", run.name) else run.parent].append(run)
    return max(campaigns.values(), key=len, default=[])


def _id(run: Path) -> str:
    return opaque_id("dycause", *(_recording(run / part).read_bytes() for part in ("baseline", "fault")))


def _case(case_id: str, run: Path, options: Options) -> Case:
    baseline, fault = (_read(_recording(run / part)) for part in ("baseline", "fault"))
    table = pd.concat([baseline, fault], ignore_index=True)
    keys = [SeriesKey(str(name), _METRIC, "", "s") for name in table.columns]
    metrics = from_wide(nominal_times(len(table), _STEP_S), keys, table.to_numpy(dtype=float))
    fault_start = NOMINAL_START + timedelta(seconds=_STEP_S * len(baseline))
    entry = _entry(run / "metadata.json", [str(name) for name in table.columns]) or slowest_service(metrics)[0]
    alert = alert_on(case_id, entry, options.alert_at(fault_start), _METRIC)
    system = (run.parents[1] if re.fullmatch(r"run\d*", run.name) else run.parent).name
    return Case(
        case_id, system, alert, options.shown(alert, Telemetry(metrics)), partial(_truth, run / "metadata.json")
    )


def _recording(part: Path) -> Path:
    path = part / "raw_prometheus.csv"
    return path if path.exists() else part / "rawdata.xlsx"


def _read(path: Path) -> pd.DataFrame:
    table: pd.DataFrame
    if path.suffix == ".csv":
        table = pd.read_csv(path)
    else:
        try:
            table = pd.read_excel(path)
        except ImportError as error:
            raise InputError("reading it needs openpyxl: pip install 'qai-sre[bench]'", field=str(path)) from error
    numbers: pd.DataFrame = table.apply(pd.to_numeric, errors="coerce")
    return numbers


def _entry(path: Path, services: list[str]) -> str | None:
    """The service users meet first; None where the run does not say."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        name = str(metadata["services"][int(metadata["frontend_idx"])])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return name if name in services else None


def _truth(path: Path) -> Truth:
    try:
        metadata: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if metadata.get("root_cause"):
            return Truth((str(metadata["root_cause"]),))
        return Truth(tuple(str(metadata["services"][i]) for i in metadata["root_cause_indices"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"names no root cause: {error!r}", field=str(path)) from error
