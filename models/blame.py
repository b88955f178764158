"""Degradation that callees do not explain, weighed by how much traffic it touches.

A caller is as slow, or fails as often, as what it calls. So from each service's harm (how much its calls
degraded x how many calls there are) the harm of its callees is taken off; what is left began there. Counting
whole calls makes services of different size comparable: a big change on a path hardly used cannot explain
what users see, a small one on the main path can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from data.domain import Alert
from data.telemetry import Floats
from data.topology import ServiceGraph
from models.features import ChangeScores, by_name, of_kind
from models.grouped import Indices
from models.indicators import Kind, closeness, kind_of
from models.passing import Passing, passed_down

# A service with less than this share of the alerting one's requests explains only part of what that one suffers.
HARDLY_USED = 0.1
# What began at one service is not much more than all that the alerting one suffers.
MOST = 1.5


def unexplained_harm(scores: ChangeScores, rows: Indices, n_services: int, edges: Indices) -> Floats:
    """``scores.harm``, where what callees' change in the same metric accounts for is taken off latency and errors.

    Args:
        rows: the service of each series, shape (K,).
        edges: (caller, callee) pairs of services, shape (E, 2).
    """
    harm = scores.harm.copy()
    if not len(edges):
        return harm
    change = np.abs(scores.change) * (scores.harm > 0)
    for mine in scores.travelling.values():
        degraded = np.zeros(n_services)
        np.maximum.at(degraded, rows[mine], change[mine])
        from_callees = np.zeros(n_services)
        np.maximum.at(from_callees, edges[:, 0], degraded[edges[:, 1]])
        left = 1.0 - from_callees[rows[mine]] / np.where(change[mine] > 0, change[mine], 1.0)
        harm[mine] *= np.clip(left, 0.0, 1.0)
    return harm


def trust(scores: ChangeScores, rows: Indices, services: list[str], edges: Indices, alerting: str) -> Floats:
    """How far each series speaks of its own service rather than of what it calls, in (0, 1]; shape (K,).

    A caller's latency or errors, where no callee has the same measure to compare with, may be its own or not: a
    half. Those of a service with hardly any traffic beside the alerting one cannot be what that one suffers from.
    """
    n_services = len(services)
    used = np.ones(n_services)
    requests = _requests(scores, rows, n_services)
    if requests is not None and alerting in services and requests[services.index(alerting)] > 0:
        share = requests / requests[services.index(alerting)]
        used = np.where(requests > 0, np.minimum(1.0, share / HARDLY_USED), 1.0)
    of_self = by_name(scores.keys, lambda metric, _: closeness(metric), float)
    calls = np.zeros(n_services, bool)
    calls[edges[:, 0]] = True
    for mine in scores.travelling.values():
        measured, comparable = np.zeros(n_services, bool), np.zeros(n_services, bool)
        measured[rows[mine]] = True
        comparable[edges[measured[edges[:, 1]], 0]] = True
        of_self[mine] *= np.where((calls & ~comparable)[rows[mine]], 0.5, 1.0) * used[rows[mine]]
    return of_self


def blame(scores: ChangeScores, rows: Indices, services: list[str], graph: ServiceGraph, alert: Alert) -> Floats:
    """Each service's share in what the alerting service suffers, callees' shares taken off; shape (services,).

    1 means that what began there is as much, in requests x change, as all that the alerting service suffers. What a
    service measures of its own calls to others is as much theirs, and so is what no callee has the like of: half.
    Only measured where request rates, a call graph and a degraded metric of the alerting service are known;
    zero elsewhere.
    """
    requests = _requests(scores, rows, len(services))
    if requests is None or not graph or alert.service not in services:
        return np.zeros(len(services))
    alerting = services.index(alert.service)
    edges = edge_rows(graph, {s: i for i, s in enumerate(services)})
    reached = graph.downstream(alert.service)
    inside = np.array([service in reached for service in services])
    best = np.zeros(len(services))
    for metric, mine in _watched(scores, rows, alerting, alert).items():
        burden = np.zeros(len(services))
        towards = np.sign(scores.z[mine]) * (scores.harm[mine] >= np.abs(scores.z[mine]))
        np.maximum.at(burden, rows[mine], np.abs(scores.change[mine]) * (towards != 0))
        burden *= requests
        noise = np.zeros(len(services))
        np.maximum.at(noise, rows[mine], scores.scale[mine])
        own = burden.copy()
        np.subtract.at(own, edges[:, 0], burden[edges[:, 1]])
        suffered = max(float(burden[alerting]), 3.0 * float(noise[alerting] * requests[alerting]))
        if suffered > 0:
            best = np.maximum(best, np.clip(own / suffered, 0.0, MOST) * inside * closeness(metric))
    return best


def passed_on(
    share: Floats, passings: Sequence[Passing], row: Mapping[str, int], alert: Alert
) -> tuple[Floats, Floats]:
    """``share``, and the same after callers have passed on what spans say they only waited for, or had fail on them.

    Metrics cannot tell a slow service from one whose calls are slow on the way, or go to somebody who tells nothing of
    itself (a provider, a database): spans can. An alert on failures is told apart by failed calls, others by time.
    """
    failures = kind_of(alert.metric or alert.title) in (Kind.error, Kind.availability)
    got, kept = passed_down(share, passings, row, failures=failures)
    whole = np.minimum(share + got, MOST)
    return np.maximum(share, whole), kept * whole


def edge_rows(graph: ServiceGraph, row: Mapping[str, int]) -> Indices:
    """The graph's edges as pairs of rows, shape (E, 2); edges of services without telemetry are left out."""
    pairs = [(row[a], row[b]) for a, b in graph.edges if a in row and b in row]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _watched(scores: ChangeScores, rows: Indices, alerting: int, alert: Alert) -> dict[str, Indices]:
    """The metric the alert names, if it is one that spreads and is the service's own; else those that changed."""
    travelling = scores.travelling
    if alert.metric in travelling and closeness(alert.metric) == 1.0:
        return {alert.metric: travelling[alert.metric]}
    return {name: mine for name, mine in travelling.items() if (scores.harm[mine][rows[mine] == alerting] > 3.0).any()}


def _requests(scores: ChangeScores, rows: Indices, n_services: int) -> Floats | None:
    """The usual traffic of each service, by the traffic metric that most services have; None where hardly any has."""
    found = np.flatnonzero(of_kind(scores.keys, Kind.traffic) & (scores.base > 0))
    names = Counter(scores.keys[i].metric for i in found)
    if not names:
        return None
    name, _ = min(names.items(), key=lambda item: (-item[1], item[0]))
    mine = [i for i in found if scores.keys[i].metric == name]
    return np.asarray(np.bincount(rows[mine], weights=scores.base[mine], minlength=n_services), dtype=float)
