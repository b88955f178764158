"""How software fails: for each mechanism, the words a change to it touches and the words its symptoms show.

General vocabulary of operations, after the classes in Gunawi et al., "Why Does the Cloud Stop Computing?"
(SoCC 2016), Yuan et al., "Simple Testing Can Prevent Most Critical Failures" (OSDI 2014), and the error texts of
common runtimes, drivers and orchestrators. Words meet as stems, so any form of a word will do.
A phrase of several words is found where a text holds all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from models.changes.words import stem, vocabulary


@dataclass(frozen=True)
class Mechanism:
    """One way to fail.

    Attributes:
        name: what it is called in an explanation.
        touches: words that changes to this part of a system hold.
        shows: phrases that speak of it in metrics, logs and spans.
        hints: phrases that fit it and much else besides; they count for less.
    """

    name: str
    touches: frozenset[str]
    shows: tuple[frozenset[str], ...]
    hints: tuple[frozenset[str], ...] = ()


HINT = 0.4


def shown_by(mechanism: Mechanism, words: frozenset[str]) -> float:
    """How plainly a text of these stems speaks of ``mechanism``: 1, ``HINT`` or 0."""
    if any(phrase <= words for phrase in mechanism.shows):
        return 1.0
    return HINT if any(phrase <= words for phrase in mechanism.hints) else 0.0


def _mechanism(name: str, touches: str, shows: str, hints: str = "") -> Mechanism:
    return Mechanism(name, frozenset(map(stem, touches.split())), _phrases(shows), _phrases(hints))


def _phrases(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(stem, phrase.split())) for phrase in text.split(",") if phrase.strip())


MECHANISMS: tuple[Mechanism, ...] = (
    _mechanism(
        "connection pooling",
        "pool connection idle acquire release hikari datasource pgbouncer maxconnections keepalive checkout lease",
        "pool exhausted, pool wait, pool timeout, acquire connection, too many connection, connection pool, "
        "connection leak, connection limit, pool active, pool pending",
        "connection, pool, saturated, acquire",
    ),
    _mechanism(
        "timeouts and deadlines",
        "timeout deadline context cancel wait duration expire millisecond second budget",
        "timeout, timed out, deadline exceeded, context canceled, aborted after, read timeout",
        "slow, latency, cancel",
    ),
    _mechanism(
        "missing values",
        "null optional unwrap nullable pointer orelse isempty default ispresent missing empty assert guard has exists",
        "null, null pointer, nullpointerexception, dereference, segfault, attributeerror, nonetype, "
        "cannot read property, keyerror, panic, unwrap, has no attribute, segmentation fault",
        "typeerror, runtime error, exception",
    ),
    _mechanism(
        "caching",
        "cache ttl expire evict memoize invalidate redis memcached warm prefetch lru maxentries stale caffeine",
        "cache, cache miss, cache hit, evict, stampede, hit ratio, hit rate",
        "query second, database cpu, slow query, query rate",
    ),
    _mechanism(
        "queries",
        "query select sql index join where fetch load preload eager lazy orm scan row table repository limit "
        "orderby groupby batch findall findone include",
        "slow query, query count, query per request, rows read, full scan, seq scan, table scan, query duration, "
        "query latency, statement timeout, database cpu, query plan, rows examined, sequential scan",
        "query, database, row, latency, cpu",
    ),
    _mechanism(
        "schema and data format",
        "schema mapping migration column alter drop rename field proto json serialize deserialize marshal unmarshal "
        "enum type version encode decode parse format dto model property contract avro xml payload table constraint "
        "required tag key",
        "unknown field, no mapping, missing field, required field, parse, deserialize, unmarshal, unmarshall, "
        "decode, unknown column, does not exist, undefined column, constraint violation, invalid type, "
        "incompatible schema, unexpected token, malformed, invalid json, cannot cast, unrecognized, serialization, "
        "violates",
        "invalid, field, 400, validation, bad request, 422",
    ),
    _mechanism(
        "retries",
        "retry backoff attempt jitter circuit breaker redo resend hedge exponential sleep retries",
        "retry, retries, attempt, retry storm, circuit open, breaker open",
        "request second, 429, 503, concurrent request, overload, request rate",
    ),
    _mechanism(
        "locking and concurrency",
        "lock atomic concurrent goroutine thread synchronized transaction isolation semaphore update "
        "async await race parallel begin commit volatile channel forupdate",
        "deadlock, lock wait, lock timeout, lock contention, race, blocked thread, concurrent map, goroutine, "
        "serialization failure, could not serialize, blocked, lock, stuck",
        "wait, thread, transaction",
    ),
    _mechanism(
        "worker pools",
        "worker thread pool executor concurrency core max parallelism queue capacity gomaxprocs process fork "
        "semaphore threads workers",
        "thread pool, worker pool, executor, queue full, task rejected, queue depth, queue size, workers busy, "
        "threads busy, rejectedexecution, queue capacity, saturation",
        "queue, rejected, thread, saturated, worker",
    ),
    _mechanism(
        "memory",
        "memory heap buffer append retain listener map static global cache maximumsize bound unbounded limit xmx free "
        "gc allocate close evict clear remove list maxentries hashmap concurrenthashmap",
        "memory, heap, oom, oomkilled, outofmemory, outofmemoryerror, gc pause, rss, garbage collection, allocation",
        "restart, evicted, exit code",
    ),
    _mechanism(
        "resource limits",
        "limit request resource memory cpu quota replica replicas hpa xmx xms ulimit cgroup autoscaling maxreplicas "
        "minreplicas mi gi gib heap size instance",
        "oomkilled, throttling, throttled, crashloop, crashloopbackoff, evicted, pending pod, "
        "container restart, pod restart, cpu limit, insufficient, memory limit, outofmemory",
        "restart, cpu, memory, replica",
    ),
    _mechanism(
        "leaked handles",
        "close defer finally dispose body file stream with using release open handle descriptor socket",
        "too many open files, file descriptor, open fd, fd, socket leak, leak, emfile, open socket, close wait",
        "connection, memory, goroutine",
    ),
    _mechanism(
        "computation",
        "regex regexp loop sort compress encrypt hash bcrypt cost parse render serialize recursion pattern match "
        "for while foreach nested deepcopy rounds",
        "cpu, cpu utilization, cpu usage, catastrophic backtracking, regex, cpu second, event loop lag, event loop",
        "latency, slow, throttled",
    ),
    _mechanism(
        "access rights",
        "authorization authentication token jwt permission role policy scope secret key iam rbac credential cors "
        "allow deny grant revoke password session audience issuer claim signature action principal",
        "401, 403, unauthorized, unauthenticated, forbidden, denied, accessdenied, not authorized, permission, "
        "invalid token, invalid signature, credential, login failed, authentication failed, cors",
        "token, login, rejected, auth",
    ),
    _mechanism(
        "certificates and TLS",
        "tls certificate cipher ca x mtls truststore keystore san hostname verify handshake minversion pem",
        "tls, handshake, certificate, x509, unknown authority, ssl, cipher",
        "connection refused, eof, connection reset",
    ),
    _mechanism(
        "addresses and routes",
        "url host hostname endpoint dns port ingress proxy gateway route path prefix upstream address uri domain "
        "rewrite virtualservice selector listen namespace resolver",
        "no such host, name resolution, connection refused, no route, 404, unreachable, unknown host, dial tcp, "
        "unknownhost, host not found, getaddrinfo, no healthy upstream, no upstream, redirect loop",
        "502, 503, upstream, connect",
    ),
    _mechanism(
        "message consumption",
        "queue consumer producer poll prefetch partition offset ack acknowledge kafka topic batch records session "
        "heartbeat rebalance subscription visibility dlq qos group interval",
        "consumer lag, lag, backlog, redelivered, rebalance, dead letter, consumer, unacked, leaving group, "
        "message age, offset, queue depth",
        "queue, poll, message",
    ),
    _mechanism(
        "rate limits",
        "rate limit quota throttle burst bucket window per minute second tokens ratelimit maxrequests concurrency",
        "429, rate limit, rate limited, too many request, throttled, quota exceeded, limit exceeded",
        "rejected, limit",
    ),
    _mechanism(
        "time and clocks",
        "time timezone utc date clock now epoch dst locale zone datetime timestamp millis localtime naive offset "
        "calendar cron schedule",
        "not yet valid, in the future, clock skew, timestamp, invalid date, timezone, expired token, token expired, "
        "offset naive, stale",
        "expired, 401, date, cron",
    ),
    _mechanism(
        "input checks",
        "validate check require regex pattern reject sanitize assert length min max allow strict",
        "validation, invalid, bad request, 400, 422, rejected input, constraint, too large, 413",
        "rejected, error",
    ),
    _mechanism(
        "arithmetic and bounds",
        "divide round overflow int float decimal length len slice index offset range min max count sum average "
        "empty size zero total amount price",
        "division zero, divide zero, zerodivisionerror, out of range, index out of bounds, overflow, nan, "
        "indexoutofbounds, indexerror, negative, arithmetic, bounds, mismatch amount",
        "panic, exception",
    ),
    _mechanism(
        "logging",
        "log logger level debug trace verbose logging loglevel info",
        "log bytes, log volume, log lines, log rate, log size, logs per second",
        "disk, io wait, latency",
    ),
    _mechanism(
        "storage",
        "disk volume retention wal rotate rotation temporary mount path storage compaction snapshot archive cleanup "
        "vacuum purge log level",
        "no space, disk full, disk used, disk usage, volume full, read only file system, inode",
        "io wait, disk",
    ),
    _mechanism(
        "startup and health checks",
        "probe health readiness liveness startup graceful shutdown signal preStop entrypoint command initialdelay "
        "port env environment image",
        "crashloop, probe failed, not ready, readiness, liveness, crashloopbackoff, failed to start, container "
        "restart, imagepull, unhealthy, exit code, missing environment, environment variable",
        "restart, 503, available replica, pod",
    ),
    _mechanism(
        "work distribution",
        "shard hash partition sticky balance weight affinity leastconn roundrobin key skew canary split zone",
        "hot shard, skew, imbalance, hot partition, hotspot, uneven, hot key",
        "partition, shard",
    ),
    _mechanism(
        "request headers and payload size",
        "header size body max content length gzip encoding cookie payload buffer limit compress",
        "413, 431, too large, payload size, header too, body size, response size, content length, message size",
        "400, 502",
    ),
    _mechanism(
        "feature switches",
        "flag feature toggle enable disable rollout variant experiment default off on switch",
        "flag, feature disabled, variant, experiment",
    ),
    _mechanism(
        "libraries",
        "import version dependency upgrade package module require library sdk",
        "nosuchmethod, no such method, classnotfound, importerror, modulenotfound, no module, has no attribute, "
        "undefined symbol, noclassdeffound, is not a function, deprecated, module, abi",
        "typeerror, attributeerror",
    ),
)


def _specificity() -> Mapping[str, float]:
    """How much a touched word tells: one that half the mechanisms share ("limit", "size") tells little."""
    held = Counter(word for mechanism in MECHANISMS for word in mechanism.touches)
    return {word: 1.0 / math.sqrt(n) for word, n in held.items()}


SPECIFICITY: Mapping[str, float] = _specificity()


def strengths(texts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """How strongly weighted symptom texts speak of each mechanism, in [0, 1]; texts that agree add up."""
    silent = {mechanism.name: 1.0 for mechanism in MECHANISMS}
    for text, weight in texts:
        for name, said in _spoken_of(text):
            silent[name] *= 1.0 - 0.9 * weight * said
    return {name: 1.0 - rest for name, rest in silent.items()}


@lru_cache(maxsize=16_384)
def _spoken_of(text: str) -> tuple[tuple[str, float], ...]:
    words = vocabulary(text)
    return tuple((m.name, said) for m in MECHANISMS if (said := shown_by(m, words)))
