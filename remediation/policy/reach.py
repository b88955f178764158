"""How far an action reaches, read off the graph of who calls whom."""

from __future__ import annotations

from data.topology import ServiceGraph
from remediation.policy.kinds import ActionRequest


def reaching(request: ActionRequest, graph: ServiceGraph) -> ActionRequest:
    """``request`` with the services and the share of users that an action on its service reaches.

    Reached are the service and whoever's calls come to it. Users come in where nobody calls: the share of those
    services whose calls come to it stands for the share of users. Both stay unknown for a service not in the graph.
    """
    if request.service not in graph:
        return request
    reached = graph.upstream(request.service)
    doors = [service for service in graph.services if not graph.callers(service)]
    share = sum(door in reached for door in doors) / len(doors) if doors and graph else None
    return request.model_copy(update={"reach": len(reached), "users": share})
