"""What of an incident's telemetry is kept for people to look at: some series, the graph, the changes.

Telemetry itself is read, scored and let go; these small excerpts are stored beside the diagnosis so that its
page can still be drawn when the sources have forgotten the incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from data.domain import Change, Noun, Utc

if TYPE_CHECKING:
    from data.telemetry import Metrics, SeriesKey
    from data.topology import ServiceGraph

MAX_POINTS = 600


class Series(Noun):
    """One metric of one service. ``values`` and ``timestamps`` have one length; None is a gap."""

    service: str
    metric: str
    timestamps: tuple[Utc, ...]
    values: tuple[float | None, ...]
    unit: str = ""
    instance: str = ""


class MetricExcerpt(Noun):
    """The series that speak loudest, on one time axis. ``onset`` is our estimate of when it began."""

    series: tuple[Series, ...]
    alert_at: Utc
    onset: Utc | None = None

    @classmethod
    def cut(
        cls,
        metrics: Metrics,
        keys: Iterable[SeriesKey],
        *,
        alert_at: datetime,
        onset: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> MetricExcerpt:
        """The series named by ``keys`` between two instants, thinned to at most ``MAX_POINTS`` samples each.

        Thinning keeps each interval's value farthest from the series' median, so that a short spike stays visible.
        Keys that ``metrics`` does not hold are left out.
        """
        column = {key: i for i, key in enumerate(metrics.keys)}
        wanted = [key for key in keys if key in column]
        return cls(
            series=tuple(_series(metrics, key, column[key], start, end) for key in wanted),
            alert_at=alert_at,
            onset=onset,
        )


class TopologyNode(Noun):
    id: str
    kind: str | None = None
    host: str | None = None


class TopologyEdge(Noun):
    """``caller`` depends on ``callee``."""

    caller: str
    callee: str


class Topology(Noun):
    """The dependency graph as it was seen when the incident was investigated."""

    nodes: tuple[TopologyNode, ...]
    edges: tuple[TopologyEdge, ...]

    @classmethod
    def of(cls, graph: ServiceGraph) -> Topology:
        return cls(
            nodes=tuple(TopologyNode(id=service, host=graph.hosts.get(service)) for service in graph.services),
            edges=tuple(TopologyEdge(caller=caller, callee=callee) for caller, callee in graph.edges),
        )


class ChangeExcerpt(Noun):
    """The changes that were judged, so that a page can say what each one was."""

    changes: tuple[Change, ...]


def _series(metrics: Metrics, key: SeriesKey, column: int, start: datetime | None, end: datetime | None) -> Series:
    import numpy as np

    from data.telemetry import to_datetime64

    first = 0 if start is None else int(np.searchsorted(metrics.timestamps, to_datetime64(start)))
    last = None if end is None else int(np.searchsorted(metrics.timestamps, to_datetime64(end), side="right"))
    times, values = metrics.timestamps[first:last], metrics.values[first:last, column]
    seen = np.isfinite(values)
    times, values = times[seen], values[seen]
    keep = _telling(values.tolist())
    return Series(
        service=key.service,
        metric=key.metric,
        unit=key.unit,
        instance=key.instance,
        timestamps=tuple(times[keep].tolist()),
        values=tuple(values[keep].tolist()),
    )


def _telling(values: Sequence[float]) -> list[int]:
    """At most ``MAX_POINTS`` positions in ``values``, in order."""
    import numpy as np

    if len(values) <= MAX_POINTS:
        return list(range(len(values)))
    distance = np.abs(np.asarray(values) - np.median(values))
    bounds = np.linspace(0, len(values), MAX_POINTS + 1).astype(int)
    return [int(a + np.argmax(distance[a:b])) for a, b in pairwise(bounds)]
