"""What a metric says about capacity, from the words in its name and its unit. What no word tells has no role.

A wrong reading here would shrink a service that is full, so this asks for more than :mod:`models.indicators`: an
amount of CPU or memory has a role only where its unit is written down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from models.indicators import Kind, kind_of, words_of


class Role(StrEnum):
    """Shares are of what is allotted, between 0 and 1; CPU is in cores, memory in MiB, waits in milliseconds."""

    cpu_share = "cpu_share"
    cpu_used = "cpu_used"
    cpu_allotted = "cpu_allotted"
    memory_share = "memory_share"
    memory_used = "memory_used"
    memory_allotted = "memory_allotted"
    replicas = "replicas"
    demand = "demand"
    pool_used = "pool_used"
    pool_size = "pool_size"
    pool_wait = "pool_wait"
    cache_hits = "cache_hits"
    evictions = "evictions"


SHARES = frozenset({Role.cpu_share, Role.memory_share, Role.cache_hits})


@dataclass(frozen=True)
class Measure:
    """``factor`` turns a sample into the role's unit; None: a share, as a fraction or in percent, to be told by its
    values. ``counter``: the metric counts up, and its rate is meant. ``rank``: of two metrics with one role, the
    higher is taken."""

    role: Role
    factor: float | None = 1.0
    counter: bool = False
    rank: int = 0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARE = _words("utilization utilisation util percent percentage pct ratio share rate fraction")
_REQUEST, _LIMIT = _words("request requests requested reserved"), _words("limit limits quota allocated capacity")
# About a host that others share, a part of the process, or not about use at all.
_NOT_OWN = _words(
    "node host machine system gpu thread pool buffer direct shared gc garbage heap swap cache cached throttled "
    "throttling periods pressure stall iowait "
    "steal idle free available failures faults"
)
_CORES = {"core": 1.0, "cores": 1.0, "millicore": 1e-3, "millicores": 1e-3, "mcores": 1e-3, "m": 1e-3,
          "nanocores": 1e-9, "vcpu": 1.0, "vcpus": 1.0}  # fmt: skip
_MIB = {"b": 2**-20, "by": 2**-20, "byte": 2**-20, "bytes": 2**-20, "kb": 1e3 / 2**20, "kib": 2**-10, "ki": 2**-10,
        "mb": 1e6 / 2**20, "mib": 1.0, "mi": 1.0, "megabytes": 1e6 / 2**20, "mebibytes": 1.0,
        "gb": 1e9 / 2**20, "gib": 1024.0, "gi": 1024.0, "gigabytes": 1e9 / 2**20}  # fmt: skip
_MS = {"ms": 1.0, "milliseconds": 1.0, "millis": 1.0, "s": 1e3, "seconds": 1e3, "second": 1e3, "us": 1e-3,
       "microseconds": 1e-3}  # fmt: skip


@lru_cache(maxsize=65_536)
def measure_of(metric: str, unit: str = "") -> Measure | None:
    """What samples of this metric say about capacity; None where its name does not tell for certain."""
    name, bracketed = _without_unit(metric)
    words, units = words_of(name), _units(unit or bracketed)
    kind = kind_of(name, unit)
    for reader in (_replicas, _pool, _cache, _cpu, _memory):
        measure = reader(words, units)
        if measure is not None:
            return measure
    named = words & (_SHARE - {"rate"})
    return Measure(Role.demand, counter="total" in words) if kind is Kind.traffic and not named else None


def _cpu(words: frozenset[str], units: frozenset[str]) -> Measure | None:
    if "cpu" not in words or words & _NOT_OWN:
        return None
    factor = _factor(_CORES, words, units)
    if words & _REQUEST or words & _LIMIT:
        if words & _SHARE or "%" in units:
            return None  # of which of the two it is a share is told by its other words, which differ by vendor
        return Measure(Role.cpu_allotted, factor, rank=bool(words & _REQUEST)) if factor else None
    if {"seconds", "total"} <= words:
        return Measure(Role.cpu_used, 1.0, counter=True)
    if factor:
        return Measure(Role.cpu_used, factor, rank=1)
    return _share(Role.cpu_share, words, units)


def _memory(words: frozenset[str], units: frozenset[str]) -> Measure | None:
    if not words & {"memory", "mem", "rss"} or words & _NOT_OWN:
        return None
    factor = _factor(_MIB, words, units)
    if words & _REQUEST or words & _LIMIT:
        if words & _SHARE or "%" in units:
            return None
        return Measure(Role.memory_allotted, factor, rank=bool(words & _REQUEST)) if factor else None
    # The working set is what the kernel kills by; plain usage holds caches that can be dropped.
    rank = 2 if "working" in words else 1 if words & {"rss", "resident"} else 0
    return Measure(Role.memory_used, factor, rank=rank) if factor else _share(Role.memory_share, words, units)


def _replicas(words: frozenset[str], units: frozenset[str]) -> Measure | None:
    if not words & {"replicas", "replica"} or words & _words("unavailable lag max min maximum minimum delay bytes"):
        return None
    return Measure(Role.replicas, rank=2 if words & {"ready", "available"} else 0 if "desired" in words else 1)


def _pool(words: frozenset[str], units: frozenset[str]) -> Measure | None:
    pooled = words & {"pool", "hikaricp"} or ({"db", "client"} <= words and words & {"connections", "connection"})
    if not pooled or words & _words("thread threads memory mem bytes"):
        return None
    if words & {"wait", "acquire"}:
        factor = _factor(_MS, words, units)
        return Measure(Role.pool_wait, factor) if factor else None
    if words & {"pending", "idle", "timeout", "timeouts", "min", "created", "errors"}:
        return None
    if words & {"max", "maximum", "size", "limit", "capacity"}:
        return Measure(Role.pool_size, rank=bool(words & {"max", "maximum", "limit"}))
    return Measure(Role.pool_used) if words & {"use", "used", "active", "busy"} else None


def _cache(words: frozenset[str], units: frozenset[str]) -> Measure | None:
    if "cache" not in words:
        return None
    if words & {"evictions", "evicted", "eviction"}:
        return Measure(Role.evictions, counter="total" in words)
    hit = words & {"hit", "hits"} and not words & {"miss", "misses"}
    return _share(Role.cache_hits, words, units) if hit else None


def _share(role: Role, words: frozenset[str], units: frozenset[str]) -> Measure | None:
    if "%" in units or words & {"percent", "percentage", "pct"}:
        return Measure(role, 0.01)
    return Measure(role, None) if words & _SHARE else None


def _factor(known: dict[str, float], words: frozenset[str], units: frozenset[str]) -> float | None:
    return next((known[word] for word in (*sorted(units), *sorted(words)) if word in known), None)


def _without_unit(metric: str) -> tuple[str, str]:
    """``CpuUsage(m)`` is CpuUsage in m."""
    found = re.fullmatch(r"(.*?)\s*[(\[]([^()\[\]]{1,12})[)\]]", metric)
    return (found[1], found[2]) if found else (metric, "%" if "%" in metric else "")


def _units(unit: str) -> frozenset[str]:
    text = unit.strip().lower()
    return frozenset({"%"} if text in {"%", "percent"} else {text} if text else ())
