"""PetShop (Hardt et al., 2023, https://github.com/amazon-science/petshop-root-cause-analysis).

``<scenario>/graph.csv``, ``<scenario>/noissue/metrics.csv`` and ``<scenario>/<split>/<issue>/{metrics.csv,
target.json}``. Metrics have five-minute samples stamped with the start of their period, and a header of three
rows: node, metric, statistic. ``graph.csv`` is an adjacency matrix whose row calls its column: PetSite, which
users meet first, has callees in its row and no caller in its column.

The alert is ``target`` of ``target.json`` (node, metric, time), so the delay option does not apply; the rest of
that file is the label. The recording of normal operation was made months after the issues; it is moved in time to
end one sample before the issue's own recording begins. A scenario without one borrows those of its neighbours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.datasets.common import (
    Case,
    Options,
    Truth,
    alert_on,
    from_wide,
    in_order_of_id,
    one_after_the_other,
    opaque_id,
    times_from_epoch,
    without_dead_series,
)
from data.domain import Evidence, EvidenceKind
from data.errors import InputError
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph

MARKER = re.compile(r"(^|/)target\.json$")
HAS_ALERTS = True


def cases(root: Path, options: Options) -> Iterator[Case]:
    """Every issue below ``root``, of whatever scenario and split."""
    issues = sorted(target.parent for target in root.rglob("target.json"))
    named = ((opaque_id("petshop", (issue / "metrics.csv").read_bytes()), issue) for issue in issues)
    for case_id, issue in in_order_of_id(named):
        yield _case(case_id, issue, issue.parents[1], options)


def _case(case_id: str, issue: Path, scenario: Path, options: Options) -> Case:
    target = _target(issue / "target.json")
    metric = _metric_name(str(target["metric"]), str(target.get("agg", "Average")))
    fired_at = datetime.fromtimestamp(float(target["timestamp"]), UTC)
    alert = alert_on(case_id, str(target["node"]), fired_at, metric)
    normal, missing = _normal(scenario)
    metrics = reduce(one_after_the_other, [*normal, read_metrics(issue / "metrics.csv")])
    telemetry = Telemetry(without_dead_series(metrics), graph=read_graph(scenario / "graph.csv"), missing=missing)
    label = partial(_truth, issue / "target.json")
    return Case(case_id, scenario.name, alert, options.shown(alert, telemetry), label)


def read_metrics(path: Path) -> Metrics:
    """One ``metrics.csv``; a series is a node's metric and statistic, such as ``latency_p90``."""
    table = pd.read_csv(path, header=[0, 1, 2], index_col=0)
    titles = [table.columns.get_level_values(level).astype(str) for level in range(3)]
    keys = [SeriesKey(node, _metric_name(metric, statistic)) for node, metric, statistic in zip(*titles, strict=True)]
    return from_wide(times_from_epoch(table.index.to_numpy()), keys, table.to_numpy(dtype=float))


def read_graph(path: Path) -> ServiceGraph:
    """The adjacency matrix as a call graph; no graph where there is no file."""
    if not path.exists():
        return ServiceGraph()
    table = pd.read_csv(path, index_col=0)
    callers, callees = [str(name) for name in table.index], [str(name) for name in table.columns]
    calls = np.argwhere(table.to_numpy(dtype=float) > 0)
    return ServiceGraph([(callers[row], callees[column]) for row, column in calls], callees)


def _metric_name(metric: str, statistic: str) -> str:
    return f"{metric}_{statistic}"


def _normal(scenario: Path) -> tuple[list[Metrics], tuple[Evidence, ...]]:
    own = scenario / "noissue" / "metrics.csv"
    if own.exists():
        return [read_metrics(own)], ()
    borrowed = sorted(scenario.parent.glob("*/noissue/metrics.csv"))
    note = "this traffic has no recording of normal operation" + ("; that of other traffic was used" * bool(borrowed))
    evidence = Evidence(id="missing:normal", kind=EvidenceKind.missing, summary=note, source="petshop")
    return [read_metrics(path) for path in borrowed], (evidence,)


def _target(path: Path) -> dict[str, Any]:
    try:
        target: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["target"]
        if not {"node", "metric", "timestamp"} <= set(target):
            raise KeyError("node, metric or timestamp")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"has no readable target: {error!r}", field=str(path)) from error
    return target


def _truth(path: Path) -> Truth:
    cause = json.loads(path.read_text(encoding="utf-8"))["root_cause"]
    return Truth((str(cause["node"]),), (str(cause["metric"]),) if cause.get("metric") else ())
