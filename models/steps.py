"""What stepped when a change was made, before anything went wrong.

A pool cut from fifty connections to ten at a deploy harms nobody until the evening's load. By the onset the cut is
part of the baseline, so that comparing before and after the onset shows the victims alone. Here each series of the
services a change acts on is compared around that change instead. A step is no symptom and makes no service suspect;
it tells what a change did, for judging changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np

from data.domain import Change, ChangeKind
from data.telemetry import Metrics
from data.topology import ServiceGraph
from models.base import Finding, strongest
from models.features import Period, change_scores
from models.indicators import Kind, kind_of
from models.onset import sample_interval
from models.sentences import MetricBlock, changed_finding

LOOK_BACK = timedelta(hours=1)
# A change shows within some minutes of being recorded, if it shows as a step at all.
SETTLED = timedelta(minutes=10)
# A step stands well clear of ordinary variation and moves the level by a fifth at least.
CLEAR, LEAST_SHARE = 6.0, 0.2
MAX_INSTANTS, MAX_STEPS_EACH = 12, 3


def steps_at_changes(
    changes: Sequence[Change], metrics: Metrics, onset: datetime, graph: ServiceGraph, suspects: Iterable[str]
) -> list[Finding]:
    """Level shifts that coincide with a change in the hour before ``onset``; strongest first, at most three a change.

    Looked at are the series of the service that was changed and of what it calls directly; of ``suspects`` where the
    change names no service. The latest dozen of changes are looked at. Requests are left out: demand has its own
    ups and downs.
    """
    found: dict[tuple[str, str], Finding] = {}
    for change in _recent(changes, onset):
        near = {change.service, *graph.callees(change.service)} if change.service else set(suspects)
        for finding in _steps(metrics, change.timestamp, onset, near):
            found.setdefault((finding.service, finding.text), finding)
    return strongest(found.values())


def entry_rates(metrics: Metrics, period: Period, graph: ServiceGraph) -> list[Finding]:
    """The request rates of services nobody calls, moved or not: a rise within is a surge only if they rose too."""
    entries = {s for s in graph.services if not graph.callers(s)}
    demand = [i for i, key in enumerate(metrics.keys) if key.service in entries and _is_demand(key.metric)]
    block = _block(metrics, demand, period)
    return [changed_finding(block, period, i) for i in range(len(demand)) if np.isfinite(block.scores.now[i])]


def _recent(changes: Sequence[Change], onset: datetime) -> list[Change]:
    """Whatever acts when it is recorded (a commit does not), latest first."""
    acting = [c for c in changes if c.kind is not ChangeKind.commit and onset - LOOK_BACK <= c.timestamp < onset]
    return sorted(acting, key=lambda c: (c.timestamp, c.id), reverse=True)[:MAX_INSTANTS]


def _steps(metrics: Metrics, at: datetime, onset: datetime, near: set[str]) -> list[Finding]:
    # The sample that is under way while a change is made belongs to neither side, nor do those from the onset on.
    grace = sample_interval(metrics.timestamps)
    start, last = at + grace, onset - grace
    if last <= start:
        return []
    columns = [i for i, k in enumerate(metrics.keys) if k.service in near and not _is_demand(k.metric)]
    period = Period(before=at, onset=start, end=min(at + SETTLED, last))
    block = _block(metrics, columns, period)
    # Instances that restart make a stir that is over before the onset; a step is still there.
    later = _block(metrics, columns, Period(before=at, onset=max(start, last - SETTLED), end=last)).scores
    scores = block.scores
    moved = np.abs(scores.change) >= LEAST_SHARE * np.maximum(np.abs(scores.base), np.abs(scores.now))
    z = np.where(scores.z * later.z > 0, np.minimum(np.abs(scores.z), np.abs(later.z)), 0.0)
    clear = [int(i) for i in np.argsort(-z, kind="stable") if moved[i] and z[i] >= CLEAR]
    return [changed_finding(block, period, i) for i in clear[:MAX_STEPS_EACH]]


def _block(metrics: Metrics, columns: list[int], period: Period) -> MetricBlock:
    part = Metrics(metrics.timestamps, tuple(metrics.keys[i] for i in columns), metrics.values[:, columns])
    return MetricBlock(part, change_scores(part, period))


def _is_demand(name: str) -> bool:
    return kind_of(name) is Kind.traffic
