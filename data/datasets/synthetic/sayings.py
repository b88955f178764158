# ruff: noqa: E501  (one saying a line)
"""What services log: everyday lines, grumbles that mean nothing, failed calls, and what each fault makes one say.

``{op}`` is an operation, ``{callee}`` another service, ``{n}`` a number and ``{hex}`` an identifier.
"""

from __future__ import annotations

EVERYDAY = (
    ("INFO", "handled {op} in {n} ms"),
    ("INFO", "request completed path=/{op} status=200 duration={n}ms"),
    ("INFO", "{op}: accepted item {n}"),
    ("DEBUG", "loaded {n} rows for {op}"),
    ("INFO", "published event {op} id={hex}"),
    ("INFO", "session {hex} refreshed"),
    ("INFO", "{op} finished, {n} records"),
    ("DEBUG", "heartbeat ok seq={n}"),
    ("INFO", "health probe 200"),
    ("INFO", "reloaded settings, {n} keys"),
)
GRUMBLES = (
    ("WARN", "slow {op}: took {n} ms"),
    ("WARN", "deprecated field {op} used by client {hex}"),
    ("ERROR", "invalid input for {op}: item {n} rejected"),
    ("WARN", "token about to expire for {hex}"),
    ("ERROR", "could not parse optional header {op}"),
    ("WARN", "retrying {op} after transient error"),
    ("ERROR", "client closed connection before response, {op}"),
    ("WARN", "high memory use noticed, {n} MB"),
    ("ERROR", "duplicate key for {op} {hex}"),
)
UPSTREAM = (
    ("ERROR", "call to {callee} failed after {n} ms: status=503"),
    ("ERROR", "upstream {callee} timed out after {n} ms"),
    ("WARN", "{callee}: context deadline exceeded"),
    ("ERROR", "unexpected response from {callee} while serving {op}"),
)
TOLD = {
    "n_plus_one": (("WARN", "slow {op}: {n} calls to {callee} in one request"),),
    "missing_index": (("WARN", "slow query on {op}: {n} ms, sequential scan"), ("WARN", "query took {n} ms: select {op}")),
    "wrong_timeout": (("ERROR", "{callee}: deadline of {n} ms exceeded"), ("ERROR", "request to {callee} aborted by client timeout")),
    "pool_cut": (("ERROR", "timeout waiting for connection from pool to {callee}"), ("WARN", "connection pool exhausted, {n} waiting")),
    "exception": (
        ("ERROR", "unhandled exception in {op}: null value"), ("ERROR", "panic in {op}: index out of range [{n}]"),
        ("ERROR", "KeyError: '{op}'"),
    ),
    "retry_storm": (("WARN", "retry attempt {n} for {callee}"), ("WARN", "retrying {op} without backoff, attempt {n}")),
    "leak": (("WARN", "gc pause {n} ms"), ("WARN", "heap at {n} MB of limit")),
    "large_payload": (("WARN", "payload for {callee} is {n} kB"), ("WARN", "serialising {op} took {n} ms")),
    "cache_stampede": (("WARN", "cache miss for {op}, loading from {callee}"), ("INFO", "cache entry {op} expired")),
    "config_limit": (("WARN", "worker limit reached, {n} requests queued"), ("WARN", "cpu throttled {n} ms")),
    "flag_flip": (("INFO", "variant on for {op}"), ("ERROR", "variant path of {op} failed: missing field")),
    "bad_url": (("ERROR", "connect to {callee}: no such host"), ("ERROR", "404 from {callee} for /{op}")),
    "cpu_hog": (("WARN", "event loop lag {n} ms"),),
    "memory_pressure": (("WARN", "memory pressure, {n} pages reclaimed"), ("WARN", "gc pause {n} ms")),
    "disk_full": (("ERROR", "write failed: no space left on device"), ("ERROR", "could not extend file {op}: disk full")),
    "connection_exhaustion": (("ERROR", "too many connections, {n} open"), ("ERROR", "remaining connection slots are reserved")),
    "network_delay": (("WARN", "round trip took {n} ms"),),
    "network_loss": (("ERROR", "connection reset by peer"), ("WARN", "broken pipe while writing {op}")),
    "dns_failure": (("ERROR", "lookup {callee}: temporary failure in name resolution"),),
    "provider_outage": (),
    "traffic_surge": (("WARN", "request queue length {n}"), ("WARN", "rate limit near for {op}")),
}  # fmt: skip
