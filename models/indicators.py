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

    ``availability`` is the share that succeeds: an error measure that harms by falling. ``calls`` are requests sent to
    others, where ``traffic`` is those received; ``cache`` is how often a cache has the answer; ``rows`` what a database
    reads.
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
    queue = "queue"
    pool = "pool"
    cache = "cache"
    calls = "calls"
    rows = "rows"
    restarts = "restarts"
    timeouts = "timeouts"
    other = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In order: the first kind with a word in the name has it ("request_errors" are errors, "request_latency" is latency).
_KINDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    (Kind.availability, _words("success successful successes availability uptime healthy apdex up")),
    (Kind.restarts, _words("restart restarts oom killed kills crash crashes evicted evictions")),
    (Kind.timeouts, _words("timeout timeouts timedout")),
    (
        Kind.error,
        _words(
            "error errors err errs fail failed failure failures fault faults exception exceptions panic panics "
            "rejected rejections reject aborted abort unhealthy unavailable dropped drops retry retries"
        ),
    ),
    (Kind.memory, _words("gc garbage")),
    (Kind.pool, _words("pool pooled hikaricp acquire")),
    (Kind.latency, _words("latency latencies lat duration response rt rtt elapsed delay ttfb wait waiting slow")),
    (Kind.cpu, _words("cpu cpus processor throttled throttling steal load1 load5 load15")),
    (Kind.memory, _words("memory mem heap rss swap ram")),
    (Kind.queue, _words("queue queued depth backlog lag pending visible unacked ready")),
    (Kind.saturation, _words("descriptor descriptors fds handles inflight")),
    (Kind.network, _words("network net receive received transmit transmitted rx tx packets tcp bandwidth")),
    (Kind.disk, _words("disk filesystem fs iops io inodes volume storage diskio blkio iowait fsync fsyncs")),
    (
        Kind.saturation,
        _words(
            "thread threads connection connections conn conns saturation utilization utilisation active activity "
            "goroutine goroutines socket sockets session sessions processes procs busy worker workers clients"
        ),
    ),
    (Kind.rows, _words("rows tuples tup scan scans scanned")),
    (
        Kind.traffic,
        _words(
            "request requests req reqs rps qps tps ops throughput call calls invocations hits rate workload load lod "
            "traffic count queries messages"
        ),
    ),
)
# What spreads from a callee to its callers. A tuple: an enum's hash is computed in Python, and this is asked a lot.
TRAVELS = (Kind.latency, Kind.error, Kind.availability)
_RISE_HARMS = {
    Kind.latency,
    Kind.error,
    Kind.cpu,
    Kind.memory,
    Kind.saturation,
    Kind.queue,
    Kind.pool,
    Kind.restarts,
    Kind.timeouts,
}
_LOST = _words("retrans retransmits retransmitted retransmissions error errors errs drop drops dropped loss lost")
_NETWORK = _words("network net tcp packets packet")
_SENT_OUT = _words("client outbound egress out downstream outgoing")
# What only two words together tell: lost packets are no failed requests, and a cache's hits no requests.
_BY_TWO: tuple[tuple[tuple[frozenset[str], ...], Kind], ...] = (
    ((_NETWORK, _LOST), Kind.network),
    ((_words("retrans retransmits retransmitted retransmissions"),), Kind.network),
    ((_words("success successful availability"), _words("loss lost failure")), Kind.error),
    ((_words("connection connections conn conns"), _words("client")), Kind.pool),
    ((_words("hit hits miss misses"), _words("cache ratio pct percent percentage")), Kind.cache),
)


_TIME = _words("time seconds milliseconds millis")
_PERCENTILE = re.compile(r"p\d\d+")
# A duration of requests, queries or pages, not how many of them there were, nor how long something has been so.
_TIMED = _words("request requests req reqs query queries load execution processing exec result service call calls")
_NO_TIME = _words("count total sum bucket per cpu gc start started last since age up io memory bytes queue queued pool")


def _times(words: frozenset[str]) -> bool:
    """Whether a metric tells how long work takes: ``page_load_time``, Micrometer's ``http_server_requests_seconds``."""
    timed = bool(words & _TIME) or any(_PERCENTILE.fullmatch(word) for word in words)
    return timed and bool(words & _TIMED) and not words & _NO_TIME


@lru_cache(maxsize=65_536)
def words_of(name: str) -> frozenset[str]:
    """The words of a metric name, lower case: ``PodServerLatencyP99(s)`` holds pod, server, latency, p99, s."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", " ", name)
    return frozenset(re.findall(r"[a-z]+|\d+xx|p\d+|\d+", spaced.lower())) | frozenset(
        re.findall(r"[a-z0-9]+", spaced.lower())
    )


@lru_cache(maxsize=65_536)
def kind_of(name: str, unit: str = "") -> Kind:
    """What a metric of this name measures; a unit of time decides where no word does."""
    words = words_of(name)
    if any(re.fullmatch(r"[45]xx|5\d\d", word) for word in words):
        return Kind.error
    for told, kind in _BY_TWO:
        if all(words & either for either in told):
            return kind
    if _times(words):
        return Kind.latency
    for kind, known in _KINDS:
        if words & known:
            return Kind.calls if kind is Kind.traffic and words & _SENT_OUT else kind
    by_time = unit.lower() in {"s", "ms", "us", "ns", "second", "seconds", "millisecond", "milliseconds"}
    return Kind.latency if by_time or any(_PERCENTILE.fullmatch(word) for word in words) else Kind.other


_SHARES = _words("ratio share percent percentage pct loss")


@lru_cache(maxsize=65_536)
def counts_failures(name: str, unit: str = "") -> bool:
    """Whether a metric counts failures, in all or by the second, rather than telling their share."""
    return kind_of(name, unit) is Kind.error and unit != "%" and not words_of(name) & _SHARES


# One of each unit of time, in milliseconds.
_MILLISECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e3),
    **dict.fromkeys(("ms", "msec", "millis", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("us", "microsecond", "microseconds"), 1e-3),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-6),
}


@lru_cache(maxsize=65_536)
def milliseconds(name: str, unit: str = "") -> float | None:
    """How many milliseconds one of what a metric counts is, by its unit or else its name; None where neither tells."""
    if unit:
        return _MILLISECONDS.get(unit.lower())
    told = {_MILLISECONDS[word] for word in words_of(name) if word in _MILLISECONDS}
    return told.pop() if len(told) == 1 else None


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
    if kind is Kind.network and words & _LOST:
        return 1
    if kind is Kind.cache:
        return 1 if words & {"miss", "misses"} else -1
    return -1 if kind is Kind.availability else 0
