"""Services nobody asked anything of, for as long as we have looked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.topology import ServiceGraph
from models.optimize.history import ServiceHistory, covered_hours, day_of
from models.optimize.opportunity import Fact, Looked, Opportunity, OpportunityKind, Sizes, Target, succession
from models.optimize.roles import Role

# A job that runs once a week would have shown.
IDLE_HOURS = 7 * 24.0
# A service that works without being asked is a worker, not idle.
BUSY_CPU = 0.05


def idle(history: ServiceHistory, graph: ServiceGraph) -> Looked:
    """Whether the service had no request at all in a week or more; never concluded from a low CPU alone."""
    demand = history.total(Role.demand)
    if demand is None or len(demand) < 2 or float(demand.abs().max()) > 0:
        return Looked()
    hours = covered_hours(demand)
    if hours < IDLE_HOURS:
        why = f"{history.service} had no request in {hours:.1f} h, and {IDLE_HOURS:.0f} h are needed to call it idle"
        return Looked(refused=(why,))
    share = history.mean(Role.cpu_share)
    if share is not None and len(share) and float(share.quantile(0.99)) > BUSY_CPU:
        return Looked(refused=(f"{history.service} had no request yet uses CPU: it may be a worker, not idle",))
    return Looked((_opportunity(history, graph, demand, hours),))


def _opportunity(history: ServiceHistory, graph: ServiceGraph, demand: pd.Series, hours: float) -> Opportunity:
    service, days = history.service, int(np.unique(day_of(pd.DatetimeIndex(demand.index))).size)
    counted = history.instances()
    replicas = float(counted.mean()) if counted is not None and len(counted) else None
    target = _stopped(history, replicas)
    callers = graph.callers(service)
    text = f"{history.names[Role.demand]} of {service} was 0 in every sample of {hours:.0f} h, over {days} days"
    known = f"; {', '.join(sorted(callers)[:5])} may call it" if callers else ""
    unknown = [f"work of {service} that no metric counts, such as a queue it reads or a yearly job, was not seen"]
    if replicas is None:
        unknown.append(f"how many instances of {service} run is not recorded")
    return Opportunity(
        service=service,
        kind=OpportunityKind.idle,
        action=f"Stop {service}, after asking its owners",
        facts=(Fact("demand", text, {"metric": history.names[Role.demand], "hours": hours, "days": days}),),
        confidence=succession(days, days),
        blocks=(days, days),
        risk=f"It may be there for what happens rarely: a failover, a month's end, a customer who comes back{known}. "
        "Stop it before deleting anything, and keep its data.",
        target=target,
        resized=lambda _: target,
        days=days,
        unknown=tuple(unknown),
    )


def _stopped(history: ServiceHistory, replicas: float | None) -> Target:
    """No instance; where their number is not known, one instance with nothing."""
    cpu, memory = history.allotted(Role.cpu_allotted), history.allotted(Role.memory_allotted)
    sizes = Sizes()
    if cpu is not None:
        sizes["cpu_cores"] = (cpu, cpu if replicas else 0.0)
    if memory is not None:
        sizes["memory_mib"] = (memory, memory if replicas else 0.0)
    return Target(replicas=(replicas, 0) if replicas else None, instances=replicas, **sizes)
