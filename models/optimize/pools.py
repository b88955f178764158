"""Connection pools and caches whose size does not fit what is asked of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.optimize.history import HOUR, ServiceHistory, by_step, covered_hours, daily_peaks, hourly
from models.optimize.opportunity import Fact, Looked, Opportunity, OpportunityKind, succession
from models.optimize.roles import Role

LEAST_HOURS = 6.0
SHRINK_HOURS = 30.0
FULL = 0.9
# A pool is meant to be this full in its busiest hour.
TARGET = 0.7
HARDLY_USED = 0.2
SMALL_POOL = 20
FULL_HOURS = 3
LOW_HITS = 0.8


def pool(history: ServiceHistory) -> Looked:
    """Whether the connection pool is full in its busiest hours, or hardly used at all."""
    used, limit = history.worst(Role.pool_used), history.worst(Role.pool_size)
    if used is None or len(used) < 2:
        return Looked()
    if limit is None or limit.empty:
        return Looked(refused=(f"the pool of {history.service} is not judged: its size is not recorded",))
    size = float(limit.iloc[-1])
    share = (used / limit[limit > 0].reindex(used.index, method="ffill").bfill()).dropna()
    hours = covered_hours(share)
    if hours < LEAST_HOURS:
        why = f"the pool of {history.service} is not judged: {hours:.1f} h were seen and {LEAST_HOURS:.0f} h are needed"
        return Looked(refused=(why,))
    by_hour = hourly(share, 0.95)
    peaks = daily_peaks(by_hour)
    full = peaks >= FULL
    if full.mean() >= 0.5 and int((by_hour >= FULL).sum()) >= FULL_HOURS:
        return Looked((_small_pool(history, size, share, by_hour, full),))
    if hours >= SHRINK_HOURS and size >= SMALL_POOL and float(share.max()) <= HARDLY_USED:
        return Looked((_large_pool(history, size, share, hours),))
    return Looked()


def cache(history: ServiceHistory) -> Looked:
    """Whether the cache is too small. A low hit ratio alone does not say so: entries may expire before they help."""
    hits = history.mean(Role.cache_hits)
    if hits is None or len(hits) < 2:
        return Looked()
    hours, ratio = covered_hours(hits), float(hits.median())
    if ratio >= LOW_HITS:
        return Looked()
    service = history.service
    if hours < LEAST_HOURS:
        why = f"the cache of {service} is not judged: {hours:.1f} h were seen and {LEAST_HOURS:.0f} h are needed"
        return Looked(refused=(why,))
    evictions = history.total(Role.evictions)
    if evictions is None or evictions.empty:
        why = (
            f"the cache of {service} hits {ratio:.0%}, but evictions are not recorded: without them a low hit ratio "
            "may as well be entries that expire or are never asked for twice"
        )
        return Looked(refused=(why,))
    both = pd.concat([hits.rename("hits"), evictions.rename("evictions")], axis=1).dropna()
    evicting = by_step(both["evictions"], HOUR).mean() > 0
    if evicting.mean() < 0.5:
        return Looked()
    return Looked((_small_cache(history, ratio, evicting, hours),))


def _small_pool(
    history: ServiceHistory, size: float, share: pd.Series, by_hour: pd.Series, full: npt.NDArray[np.bool_]
) -> Opportunity:
    service, peak = history.service, float(by_hour.max())
    then = max(math.ceil(size * peak / TARGET), int(size) + 1)
    held, days = int(full.sum()), len(full)
    text = (
        f"{history.names[Role.pool_used]} of {service} is {peak:.0%} of {size:.0f} in the busiest hour "
        f"({by_hour.idxmax():%Y-%m-%d %H:%M} UTC) and at least {FULL:.0%} in {int((by_hour >= FULL).sum())} hours, "
        f"{share.mean():.0%} on average"
    )
    facts = [Fact("pool", text, {"size": size, "peak": peak, "days_full": held, "days": days})]
    unknown = [f"how many connections the database behind {service} allows is not recorded"]
    wait = history.worst(Role.pool_wait)
    if wait is None or wait.empty:
        unknown.append(f"how long requests of {service} wait for a connection is not recorded")
    else:
        waited = f"a connection of {service} is waited for {wait.quantile(0.95):.3g} ms (95th percentile)"
        facts.append(Fact("pool_wait", waited, {"p95_ms": float(wait.quantile(0.95))}))
    return Opportunity(
        service=service,
        kind=OpportunityKind.small_pool,
        action=f"Raise the connection pool of {service} from {size:.0f} to {then}, in steps",
        facts=tuple(facts),
        confidence=succession(held, days),
        blocks=(held, days),
        risk="Every instance opens as many connections, and the database has to allow the sum. Where queries are slow, "
        "a larger pool only moves the queue into the database: look at its queries first.",
        subject="pool",
        effect="less waiting for a connection",
        unknown=(*unknown, "a full pool hides how many more connections were wanted"),
    )


def _large_pool(history: ServiceHistory, size: float, share: pd.Series, hours: float) -> Opportunity:
    service, days = history.service, len(daily_peaks(hourly(share, 1.0)))
    then = max(math.ceil(size * float(share.max()) / TARGET), 5)
    text = (
        f"{history.names[Role.pool_used]} of {service} is never above {share.max():.0%} of {size:.0f} in {hours:.0f} h"
    )
    return Opportunity(
        service=service,
        kind=OpportunityKind.large_pool,
        action=f"Lower the connection pool of {service} from {size:.0f} to {then}",
        facts=(Fact("pool", text, {"size": size, "peak": float(share.max()), "hours": hours}),),
        confidence=succession(days, days),
        blocks=(days, days),
        risk="A burst larger than any seen has to wait for a connection.",
        subject="pool",
        effect="connections the database need not hold",
        unknown=("what an idle connection costs the database is not recorded",),
    )


def _small_cache(history: ServiceHistory, ratio: float, evicting: pd.Series, hours: float) -> Opportunity:
    service, held, of = history.service, int(evicting.sum()), len(evicting)
    text = (
        f"{history.names[Role.cache_hits]} of {service} is {ratio:.0%} (median over {hours:.0f} h), and entries are "
        f"evicted in {held} of {of} hours"
    )
    return Opportunity(
        service=service,
        kind=OpportunityKind.small_cache,
        action=f"Double the cache of {service}, then look at its hit ratio and evictions again",
        facts=(Fact("cache", text, {"hit_ratio": ratio, "hours_evicting": held, "hours": of}),),
        confidence=succession(held, of),
        blocks=(held, of),
        risk="A larger cache takes memory from the process; size that first. Evictions by age are no sign of a small "
        "cache.",
        subject="cache",
        effect="fewer calls to what the cache stands before",
        unknown=(f"the size of the cache of {service} and how often each key is asked for are not recorded",),
    )
