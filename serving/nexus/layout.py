"""Where to draw each service: callers before callees, in columns, with few crossings. The same graph always looks
the same.

The layers follow Sugiyama, Tagawa and Toda (1981): longest path for the column, barycentres for the order in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import networkx as nx

MAX_NODES = 40
_SWEEPS = 4


def positions(services: Iterable[str], calls: Iterable[tuple[str, str]]) -> dict[str, tuple[int, float]]:
    """``(column, row)`` for each service; rows are centred on zero. Callers stand in an earlier column."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(services))
    graph.add_edges_from(sorted((a, b) for a, b in calls if a in graph and b in graph and a != b))
    columns = _columns(graph)
    layers: dict[int, list[str]] = {}
    for service in sorted(graph):
        layers.setdefault(columns[service], []).append(service)
    for _ in range(_SWEEPS):
        for order in (sorted(layers), sorted(layers, reverse=True)):
            for column in order:
                layers[column].sort(key=_barycentre(graph, layers))
    return {
        service: (column, row - (len(layer) - 1) / 2)
        for column, layer in layers.items()
        for row, service in enumerate(layer)
    }


def neighbourhood(
    services: Iterable[str], calls: Iterable[tuple[str, str]], important: Iterable[str], limit: int = MAX_NODES
) -> set[str]:
    """At most ``limit`` services: the important ones first, then whatever is nearest to them."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(services)
    graph.add_edges_from(calls)
    chosen: dict[str, None] = {service: None for service in important if service in graph}
    ring = list(chosen)
    while ring:
        ring = sorted({near for service in ring for near in graph.neighbors(service)} - chosen.keys())
        chosen.update(dict.fromkeys(ring))
    chosen.update(dict.fromkeys(sorted(graph)))
    return set(list(chosen)[:limit])


def _columns(graph: nx.DiGraph[str]) -> dict[str, int]:
    """The longest way from a service that nobody calls; services that call each other in a circle share a column."""
    circles = nx.condensation(graph)
    column: dict[int, int] = {}
    for circle in nx.topological_sort(circles):
        column[circle] = max((column[before] + 1 for before in circles.predecessors(circle)), default=0)
    return {service: column[circle] for service, circle in circles.graph["mapping"].items()}


def _barycentre(graph: nx.DiGraph[str], layers: dict[int, list[str]]) -> Callable[[str], tuple[float, str]]:
    place = {s: row - (len(layer) - 1) / 2 for layer in layers.values() for row, s in enumerate(layer)}

    def mean_of_neighbours(service: str) -> tuple[float, str]:
        near = [place[n] for n in (*graph.predecessors(service), *graph.successors(service))]
        return (sum(near) / len(near) if near else place[service], service)

    return mean_of_neighbours
