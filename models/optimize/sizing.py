"""Over- and under-provisioned services: what the busiest hours need, against what is allotted.

CPU is sized by the 95th percentile within the busiest hour of each day, because it can be shared out for a moment;
memory by its highest value, because a process that exceeds it is killed (Rzadca et al., "Autopilot: workload
autoscaling at Google", EuroSys 2020; the Kubernetes Vertical Pod Autoscaler does likewise). The need is the highest
day seen, raised by growth where peaks grow, over a target utilisation that leaves room for what was not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from models.optimize.history import Floats, ServiceHistory, covered_hours, daily_peaks, hourly
from models.optimize.need import CPU_FULL, MEMORY_FULL, Need
from models.optimize.opportunity import Looked, Opportunity, OpportunityKind, Sizes, Target, succession
from models.optimize.roles import Role
from models.optimize.sizing_words import (
    fact,
    grow_action,
    shrink_action,
    shrink_risk,
    too_short,
    unknown,
    why_unsized,
)

# AWS Compute Optimizer asks for 30 hours of data before it recommends; a day has to have been seen, and then some.
SHRINK_HOURS = 30.0
GROW_HOURS = 6.0
FULL_HOURS = 3
# Under a third less, or less than this much, is not worth anybody's attention.
WORTH_SHRINKING = 2 / 3
LEAST_CORES, LEAST_MIB = 0.1, 64.0
LEAST_REPLICAS = 2
CORE_STEP, MIB_STEP = 0.05, 16.0


def size(history: ServiceHistory) -> Looked:
    """Whether the service has too much or too little; why not, where that cannot be judged."""
    needs = [need for need in (_cpu(history), _memory(history)) if need is not None]
    if not needs:
        return Looked(refused=why_unsized(history))
    hours = min(need.hours for need in needs)
    short = [need for need in needs if _is_short(need)]
    if hours < GROW_HOURS:
        return Looked(refused=(too_short(history.service, hours, GROW_HOURS, "its size can be judged"),))
    if short:
        return Looked((_grow(history, short, hours),))
    if not _is_generous(history, needs):
        return Looked()
    blind = {"cpu", "memory"} - {need.resource for need in needs}
    if _is_spread(history) and blind:
        why = f"its {blind.pop()} was not seen, and fewer instances would each need more of it"
        return Looked(refused=(f"{history.service} seems to have more instances than it needs, but {why}",))
    if hours < SHRINK_HOURS:
        return Looked(refused=(too_short(history.service, hours, SHRINK_HOURS, "anything is taken away from it"),))
    return Looked((_shrink(history, needs, hours),))


def _cpu(history: ServiceHistory) -> Need | None:
    used, allotted = history.total(Role.cpu_used), history.total(Role.cpu_allotted)
    share = history.mean(Role.cpu_share)
    return _need(history, "cpu", share, used, allotted, 0.95, (Role.cpu_share, Role.cpu_used, Role.cpu_allotted))


def _memory(history: ServiceHistory) -> Need | None:
    used, allotted = history.worst(Role.memory_used), history.worst(Role.memory_allotted)
    share = history.worst(Role.memory_share)
    roles = (Role.memory_share, Role.memory_used, Role.memory_allotted)
    return _need(history, "memory", share, used, allotted, 1.0, roles)


def _need(
    history: ServiceHistory,
    resource: str,
    share: pd.Series | None,
    used: pd.Series | None,
    allotted: pd.Series | None,
    quantile: float,
    roles: tuple[Role, Role, Role],
) -> Need | None:
    """The amounts where both are known, for they are what is paid for; else the share alone."""
    name = history.names.get(roles[0], "")
    if used is not None and allotted is not None:
        # What is allotted changes seldom and is often exported seldom.
        known = allotted[allotted > 0].reindex(used.index, method="ffill").bfill()
        share, name = (used / known).dropna(), f"{history.names[roles[1]]} over {history.names[roles[2]]}"
    if share is None or len(share) < 2:
        return None
    by_hour = hourly(share, quantile)
    peaks = daily_peaks(by_hour)
    return Need(
        resource=resource,
        peaks=peaks,
        busiest=pd.Timestamp(by_hour.index[int(by_hour.to_numpy().argmax())]),
        hours=covered_hours(share),
        average=float(share.mean()),
        allotted=history.allotted(roles[2]) or history.implied(roles[1], roles[0]),
        metric=name,
        full_hours=int((by_hour >= (CPU_FULL if resource == "cpu" else MEMORY_FULL)).sum()),
        growth=_growth(peaks),
    )


def _growth(peaks: Floats) -> float:
    """What daily peaks gain in 30 days, where a week or more of them shows a rise that is no chance (t > 3)."""
    days = len(peaks)
    if days < 7:
        return 0.0
    x = np.arange(days) - (days - 1) / 2
    slope = float(x @ peaks / (x @ x))
    left = peaks - peaks.mean() - slope * x
    error = math.sqrt(float(left @ left) / (days - 2) / float(x @ x))
    return 30 * slope if slope > 3 * error and slope > 0 else 0.0


def _is_short(need: Need) -> bool:
    """Full on at least half of the days and for three hours in all: one full hour is an incident, not a size."""
    return need.full_hours >= FULL_HOURS and float(np.mean(need.peaks >= need.full)) >= 0.5


def _is_generous(history: ServiceHistory, needs: list[Need]) -> bool:
    replicas = _replicas(history)
    if replicas is not None and _is_spread(history):
        return _then(replicas, max(need.needed for need in needs)) <= WORTH_SHRINKING * replicas
    return any(_is_worth(need) for need in needs)


def _is_worth(need: Need) -> bool:
    if need.needed > WORTH_SHRINKING:
        return False
    if need.allotted is None:
        return True
    least = LEAST_CORES if need.resource == "cpu" else LEAST_MIB
    return need.allotted * (1 - need.needed) >= least


def _replicas(history: ServiceHistory) -> float | None:
    counted = history.instances()
    return None if counted is None or counted.empty else float(counted.mean())


def _is_spread(history: ServiceHistory) -> bool:
    """Whether instances can be taken away and at least two are left."""
    replicas = _replicas(history)
    return replicas is not None and replicas > LEAST_REPLICAS


def _then(replicas: float, needed: float) -> int:
    return max(LEAST_REPLICAS, math.ceil(replicas * needed - 1e-9))


def _shrink(history: ServiceHistory, needs: list[Need], hours: float) -> Opportunity:
    days = min(len(need.peaks) for need in needs)
    replicas = _replicas(history)
    across = _is_spread(history)
    cut = needs if across else [need for need in needs if _is_worth(need)]

    def resized(peaks: Sequence[Floats]) -> Target:
        others = _with_peaks(cut, peaks)
        if across and replicas is not None:
            then = min(_then(replicas, max(need.needed for need in others)), math.ceil(replicas))
            return Target(replicas=(replicas, then), instances=replicas, **_sizes(others, of_today=True))
        return Target(instances=replicas, **_sizes(others))

    target = resized([need.peaks for need in cut])
    fits = sum(all(n.peaks[d] <= _left(n, target, replicas) for n in cut) for d in range(days))
    return Opportunity(
        service=history.service,
        kind=OpportunityKind.oversized,
        action=shrink_action(history.service, target, cut),
        facts=tuple(fact(history.service, need) for need in needs),
        confidence=succession(fits, days),
        blocks=(fits, days),
        risk=shrink_risk(hours, days),
        target=target,
        peaks=tuple(need.peaks for need in cut),
        resized=resized,
        days=days,
        unknown=unknown(history, needs, hours),
    )


def _with_peaks(needs: list[Need], peaks: Sequence[Floats]) -> list[Need]:
    return [replace(need, peaks=other) for need, other in zip(needs, peaks, strict=True)]


def _sizes(needs: list[Need], *, of_today: bool = False, grow: bool = False) -> Sizes:
    """What one instance has and should have, where amounts are known; never more than today unless it is to grow."""
    found = Sizes()
    for need in needs:
        if need.allotted is None:
            continue
        step = CORE_STEP if need.resource == "cpu" else MIB_STEP
        then = _rounded_up(need.allotted * need.needed, step)
        pair = (need.allotted, need.allotted if of_today else then if grow else min(then, need.allotted))
        if need.resource == "cpu":
            found["cpu_cores"] = pair
        else:
            found["memory_mib"] = pair
    return found


def _rounded_up(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-9) * step, 4)


def _left(need: Need, target: Target, replicas: float | None) -> float:
    """The share of today's allotment that is left after the change."""
    if target.replicas is not None and replicas:
        return target.replicas[1] / replicas
    pair = target.cpu_cores if need.resource == "cpu" else target.memory_mib
    return pair[1] / pair[0] if pair else min(need.needed, 1.0)


