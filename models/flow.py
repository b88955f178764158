"""What metrics of callers and callees tell together: calls that multiply, get lost, wait or fail on the way.

A fault between two services, or in how one uses the other, shows in neither one's own numbers alone. So each
service is compared with those that call it:

* its traffic grew, theirs did not: a caller asks more of it for each request (retries, a query a row, a cold cache);
* its traffic fell, theirs did not: calls no longer reach it (a wrong address, a breaker, a lost name);
* all its callers got slower, or fail more often, than anything they call explains: the way to it is bad.

Callers are credited where they do something else than before, callees where something happens to what is sent to
them; which of the two is to blame one measure cannot tell, several channels together often can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.domain import EvidenceKind
from data.telemetry import Floats
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.blame import edge_rows
from models.features import MAX_SCORE, by_name, of_kind
from models.grouped import Flags, Indices
from models.indicators import Kind, closeness, kind_of, words_of
from models.sentences import MetricBlock

# Request mixes change: a tenth more or less of a callee's share of them is ordinary.
ORDINARY_GROWTH = 0.1
# A share of failures below this is not worth asking after.
ORDINARY_FAILURES = 0.01
NOTABLE = 2.0
# One caller's trouble counts no more than this, in spreads, towards what its callees are suspected of.
MOST_OF_ONE = 10.0
# What is left of failures that no caller feels.
UNFELT = 0.2
_SHARES = frozenset({"ratio", "share", "rate", "percent", "percentage", "pct", "loss", "availability", "success"})
# 1 for a share of failures, -1 for one of successes, 0 for what tells of neither.
_TOLD = {Kind.error: 1, Kind.availability: -1}


@dataclass(frozen=True, eq=False)
class Vitals:
    """What each service's requests did, in comparable units; arrays of shape (S,), NaN where it is not measured.

    Attributes:
        growth: natural logarithm of requests now over requests before; ``growth_noise`` its ordinary variation.
        requests: usual rate, in whatever unit the telemetry has.
        failures: rise of the share of requests that fail; ``failure_noise`` its ordinary variation.
        slower: rise of latency in spreads, less what callees account for.
    """

    services: tuple[str, ...]
    edges: Indices
    growth: Floats
    growth_noise: Floats
    requests: Floats
    failures: Floats
    failure_noise: Floats
    slower: Floats


def flow_findings(block: MetricBlock, graph: ServiceGraph) -> list[Finding]:
    """What the calls between services show; nothing without a call graph. ``block`` is not changed."""
    if not graph or not len(block.metrics):
        return []
    vitals = vitals_of(block, graph)
    return [
        *_more_and_less(vitals),
        *_calls_out(block, vitals),
        *_surges(vitals),
        *_own_errors(vitals),
        *_callers_suffer(vitals, vitals.slower, Channel.callers_slow, "slower", "latency of its callers"),
        *_callers_suffer(vitals, _unexplained_failures(vitals), Channel.callers_fail, "failing more", "failing calls"),
    ]


def vitals_of(block: MetricBlock, graph: ServiceGraph) -> Vitals:
    """The vital signs of every service with metrics."""
    scores = block.scores
    services = tuple(sorted({key.service for key in scores.keys}))
    row = {service: i for i, service in enumerate(services)}
    rows = np.array([row[key.service] for key in scores.keys], dtype=np.intp)
    edges = edge_rows(graph, row)
    traffic = of_kind(scores.keys, Kind.traffic)
    growth, noise, requests = _growth(block, rows, traffic, len(services))
    failures, failure_noise = _failures(block, rows, traffic, len(services))
    slower = _slower(block, rows, edges, requests)
    return Vitals(services, edges, growth, noise, requests, failures, failure_noise, slower)


def _growth(block: MetricBlock, rows: Indices, mine: Flags, n: int) -> tuple[Floats, Floats, Floats]:
    """Growth of the rates of ``mine`` by service: the mean over its series, the steadier ones weighing more."""
    scores = block.scores
    base, now = scores.base, scores.base + scores.change
    usable = mine & (np.nan_to_num(base) > 0) & (np.nan_to_num(now) >= 0)
    grew = np.log(np.fmax(now[usable], 0.02 * base[usable]) / base[usable])
    noise = scores.scale[usable] / base[usable]
    weight = 1.0 / np.fmax(noise, 0.01) ** 2
    total = np.bincount(rows[usable], weights=weight, minlength=n)
    known = total > 0
    mean = np.bincount(rows[usable], weights=weight * grew, minlength=n) / np.where(known, total, 1.0)
    least = np.full(n, np.inf)
    np.minimum.at(least, rows[usable], noise)
    requests = np.zeros(n)
    np.maximum.at(requests, rows[usable], base[usable])
    nothing = np.where(known, 0.0, np.nan)
    return mean + nothing, np.where(known, least, np.nan), requests + nothing


def _failures(block: MetricBlock, rows: Indices, traffic: Flags, n: int) -> tuple[Floats, Floats]:
    """Rise of the share of failed requests: as measured, or as errors over requests where these are counted alike."""
    scores = block.scores
    of_self = by_name(scores.keys, lambda metric, _: closeness(metric) == 1.0, bool)
    rise, noise = np.full(n, np.nan), np.full(n, np.nan)
    got_before, got_now = np.zeros(n), np.zeros(n)
    np.add.at(got_before, rows[traffic], np.nan_to_num(scores.base[traffic]))
    np.add.at(got_now, rows[traffic], np.nan_to_num(scores.base[traffic] + scores.change[traffic]))
    told = by_name(scores.keys, lambda metric, unit: _TOLD.get(kind_of(metric, unit), 0), int)
    counted = by_name(scores.keys, lambda metric, unit: not (unit == "%" or words_of(metric) & _SHARES), bool)
    base, now = scores.base, scores.base + scores.change
    whole = np.where(
        (np.fmax(np.abs(base), np.abs(now)) > 1.5) | by_name(scores.keys, lambda _, unit: unit == "%", bool), 100, 1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        by_count = now / got_now[rows] - base / got_before[rows]
        found = np.clip(np.where(counted, by_count, told * (now - base) / whole), -1.0, 1.0)
        wobble = scores.scale / np.where(counted, got_before[rows], whole)
    usable = np.flatnonzero((told != 0) & of_self & np.isfinite(found) & np.isfinite(wobble) & ~(counted & (told < 0)))
    # The worst of a service's measures last, so that it stays.
    worst_last = usable[np.argsort(found[usable], kind="stable")]
    rise[rows[worst_last]], noise[rows[worst_last]] = found[worst_last], wobble[worst_last]
    return rise, noise


def _slower(block: MetricBlock, rows: Indices, edges: Indices, requests: Floats) -> Floats:
    """Rise of latency beyond that of callees, in spreads: the most over a service's latency metrics; (S,)."""
    scores, n = block.scores, len(requests)
    of_self = by_name(scores.keys, lambda metric, _: closeness(metric) == 1.0, bool)
    latency = np.flatnonzero(of_kind(scores.keys, Kind.latency) & of_self)
    names = np.array([scores.keys[i].metric for i in latency], dtype=str)
    found = np.full(n, np.nan)
    times = _times_called(edges, requests, n)
    for name in np.unique(names):
        mine = latency[names == name]
        rise, spread = np.zeros(n), np.full(n, np.nan)
        np.maximum.at(rise, rows[mine], np.nan_to_num(scores.change[mine]))
        np.fmin.at(spread, rows[mine], scores.scale[mine])
        in_callees = np.bincount(edges[:, 0], weights=times * rise[edges[:, 1]], minlength=n)
        found = np.fmax(found, np.clip((rise - in_callees) / spread, 0.0, MAX_SCORE))
    return found


