"""What every signal hands to the ranker: findings, each a sentence about one service with a score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from data.domain import EvidenceKind


class Channel(StrEnum):
    """One way in which a service may look like the cause. Scores are comparable within a channel, not across."""

    blame = "blame"
    latency = "latency"
    errors = "errors"
    cpu = "cpu"
    memory = "memory"
    disk = "disk"
    network = "network"
    saturation = "saturation"
    traffic = "traffic"
    other = "other"
    vanished = "vanished"
    own_time = "own_time"
    gap = "gap"
    error_origin = "error_origin"
    calls = "calls"
    new_logs = "new_logs"
    lost_logs = "lost_logs"
    named_in_errors = "named_in_errors"
    queue = "queue"
    pool = "pool"
    cache = "cache"
    rows = "rows"
    restarts = "restarts"
    timeouts = "timeouts"
    own_errors = "own_errors"
    callers_slow = "callers_slow"
    callers_fail = "callers_fail"
    fan_out = "fan_out"
    lost_calls = "lost_calls"
    surge = "surge"
    starved = "starved"
    peer_time = "peer_time"
    peer_errors = "peer_errors"
    ways = "ways"
    changed = "changed"
    times_slower = "times_slower"
    grown = "grown"


@dataclass(frozen=True)
class Finding:
    """One observation about ``service``. ``score`` >= 0, higher is more suspicious, in the unit of its channel.

    ``text`` is a sentence with numbers and units that a person can check; ``indicator`` is what to look at.
    ``trust`` in (0, 1] is how far the observation speaks of this service rather than of a neighbour.
    """

    service: str
    channel: Channel
    score: float
    kind: EvidenceKind
    text: str
    source: str
    indicator: str | None = None
    at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    trust: float = 1.0


# In the detail of a finding about a callee: (its caller, the share of what that caller suffers which this explains).
PASSED_ON = "passed_on"


def strongest(findings: Iterable[Finding]) -> list[Finding]:
    """Highest score first; ties in the order of service and text, so that input order never shows."""
    return sorted(findings, key=lambda f: (-f.score, f.service, f.channel, f.text))