def _grow(history: ServiceHistory, short: list[Need], hours: float) -> Opportunity:
    worst = max(short, key=lambda need: need.needed)
    replicas, days = _replicas(history), len(worst.peaks)
    held = int(np.sum(worst.peaks >= worst.full))

    def resized(peaks: Sequence[Floats]) -> Target:
        (other,) = _with_peaks([worst], peaks)
        # A full memory is full in every instance: more of them would each be full again.
        if replicas is not None and worst.resource == "cpu":
            then = max(math.ceil(replicas * other.needed), math.ceil(replicas))
            return Target((replicas, then), instances=replicas, **_sizes(short, of_today=True))
        return Target(instances=replicas, **_sizes([other], grow=True))

    target = resized([worst.peaks])
    return Opportunity(
        service=history.service,
        kind=OpportunityKind.undersized,
        subject=worst.resource,
        action=grow_action(history.service, target, worst),
        facts=tuple(fact(history.service, need) for need in short),
        confidence=succession(held, days),
        blocks=(held, days),
        risk="More capacity costs more, and helps only if this service is the bottleneck: a database behind it that is "
        "full gets more connections and no relief. Use that is capped at what is allotted hides how much is wanted.",
        target=target,
        peaks=(worst.peaks,),
        resized=resized,
        days=days,
        effect="room for its busiest hour",
        unknown=unknown(history, short, hours),
    )