def _times_called(edges: Indices, requests: Floats, n: int) -> Floats:
    """Calls of each edge for one request of its caller, where a callee is called alike by all its callers; (E,)."""
    known = np.nan_to_num(requests)
    callers = np.bincount(edges[:, 1], weights=known[edges[:, 0]], minlength=n)
    ratio = known[edges[:, 1]] / np.where(callers[edges[:, 1]] > 0, callers[edges[:, 1]], np.nan)
    return np.asarray(np.clip(np.where(ratio > 0, ratio, 1.0), 0.3, 5.0))


def _more_and_less(v: Vitals) -> Iterator[Finding]:
    """Traffic that grew or fell beyond that of every caller."""
    a, b = v.edges[:, 0], v.edges[:, 1]
    known = np.isfinite(v.growth[a])
    n = len(v.services)
    most, least, noise = np.full(n, -np.inf), np.full(n, np.inf), np.zeros(n)
    np.maximum.at(most, b[known], v.growth[a[known]])
    np.minimum.at(least, b[known], v.growth[a[known]])
    np.maximum.at(noise, b[known], v.growth_noise[a[known]])
    spread = np.sqrt(np.nan_to_num(v.growth_noise) ** 2 + noise**2 + ORDINARY_GROWTH**2)
    with np.errstate(invalid="ignore"):
        more = np.nan_to_num((v.growth - most) / spread, nan=0.0, posinf=0.0, neginf=0.0)
        less = np.nan_to_num((least - v.growth) / spread, nan=0.0, posinf=0.0, neginf=0.0)
    callers = np.bincount(b, minlength=n)
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        for score, channel, verb in ((more[j], Channel.fan_out, "more"), (less[j], Channel.lost_calls, "fewer")):
            if score > NOTABLE:
                caller, callee = v.services[i], v.services[j]
                text = f"{callee} gets {_times(v.growth[j])} its usual requests, its callers {_times(most[j])}"
                text += f": {caller} may make {verb} calls for each request"
                yield _finding(caller, channel, score, text, f"calls to {callee}", 1.0 / callers[j])
    for j in np.flatnonzero(less > NOTABLE).tolist():
        text = f"{v.services[j]} gets {_times(v.growth[j])} its usual requests, its callers {_times(least[j])}"
        yield _finding(v.services[j], Channel.starved, less[j], text, "requests", 1.0)


