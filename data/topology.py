"""The service dependency graph. An edge points from caller to callee."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, cast

import networkx as nx


class ServiceGraph:
    """Who calls whom. Immutable after construction; unknown services have no neighbours rather than failing.

    Args:
        edges: ``(caller, callee)`` pairs; self-calls are dropped.
        nodes: services without edges, too.
        hosts: the host each service runs on, where known.
    """

    def __init__(
        self,
        edges: Iterable[tuple[str, str]] = (),
        nodes: Iterable[str] = (),
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(sorted(set(nodes)))
        graph.add_edges_from(sorted({(a, b) for a, b in edges if a != b}))
        self._graph = graph
        self.hosts: Mapping[str, str] = dict(hosts or {})

    @cached_property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted(self._graph.nodes))

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self._graph.edges))

    def __contains__(self, service: object) -> bool:
        return service in self._graph

    def __bool__(self) -> bool:
        return bool(self.edges)

    def callees(self, service: str) -> tuple[str, ...]:
        """The services that ``service`` calls directly."""
        return tuple(sorted(self._graph.successors(service))) if service in self else ()

    def callers(self, service: str) -> tuple[str, ...]:
        """The services that call ``service`` directly."""
        return tuple(sorted(self._graph.predecessors(service))) if service in self else ()

    def downstream(self, service: str) -> dict[str, int]:
        """Every service reached by following calls from ``service``, with its distance in calls; itself is 0."""
        return self._distances(self._graph, service)

    def upstream(self, service: str) -> dict[str, int]:
        """Every service whose calls reach ``service``, with its distance in calls; itself is 0."""
        return self._distances(self._reversed, service)

    def distance(self, a: str, b: str) -> int | None:
        """Fewest calls between two services, whichever way they point; None when not connected."""
        if a == b:
            return 0
        return self._distances(self._undirected, a).get(b)

    def path(self, cause: str, symptom: str) -> tuple[str, ...]:
        """How trouble at ``cause`` reaches ``symptom``: callee to caller where calls allow it, else any way.

        A cause with no known way to the symptom yields the cause alone.
        """
        for graph in (self._reversed, self._undirected):
            if cause in graph and symptom in graph and nx.has_path(graph, cause, symptom):
                return tuple(cast("list[str]", nx.shortest_path(graph, cause, symptom)))
        return (cause,)

    def merged(self, other: ServiceGraph) -> ServiceGraph:
        """The union of two graphs; ``self`` wins where hosts differ."""
        if not other.services and not other.hosts:
            return self
        return ServiceGraph(
            [*self.edges, *other.edges], [*self.services, *other.services], {**other.hosts, **self.hosts}
        )

    def as_json(self) -> dict[str, Any]:
        """The bundle's ``topology.json`` form."""
        nodes = [{"id": s, **({"host": self.hosts[s]} if s in self.hosts else {})} for s in self.services]
        return {"nodes": nodes, "edges": [{"caller": a, "callee": b} for a, b in self.edges]}

    @cached_property
    def _reversed(self) -> nx.DiGraph[str]:
        return self._graph.reverse(copy=False)

    @cached_property
    def _undirected(self) -> nx.Graph[str]:
        # Not a view: that walks through sets, and which of two equally short ways is found would be left to chance.
        return self._graph.to_undirected()

    @staticmethod
    def _distances(graph: nx.Graph[str], service: str) -> dict[str, int]:
        if service not in graph:
            return {service: 0}
        return dict(nx.single_source_shortest_path_length(graph, service))
