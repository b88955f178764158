"""What kind of thing a metric measures, from the words in its name, and which direction of it harms.

Names come from every vendor and every team, so nothing is matched whole: a name is cut into words at
punctuation, at digits and at changes of case, and the words are looked up. What no word tells is ``other``, which
is scored all the same, in both directions.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """The kinds of indicator, after the four golden signals and the USE method (latency, traffic, errors, saturation).

    ``availability`` is the share that succeeds: an error measure that harms by falling.
    """

    latency = "latency"
    error = "error"
    availability = "availability"
    traffic = "traffic"
    cpu = "cpu"
    memory = "memory"
    disk = "disk"
    network = "network"
    saturation = "saturation"
    other = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In order: the first kind with a word in the name has it ("request_errors" are errors, "request_latency" is latency).
_KINDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    (Kind.availability, _words("success successful successes availability uptime healthy apdex up")),
    (
        Kind.error,
        _words(
            "error errors err errs fail failed failure failures fault faults exception exceptions panic panics "
            "timeout timeouts rejected rejections reject aborted abort crash crashes restart restarts unhealthy "
            "unavailable oom killed dropped drops retries retry retransmits"
        ),
    ),
    (Kind.latency, _words("latency latencies lat duration response rt rtt elapsed delay ttfb wait waiting slow")),
    (Kind.cpu, _words("cpu cpus processor throttled throttling load1 load5")),
    (Kind.memory, _words("memory mem heap rss swap gc ram")),
    (Kind.disk, _words("disk filesystem fs iops io inodes volume storage diskio")),
    (
        Kind.saturation,
        _words(
            "queue queued depth backlog lag pool pending inflight threads thread connections conns saturation "
            "utilization utilisation active goroutines sockets fds descriptors processes procs"
        ),
    ),
    (Kind.network, _words("network net receive received transmit transmitted rx tx packets tcp bandwidth")),
    (
        Kind.traffic,
        _words(
            "request requests req reqs rps qps tps ops throughput call calls invocations hits rate workload load lod "
            "traffic count queries messages"
        ),
    ),
)
_RISE_HARMS = {Kind.latency, Kind.error, Kind.cpu, Kind.memory, Kind.saturation}


@lru_cache(maxsize=65_536)
def words_of(name: str) -> frozenset[str]:
    """The words of a metric name, lower case: ``PodServerLatencyP99(s)`` holds pod, server, latency, p99, s."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return frozenset(re.findall(r"[a-z]+|\d+xx|p\d+|\d+", spaced.lower())) | frozenset(
        re.findall(r"[a-z0-9]+", spaced.lower())
    )


@lru_cache(maxsize=65_536)
def kind_of(name: str, unit: str = "") -> Kind:
    """What a metric of this name measures; a unit of time decides where no word does."""
    words = words_of(name)
    if any(re.fullmatch(r"[45]xx|5\d\d", word) for word in words):
        return Kind.error
    for kind, known in _KINDS:
        if words & known:
            return kind
    by_time = unit.lower() in {"s", "ms", "us", "ns", "second", "seconds", "millisecond", "milliseconds"}
    return Kind.latency if by_time or any(re.fullmatch(r"p\d\d+", word) for word in words) else Kind.other


# Measured at a caller, or on a host that others share: as much about them as about the service itself.
_ELSEWHERE = _words("client upstream outbound egress dependency downstream node host machine")


def closeness(name: str) -> float:
    """1 for what is about the service itself, a half for what is as much about its callees or neighbours."""
    return 0.5 if words_of(name) & _ELSEWHERE else 1.0


def direction_of(name: str, unit: str = "") -> int:
    """+1 where a rise harms, -1 where a fall does, 0 where either may."""
    kind = kind_of(name, unit)
    words = words_of(name)
    if kind in _RISE_HARMS:
        # Free memory, idle CPU, remaining space: the opposite of usage.
        return -1 if words & {"free", "idle", "remaining", "available"} else 1
    return -1 if kind is Kind.availability else 0
