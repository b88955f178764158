"""How loud its telemetry is, and how far it reaches."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from data.domain import AlertLevel, BlastRadius, Severity
from data.topology import ServiceGraph
from models.base import Finding
from models.sentences import MetricBlock

# At this many spreads an entity is as likely well as ill: among a dozen series three spreads are not rare.
_EVEN = 4.0


def anomaly_score(service: str, blocks: Sequence[MetricBlock], findings: Sequence[Finding]) -> float:
    """In [0, 1]: how abnormal the entity looks in its own telemetry; 0 where it has none."""
    worst = max((float(b.scores.harm[i]) for b in blocks for i, k in enumerate(b.scores.keys) if k.service == service),
                default=0.0)  # fmt: skip
    worst = max([worst, *(f.score for f in findings if f.service == service)])
    return float(worst**2 / (worst**2 + _EVEN**2))


def severity_of(score: float, level: AlertLevel) -> Severity:
    """The first rule: how loud the monitor was, and how abnormal its subject is."""
    if score > 0.85 and level is AlertLevel.error:
        return Severity.critical
    if score > 0.6 and level in (AlertLevel.error, AlertLevel.warning):
        return Severity.high
    return Severity.medium


def blast_radius(service: str, graph: ServiceGraph, symptomatic: Collection[str]) -> BlastRadius:
    """``service`` and everything that calls it, directly or not, near ones first."""
    distance = graph.upstream(service)
    reached = tuple(sorted(distance, key=lambda s: (distance[s], s)))
    return BlastRadius(services=reached, symptomatic=tuple(s for s in reached if s in symptomatic))


def symptomatic_services(blocks: Sequence[MetricBlock], findings: Sequence[Finding]) -> frozenset[str]:
    """Services that show something a monitor might have fired on."""
    shown = {b.scores.keys[i].service for b in blocks for i in np.flatnonzero(b.scores.harm > _EVEN)}
    return frozenset(shown | {f.service for f in findings if f.score > 1.0})


def doors_of(graph: ServiceGraph) -> frozenset[str]:
    """The services that users meet first: what calls others, and nobody calls."""
    return frozenset(s for s in graph.services if graph.callees(s) and not graph.callers(s))
