"""Methods of the PetShop paper (Hardt et al., "The PetShop Dataset", 2023), written from its description.

All look at one metric only, that of the alert, at every node, and compare the samples from shortly before the alert
(:data:`LEAD` of them) with everything before. A node is anomalous where it lies more than :data:`THRESHOLD` scaled
median absolute deviations from its normal median, at the first sample at which the alerting node does.

* Ranked correlation: the anomalous nodes, by the p-value of their Pearson correlation with the alerting node.
* Traversal: the anomalous nodes that call no anomalous node and from which only anomalous nodes lead to the alerting
  one, by the sum of the scores on the best such path.
* Counterfactual attribution (Budhathoki et al., ICML 2022) with linear mechanisms, for which its Shapley values have a
  closed form: what a node's own departure from what its callees explain adds to the alerting node.

Beyond the paper: rankings are not cut after three, and several instances of a node are averaged.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pandas as pd

from data.domain import Alert
from data.telemetry import Floats, Metrics, Telemetry, to_datetime64
from data.topology import ServiceGraph
from pipelines.evaluate import Answer

LEAD = 2
THRESHOLD = 5.0
FEWEST = 10
# Scales the median absolute deviation to the standard deviation of a normal distribution.
MAD_SCALE = 0.6744897501960817


@dataclass(frozen=True, eq=False)
class OneMetric:
    """The alert's metric at every node, before and during the incident: frames with a column a node."""

    target: str
    normal: pd.DataFrame
    abnormal: pd.DataFrame

    @classmethod
    def of(cls, alert: Alert, metrics: Metrics) -> OneMetric | None:
        """None where the alert names no metric, or the alerting node does not have it on both sides."""
        columns = [i for i, key in enumerate(metrics.keys) if key.metric == alert.metric]
        if alert.service not in {metrics.keys[i].service for i in columns}:
            return None
        frame = pd.DataFrame(metrics.values[:, columns], columns=[metrics.keys[i].service for i in columns])
        nodes = frame.T.groupby(level=0).mean().T
        start = _start(alert, metrics)
        normal, abnormal = nodes.iloc[:start], nodes.iloc[start:]
        seen = normal[alert.service].notna().any() and abnormal[alert.service].notna().any()
        return cls(alert.service, normal, abnormal) if seen else None


def ranked_correlation(alert: Alert, telemetry: Telemetry) -> Answer:
    """Anomalous nodes, those best correlated with the alerting one first."""
    seen = OneMetric.of(alert, telemetry.metrics)
    if seen is None:
        return Answer({}, failure="the alert's metric was not recorded at its node")
    candidates = [node for node in anomalies(seen) if node != seen.target]
    found = {node: p_value(seen.abnormal[node], seen.abnormal[seen.target]) for node in candidates}
    return Answer({node: -p for node, p in found.items() if np.isfinite(p)})


def traversal(alert: Alert, telemetry: Telemetry) -> Answer:
    """Anomalous nodes without an anomalous callee, with an anomalous path to the alerting one."""
    seen = OneMetric.of(alert, telemetry.metrics)
    if seen is None:
        return Answer({}, failure="the alert's metric was not recorded at its node")
    scores = anomalies(seen)
    try:
        reached = best_paths(seen.target, scores, telemetry.graph)
    except CycleError:
        return Answer({}, failure="the anomalous nodes call each other in a circle")
    roots = [node for node in reached if not set(telemetry.graph.callees(node)) & set(scores)]
    return Answer({node: reached[node] for node in roots})


def counterfactual(alert: Alert, telemetry: Telemetry) -> Answer:
    """What each node's own noise adds to the alerting one's deviation, all mechanisms being linear."""
    seen = OneMetric.of(alert, telemetry.metrics)
    if seen is None or not telemetry.graph:
        return Answer({}, failure="needs the call graph and the alert's metric")
    nodes = [node for node in telemetry.graph.downstream(seen.target) if node in seen.normal]
    try:
        order = [*TopologicalSorter({n: set(telemetry.graph.callees(n)) & set(nodes) for n in nodes}).static_order()]
    except CycleError:
        return Answer({}, failure="nodes call each other in a circle")
    normal, sample = _filled(seen, nodes)
    total = dict.fromkeys(nodes, 0.0) | {seen.target: 1.0}
    scores = {}
    for node in reversed(order):  # callers before callees: a callee's effect is the sum over those who call it
        callees = [c for c in telemetry.graph.callees(node) if c in total]
        slopes = _slopes(normal[node], normal[callees])
        expected = normal[node].mean() + float(slopes @ (sample[callees] - normal[callees].mean()).to_numpy())
        scores[node] = total[node] * (sample[node] - expected)
        for callee, slope in zip(callees, slopes, strict=True):
            total[callee] += total[node] * float(slope)
    return Answer({node: float(score) for node, score in scores.items()})