def _calls_out(block: MetricBlock, v: Vitals) -> Iterator[Finding]:
    """Where a service counts its own calls: more or fewer of them for each request it gets."""
    row = {service: i for i, service in enumerate(v.services)}
    rows = np.array([row[key.service] for key in block.scores.keys], dtype=np.intp)
    mine = np.array([kind is Kind.calls for kind in block.scores.kinds], dtype=bool)
    if not mine.any():
        return
    growth, noise, _ = _growth(block, rows, mine, len(v.services))
    spread = np.sqrt(noise**2 + np.nan_to_num(v.growth_noise) ** 2 + ORDINARY_GROWTH**2)
    score = np.nan_to_num((growth - v.growth) / spread)
    for i in np.flatnonzero(np.abs(score) > NOTABLE).tolist():
        text = f"{v.services[i]} makes {_times(growth[i])} its usual calls for {_times(v.growth[i])} its usual requests"
        channel = Channel.fan_out if score[i] > 0 else Channel.lost_calls
        yield _finding(v.services[i], channel, abs(score[i]), text, "calls to others", 1.0)


def _surges(v: Vitals) -> Iterator[Finding]:
    """More requests where requests come in: at services that call others and that nobody calls."""
    calls, called = (np.bincount(v.edges[:, k], minlength=len(v.services)) for k in (0, 1))
    score = np.nan_to_num(v.growth / np.sqrt(v.growth_noise**2 + ORDINARY_GROWTH**2))
    for i in np.flatnonzero((score > NOTABLE) & (calls > 0) & (called == 0)).tolist():
        text = f"{v.services[i]}, where requests come in, gets {_times(v.growth[i])} the usual number"
        yield _finding(v.services[i], Channel.surge, score[i], text, "requests", 1.0)


def _unexplained_failures(v: Vitals) -> Floats:
    """Rise of each service's share of failures beyond that of its worst callee, in spreads; (S,)."""
    rise = np.nan_to_num(v.failures)
    worst = np.zeros(len(rise))
    np.maximum.at(worst, v.edges[:, 0], rise[v.edges[:, 1]])
    spread = np.sqrt(v.failure_noise**2 + ORDINARY_FAILURES**2)
    return np.asarray(np.clip((v.failures - np.maximum(worst, 0.0)) / spread, 0.0, MAX_SCORE))


def _own_errors(v: Vitals) -> Iterator[Finding]:
    score = np.nan_to_num(_unexplained_failures(v))
    trust = _felt(v)
    for i in np.flatnonzero(score > NOTABLE).tolist():
        text = f"{v.failures[i]:.2g} more of the requests to {v.services[i]} fail, and none it calls as much"
        yield _finding(v.services[i], Channel.own_errors, score[i], text, "errors", float(trust[i]))


def _felt(v: Vitals) -> Floats:
    """How far the failures of a service are felt by those that call it, in [UNFELT, 1]; 1 where that is not known.

    Where no caller loses the requests that this one fails, hardly any depend on it, or there is a fallback.
    """
    n = len(v.services)
    passes = _times_called(v.edges, v.requests, n)
    a, b = v.edges[:, 0], v.edges[:, 1]
    known = np.isfinite(v.failures[a])
    felt = np.full(n, np.nan)
    np.fmax.at(felt, b[known], v.failures[a[known]] / np.minimum(passes[known], 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = felt / np.where(v.failures > 0, v.failures, np.nan)
    return np.asarray(np.clip(np.nan_to_num(3.0 * share, nan=1.0), UNFELT, 1.0))


def _callers_suffer(v: Vitals, trouble: Floats, channel: Channel, how: str, indicator: str) -> Iterator[Finding]:
    """Services whose callers are all worse off than what they call explains.

    Callers' troubles are added as independent normal scores are (Stouffer 1949). A caller with many callees says
    little of each of them.
    """
    a, b = v.edges[:, 0], v.edges[:, 1]
    n = len(v.services)
    known = np.isfinite(trouble[a])
    a, b = a[known], b[known]
    callers = np.bincount(b, minlength=n)
    callees = np.bincount(v.edges[:, 0], minlength=n)
    size = np.maximum(callers, 1)
    total = np.bincount(b, weights=np.minimum(trouble[a], MOST_OF_ONE), minlength=n) / np.sqrt(size)
    trust = np.bincount(b, weights=1.0 / (1.0 + callees[a]), minlength=n) / size
    bad = np.bincount(b, weights=trouble[a] > 1.0, minlength=n).astype(int)
    for j in np.flatnonzero(total > NOTABLE).tolist():
        text = f"{bad[j]} of {callers[j]} callers of {v.services[j]} are {how} than what they call explains"
        yield _finding(v.services[j], channel, total[j], text, indicator, float(trust[j]))


def _times(growth: float) -> str:
    return f"{np.exp(growth):.2g} times"


def _finding(service: str, channel: Channel, score: float, text: str, indicator: str, trust: float) -> Finding:
    strength = float(min(score, MAX_SCORE))
    return Finding(service, channel, strength, EvidenceKind.metric, text, "metrics", indicator, None, {}, trust)
