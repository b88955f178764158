"""The model's nodes: one comparable series for each service that the alerting one reaches, before and during."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt

from data.domain import Alert
from data.telemetry import Floats, Metrics, to_datetime64
from data.topology import ServiceGraph
from models.features import Period
from models.indicators import Kind, kind_of, words_of

# Fewer normal samples than this do not tell how a service follows its callees.
LEAST_NORMAL = 30
# More add cost, not knowledge; the nearest to the incident are kept.
MOST_NORMAL = 2_000
# A series with fewer of its samples than this has too little to follow.
LEAST_PRESENT = 0.5
_TRAVELS = (Kind.latency, Kind.error, Kind.availability)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Services and what they showed, on one clock, higher is worse.

    Attributes:
        target: the alerting service, one of ``services``.
        services: in topological order, callers first.
        callees: for each service its callees among ``services``, over those that have no series.
        normal, incident: shape (T, N) and (S, N); no missing values.
    """

    target: str
    services: tuple[str, ...]
    callees: Mapping[str, tuple[str, ...]]
    normal: Floats
    incident: Floats


def nodes_of(alert: Alert, graph: ServiceGraph, metrics: Metrics, period: Period) -> Nodes | None:
    """The nodes for ``alert``; None without a call graph, a series at the alerting service, or enough normal data."""
    if alert.service not in graph or not len(metrics):
        return None
    reached = [s for s in graph.services if s in graph.downstream(alert.service) or s == alert.service]
    series = _series_of(alert, metrics, reached)
    times = metrics.timestamps
    cut = int(np.searchsorted(times, to_datetime64(period.before), side="left"))
    start = int(np.searchsorted(times, to_datetime64(period.onset), side="left"))
    end = int(np.searchsorted(times, to_datetime64(period.end), side="right"))
    normal = {s: v[max(0, cut - MOST_NORMAL) : cut] for s, v in series.items()}
    incident = {s: v[start:end] for s, v in series.items()}
    usable = {s for s in series if _enough(normal[s], LEAST_NORMAL) and np.isfinite(incident[s]).any()}
    if alert.service not in usable or len(usable) < 2:
        return None
    tree = _without_cycles(graph, reached, alert.service)
    callees = {s: _nearest(tree, s, usable) for s in usable}
    order = [s for s in nx.topological_sort(tree) if s in usable]
    return Nodes(
        alert.service,
        tuple(order),
        callees,
        np.stack([_filled(normal[s], normal[s]) for s in order], axis=1),
        np.stack([_filled(incident[s], incident[s]) for s in order], axis=1),
    )


def _series_of(alert: Alert, metrics: Metrics, services: Sequence[str]) -> dict[str, Floats]:
    """For each service its mean over instances of the metric most like the alert's, turned so that up is worse."""
    kind = kind_of(alert.metric or alert.title)
    kind = kind if kind in _TRAVELS else Kind.latency
    columns: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, key in enumerate(metrics.keys):
        if key.service in services and kind_of(key.metric, key.unit) is kind:
            columns[key.service][key.metric].append(i)
    wanted = alert.metric or ""
    if alert.service in columns and wanted not in columns[alert.service]:
        wanted = min(columns[alert.service], key=lambda m: _unlike(m, wanted))
    chosen = {s: min(names, key=lambda m: _unlike(m, wanted)) for s, names in columns.items()}
    sign = -1.0 if kind is Kind.availability else 1.0
    return {s: sign * _mean(metrics.values[:, columns[s][name]]) for s, name in chosen.items()}


def _unlike(metric: str, wanted: str) -> tuple[bool, int, str]:
    return metric != wanted, -len(words_of(metric) & words_of(wanted)), metric


def _mean(values: Floats) -> Floats:
    present = np.isfinite(values)
    count = present.sum(axis=1)
    return np.asarray(np.where(count > 0, np.where(present, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan))


def _enough(values: Floats, least: int) -> bool:
    present = np.isfinite(values)
    return bool(present.sum() >= least and present.mean() >= LEAST_PRESENT)


def _filled(values: Floats, usual: Floats) -> Floats:
    """``values`` with the last one carried on over gaps, and the usual one before the first."""
    present = np.isfinite(values)
    last: npt.NDArray[np.intp] = np.maximum.accumulate(np.where(present, np.arange(len(values)), -1))
    carried = values[np.maximum(last, 0)]
    return np.asarray(np.where(last >= 0, carried, np.nanmedian(usual)))


def _without_cycles(graph: ServiceGraph, services: Sequence[str], target: str) -> nx.DiGraph[str]:
    """The calls among ``services``, less those that lead back towards ``target`` and close a cycle."""
    calls: nx.DiGraph[str] = nx.DiGraph(graph.edges)
    calls.add_node(target)
    far = nx.single_source_shortest_path_length(calls, target)
    tree: nx.DiGraph[str] = nx.DiGraph()
    tree.add_nodes_from(services)
    for caller, callee in sorted(graph.edges, key=lambda call: (far.get(call[0], len(far)), call)):
        if caller in tree and callee in tree and caller != callee and not nx.has_path(tree, callee, caller):
            tree.add_edge(caller, callee)
    return tree


def _nearest(tree: nx.DiGraph[str], service: str, usable: set[str]) -> tuple[str, ...]:
    """The callees of ``service`` that have a series; where one has none, its own callees stand for it."""
    found: set[str] = set()
    waiting, seen = list(tree.successors(service)), {service}
    while waiting:
        callee = waiting.pop()
        if callee in seen:
            continue
        seen.add(callee)
        if callee in usable:
            found.add(callee)
        else:
            waiting.extend(tree.successors(callee))
    return tuple(sorted(found))