def anomalies(seen: OneMetric) -> dict[str, float]:
    """The score of every anomalous node when the alerting one was; nothing where it never was."""
    scores = {str(node): deviation(seen.normal[node], seen.abnormal[node]) for node in seen.abnormal.columns}
    at_target = scores[seen.target]
    if at_target is None:
        return {}
    late = np.flatnonzero(at_target[LEAD:] > _threshold(seen.normal[seen.target]))
    if not len(late):
        return {}
    at = LEAD + int(late[0])
    known = {node: float(values[at]) for node, values in scores.items() if values is not None}
    return {node: score for node, score in known.items() if score > _threshold(seen.normal[node])}


def deviation(normal: pd.Series, abnormal: pd.Series) -> Floats | None:
    """Distance from the normal median, in scaled median absolute deviations; None with too few normal samples.

    A constant series has no scale: the distance from its level is the score. Missing samples score 0.
    """
    past = normal.dropna().to_numpy()
    if len(past) < FEWEST:
        return None
    scale = 1.0 if np.ptp(past) == 0 else float(np.median(np.abs(past - np.median(past)))) / MAD_SCALE
    centre = float(past.mean()) if np.ptp(past) == 0 else float(np.median(past))
    distance = np.abs(abnormal.to_numpy(dtype=float) - centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(distance / scale, nan=0.0, posinf=np.inf))


def p_value(x: pd.Series, y: pd.Series) -> float:
    """Of Pearson's correlation over the samples both have; NaN where it is not defined."""
    from scipy.stats import pearsonr

    both = x.notna() & y.notna()
    if both.sum() < 2 or x[both].nunique() < 2 or y[both].nunique() < 2:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nearly constant: the p-value is then no worse than the method deserves
        return float(pearsonr(x[both], y[both]).pvalue)


def best_paths(target: str, scores: Mapping[str, float], graph: ServiceGraph) -> dict[str, float]:
    """The highest sum of scores on a path of calls from ``target`` to each node, over anomalous nodes alone.

    Raises:
        CycleError: if anomalous nodes call each other in a circle.
    """
    if target not in scores:
        return {}
    calls = {node: [c for c in graph.callees(node) if c in scores] for node in scores}
    callers: dict[str, set[str]] = {node: set() for node in scores}
    for caller, callees in calls.items():
        for callee in callees:
            callers[callee].add(caller)
    best = {target: scores[target]}
    for node in TopologicalSorter(callers).static_order():
        for callee in calls[node] if node in best else ():
            best[callee] = max(best.get(callee, -np.inf), best[node] + scores[callee])
    return best


def _start(alert: Alert, metrics: Metrics) -> int:
    """The first sample of the incident: :data:`LEAD` sampling steps before the alert."""
    steps = np.diff(metrics.timestamps).astype("int64")
    lead = timedelta(microseconds=LEAD * float(np.median(steps)) if len(steps) else 0.0)
    return int(np.searchsorted(metrics.timestamps, to_datetime64(alert.fired_at - lead)))


def _threshold(normal: pd.Series) -> float:
    return 0.0 if normal.nunique() < 2 else THRESHOLD


def _filled(seen: OneMetric, nodes: list[str]) -> tuple[pd.DataFrame, pd.Series]:
    """Normal samples without gaps, and the incident's sample at the alert; what is missing is as usual."""
    normal = seen.normal[nodes].fillna(seen.normal[nodes].mean()).fillna(0.0)
    late = seen.abnormal[nodes].iloc[LEAD:] if len(seen.abnormal) > LEAD else seen.abnormal[nodes]
    first = late[late[seen.target].notna()].head(1) if late[seen.target].notna().any() else late.head(1)
    return normal, first.iloc[0].fillna(normal.mean())


def _slopes(of: pd.Series, on: pd.DataFrame) -> Floats:
    if on.empty or not len(on.columns):
        return np.zeros(len(on.columns))
    centred = (on - on.mean()).to_numpy()
    return np.asarray(np.linalg.lstsq(centred, (of - of.mean()).to_numpy(), rcond=None)[0])


Method = Callable[[Alert, Telemetry], Answer]
METHODS: dict[str, Method] = {f.__name__: f for f in (ranked_correlation, traversal, counterfactual)}
