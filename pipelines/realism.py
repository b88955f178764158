"""How real made incidents look: the figures that the notebook and docs/experiments.md set beside each other.

Everything takes cases of :mod:`data.datasets` and never looks at names. The two scorers here are the simple ones
that the field compares with and :mod:`models.baselines` does not have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from data.datasets import Case, load
from data.datasets.synthetic import synthesize
from data.domain import Alert
from data.errors import InputError
from data.telemetry import Floats, Telemetry, to_datetime64
from models.baselines import BASELINES, LOOK_BACK
from models.metrics import ac_at_k, avg_at_k

LAB_LOOK_BACK = timedelta(seconds=30)
Scorer = Callable[[Alert, Telemetry], dict[str, float]]


def robust(alert: Alert, telemetry: Telemetry) -> dict[str, float]:
    """Like BARO's scorer (Pham et al., FSE 2024): largest deviation from the median, in inter-quartile ranges.

    BARO finds the change point itself; here it is the same split before the alert that n-sigma gets.
    """
    metrics = telemetry.metrics
    at = int(np.searchsorted(metrics.timestamps, to_datetime64(alert.fired_at - LOOK_BACK)))
    fired = int(np.searchsorted(metrics.timestamps, to_datetime64(alert.fired_at), side="right"))
    at = max(min(at, fired - 2, len(metrics.timestamps) - 1), 0)
    scores = dict.fromkeys(telemetry.services, 0.0)
    for column, key in enumerate(metrics.keys):
        past, now = (part[np.isfinite(part)] for part in (metrics.values[:at, column], metrics.values[at:, column]))
        if len(past) > 1 and len(now):
            low, median, high = np.percentile(past, [25, 50, 75])
            # RobustScaler leaves a column without spread unscaled, so its raw size counts: BARO does the same.
            score = float(np.abs(now - median).max() / ((high - low) or 1.0))
            scores[key.service] = max(scores[key.service], score)
    return scores


def random_walk(alert: Alert, telemetry: Telemetry) -> dict[str, float]:
    """A walk from the alerting service along calls, drawn to services that deviate (as in MonitorRank, 2013)."""
    scores = BASELINES["n_sigma"](alert, telemetry)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(scores)
    weight = {service: float(np.log1p(score)) + 1e-3 for service, score in scores.items()}
    for caller, callee in telemetry.graph.edges:
        graph.add_edge(caller, callee, weight=weight.get(callee, 1e-3))
        graph.add_edge(callee, caller, weight=0.2 * weight.get(caller, 1e-3))
    for service in scores:
        graph.add_edge(service, service, weight=weight[service])
    start = {alert.service: 1.0} if alert.service in graph else None
    return {str(k): float(v) for k, v in nx.pagerank(graph, alpha=0.85, personalization=start).items()}


SIMPLE: dict[str, Scorer] = {
    "n_sigma": BASELINES["n_sigma"],
    "mean_shift": BASELINES["mean_shift"],
    "robust": robust,
    "random_walk": random_walk,
}


@dataclass(frozen=True, eq=False)
class Measured:
    """One set of cases, measured: a table of series, one of how trouble spread, one of ranks. See the functions."""

    series: pd.DataFrame
    spread: pd.DataFrame
    ranks: pd.DataFrame


def measure(cases: Iterable[Case], kind_of: Callable[[Case], str] = lambda case: case.system) -> Measured:
    """Everything about ``cases`` in one pass: recordings may be too large to be held together."""
    parts: list[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]] = []
    for case in cases:
        one = [case]
        parts.append((shape_of_series(one), propagation(one), rank_by_kind(one, SIMPLE, kind_of)))
    columns = [pd.concat([part[i] for part in parts if len(part[i])], ignore_index=True) for i in range(3)]
    return Measured(*columns)


def synthetic_cases(count: int, services: tuple[int, int] = (5, 20), seed: int = 0) -> Iterator[Case]:
    """The same incidents as ``qai-sre data synthesize`` writes."""
    return (synthesize((seed, number), services=services) for number in range(count))


def lab_cases(folder: Path, look_back: timedelta = LAB_LOOK_BACK) -> Iterator[Case]:
    """Incidents that ``qai-sre lab record`` wrote, shown so that simple scorers look back ``look_back``.

    The lab is sampled every two seconds and alerts within half a minute; two minutes before its alert, where scorers
    cut elsewhere, a recording has only just begun. So the alert is told as much later.
    """
    for case in load("bundles", folder):
        alert = case.alert.model_copy(update={"fired_at": case.alert.fired_at + LOOK_BACK - look_back})
        yield replace(case, alert=alert)


def kind_of_made(case: Case) -> str:
    """The kind of a made incident, all pairs of faults counted as one kind."""
    kind = str(getattr(case.truth(), "kind", case.system))
    return "two at once" if "+" in kind else kind


def public_cases(folder: Path, most: int = 100) -> dict[str, Iterator[Case]]:
    """The public data sets found below ``folder``, at most ``most`` cases of each."""
    found: dict[str, Iterator[Case]] = {}
    for name in ("petshop", "nezha", "rcd", "dycause"):
        try:
            found[name] = islice(load(name, folder), most)
        except InputError:
            continue
    return found


def series_table(sets: Mapping[str, Measured]) -> pd.DataFrame:
    """Series by set: medians, with the 10th and 90th percentile of spread and memory; shares are means."""
    rows = {}
    for name, measured in sets.items():
        table = measured.series
        rows[name] = {
            "series": len(table),
            "never moves": table["constant"].mean(),
            "IQR zero": table["still"].mean(),
            "spread": table["spread"].median(),
            "spread 10-90 %": _range(table["spread"]),
            "memory": table["memory"].median(),
            "memory 10-90 %": _range(table["memory"]),
            "memory 60 s": table["memory_60s"].median(),
            "tail": table["tail"].median(),
            "missing": table["missing"].mean(),
        }
    return pd.DataFrame(rows).T


def spread_table(sets: Mapping[str, Measured]) -> pd.DataFrame:
    """How trouble spreads, by set."""
    rows = {}
    for name, measured in sets.items():
        table = measured.spread
        lag = table.get("lag_s", pd.Series(dtype=float)).dropna()
        rows[name] = {
            "cases": len(table),
            "services reached": table["reached"].median(),
            "reached 10-90 %": _range(table["reached"]),
            "culprit first": table.get("root_first", pd.Series(dtype=float)).mean(),
            "lag to alerting s": lag.median(),
            "lag 10-90 %": _range(lag),
        }
    return pd.DataFrame(rows).T


def ranking_table(sets: Mapping[str, Measured]) -> pd.DataFrame:
    """AC@1 of every simple scorer by set, with what guessing gives."""
    rows = {}
    for name, measured in sets.items():
        ranks = measured.ranks
        means = ranks.groupby("scorer")["ac_at_1"].mean()
        rows[name] = {"cases": ranks["case"].nunique(), "guess": (1 / ranks["services"]).mean(), **means[list(SIMPLE)]}
    return pd.DataFrame(rows).T


def _range(values: pd.Series) -> str:
    known = values.dropna()
    return f"{known.quantile(0.1):.2f} to {known.quantile(0.9):.2f}" if len(known) else "-"


def rank_by_kind(
    cases: Iterable[Case], scorers: dict[str, Scorer], kind_of: Callable[[Case], str] = lambda case: case.system
) -> pd.DataFrame:
    """AC@1 and Avg@5: one row a case and scorer; cases without a culprit are left out."""
    rows: list[dict[str, Any]] = []
    for case in cases:
        answers = {name: score(case.alert, case.telemetry) for name, score in scorers.items()}
        true = case.truth().services
        if true:
            rows += [
                {"case": case.id, "kind": kind_of(case), "scorer": name, "services": len(case.telemetry.services),
                 "ac_at_1": ac_at_k(answer, true, 1), "avg_at_5": avg_at_k(answer, true, 5)}
                for name, answer in answers.items()
            ]  # fmt: skip
    return pd.DataFrame(rows)


def shape_of_series(cases: Iterable[Case], *, most: int = 60) -> pd.DataFrame:
    """What single series look like before the alert: one row a series, at most ``most`` from each case.

    Columns: ``system``, ``spread`` (robust coefficient of variation), ``still`` (inter-quartile range is zero),
    ``constant``, ``memory`` (autocorrelation at one sample), ``memory_60s`` (at about a minute), ``tail`` (99th
    percentile of the distance from the median over the median distance), ``missing`` (share of samples).
    """
    rows = []
    for case in cases:
        metrics = case.telemetry.metrics.before(case.alert.fired_at - LOOK_BACK)
        if len(metrics.timestamps) < 10:
            continue
        step_s = float(np.median(np.diff(metrics.timestamps).astype(float))) / 1e6
        chosen = np.random.default_rng(0).permutation(len(metrics))[:most]
        rows += [{"system": case.system, **_describe(metrics.values[:, i], step_s)} for i in chosen.tolist()]
    return pd.DataFrame(rows)


def _describe(values: Floats, step_s: float) -> dict[str, float]:
    finite = values[np.isfinite(values)]
    if len(finite) < 10:
        return {"missing": 1 - len(finite) / len(values)}
    low, median, high = np.percentile(finite, [25, 50, 75])
    distance = np.abs(finite - median)
    typical = float(np.median(distance))
    return {
        "spread": float((high - low) / 1.35 / abs(median)) if median else float("nan"),
        "still": float(high == low),
        "constant": float(np.ptp(finite) == 0),
        "memory": _autocorrelation(finite, 1),
        "memory_60s": _autocorrelation(finite, max(1, round(60 / step_s))),
        "tail": float(np.percentile(distance, 99) / typical) if typical else float("nan"),
        "missing": 1 - len(finite) / len(values),
    }


def _autocorrelation(values: Floats, lag: int) -> float:
    if lag >= len(values) - 3 or np.ptp(values) == 0:
        return float("nan")
    centred = values - values.mean()
    return float(np.dot(centred[lag:], centred[:-lag]) / np.dot(centred, centred))


def propagation(cases: Iterable[Case], *, threshold: float = 5.0) -> pd.DataFrame:
    """How trouble spreads: one row a case with ``reached`` (share of services that deviate near the alert),
    ``lag_s`` (from the culprit's first deviation to the alerting service's) and ``root_first`` (it led or tied)."""
    rows = []
    for case in cases:
        firsts = _first_deviations(case, threshold)
        true = case.truth().services
        row: dict[str, Any] = {
            "system": case.system,
            "reached": len(firsts) / max(len(case.telemetry.metrics.services), 1),
        }
        if true and true[0] in firsts:
            row["root_first"] = float(firsts[true[0]] <= min(firsts.values()))
            if case.alert.service in firsts and case.alert.service != true[0]:
                row["lag_s"] = firsts[case.alert.service] - firsts[true[0]]
        rows.append(row)
    return pd.DataFrame(rows)


def _first_deviations(case: Case, threshold: float) -> dict[str, float]:
    """Seconds from some time before the alert to each service's first deviation, where it has one."""
    metrics = case.telemetry.metrics
    fired = to_datetime64(case.alert.fired_at)
    end = int(np.searchsorted(metrics.timestamps, fired, side="right")) + 1
    # Ten minutes before the alert, or the last two fifths of what was recorded before it where that is less.
    split = max(int(np.searchsorted(metrics.timestamps, fired - np.timedelta64(600, "s"))), end * 3 // 5)
    past, now = metrics.values[:split], metrics.values[split:end]
    firsts: dict[str, float] = {}
    if split < 10 or not len(now):
        return firsts
    low, median, high = np.nanpercentile(past, [25, 50, 75], axis=0)
    scale = np.maximum((high - low) / 1.35, 0.02 * np.abs(median) + 1e-9)
    seconds = (metrics.timestamps[split:end] - metrics.timestamps[split]).astype(float) / 1e6
    for column, beyond in enumerate((np.abs(now - median) > threshold * scale).T):
        if beyond.any():
            service = metrics.keys[column].service
            first = float(seconds[int(np.argmax(beyond))])
            firsts[service] = min(firsts.get(service, np.inf), first)
    return firsts


def table_of(ranked: pd.DataFrame, figure: str = "ac_at_1", order: Sequence[str] = tuple(SIMPLE)) -> pd.DataFrame:
    """Means by kind (rows) and scorer (columns), with the number of cases and a last row for all."""
    counts: defaultdict[str, int] = defaultdict(int)
    for kind, _ in ranked[["kind", "case"]].drop_duplicates().itertuples(index=False):
        counts[kind] += 1
    table = ranked.pivot_table(index="kind", columns="scorer", values=figure, aggfunc="mean")
    table = table[[name for name in order if name in table.columns]]
    table.loc["all"] = ranked.groupby("scorer")[figure].mean()
    table.insert(0, "cases", [counts[kind] if kind != "all" else ranked["case"].nunique() for kind in table.index])
    return table
