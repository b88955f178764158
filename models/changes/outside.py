"""Causes that are nobody's change, in the words that runtimes, platforms and providers report them with."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from models.changes.context import Symptom


class OutsideCause(NamedTuple):
    """A cause outside the recorded changes.

    ``weight``: log-odds that a text matching ``pattern`` gives to "no change did it".
    """

    name: str
    weight: float
    pattern: re.Pattern[str]


CAUSES: tuple[OutsideCause, ...] = tuple(
    OutsideCause(name, weight, re.compile(pattern, re.IGNORECASE))
    for name, weight, pattern in (
        (
            "a certificate has expired",
            4.0,
            r"certificate (has |is )?expired|cert(ificate)?\b.{0,60}\b(is |has )?expired",
        ),
        (
            "a key, licence or credential has expired",
            3.5,
            r"\b(key|licen[cs]e|credentials?|secret|subscription|domain|password)\b[\w ]{0,20}(has |is )?expired",
        ),
        (
            "a provider fails or throttles",
            3.2,
            r"slow ?down\b|\b(aws|amazonaws|azure|gcp|googleapis|cloudflare|s3|stripe|twilio)\b.{0,80}"
            r"(internal ?error|service ?unavailable|\b50[0234]\b|throttl|\b429\b)|"
            r"(provider|third[- ]party|vendor|partner|external)\w*\b.{0,60}"
            r"(\b50[0234]\b|unavailable|outage|down|timed? ?out)",
        ),
        (
            "a quota from outside is used up",
            2.5,
            r"quota (has been )?exceeded|monthly (quota|limit)|billing (limit|disabled)",
        ),
        (
            "a region or zone is impaired",
            3.0,
            r"\b(region|zone|data ?cent(er|re)|availability zone)\b.{0,40}(impair|unavailable|outage|fail|down|lost)|"
            r"(impair|outage|no route to host).{0,40}\b(region|zone)\b",
        ),
        (
            "name resolution fails",
            2.0,
            r"temporary failure in name resolution|resolver|servfail|dns (server|timeout|outage)",
        ),
        ("a disk is full", 3.0, r"no space left|disk (is )?full|out of disk|enospc|volume (is )?full"),
        (
            "hardware or a node fails",
            3.2,
            r"node ?not ?ready|node.{0,20}(is )?not ready|i/o error, dev|hardware error|machine check|"
            r"\becc\b.{0,20}error|"
            r"spot interruption|instance termination|preempt(ed|ion)|host (is )?down|"
            r"kernel panic|node (lost|failure|down)",
        ),
        ("a noisy neighbour takes the processor", 3.0, r"\bcpu[_ ]?steal|\bsteal[_ ](time|percent)|noisy neighbou?r"),
        (
            "a node runs short of memory or disk",
            2.6,
            r"node was low on|node pressure|(memory|disk) ?pressure|evict.{0,40}\bnode\b",
        ),
        (
            "a managed database fails over or is under maintenance",
            2.2,
            r"failover|recovery mode|scheduled maintenance|maintenance window|read[- ]only replica promoted",
        ),
        (
            "a clock has drifted",
            2.5,
            r"clock\b.{0,30}(unsynchroni[sz]ed|drift|skew|step)|\b(ntp|chrony\w*)\b",
        ),
        (
            "a delivery network or carrier fails",
            2.2,
            r"\b(cdn|edge|pop|isp|carrier|peering|transit)\b.{0,60}(unreachable|outage|down|fail|error|degraded)|"
            r"(unreachable|outage|degraded).{0,60}\b(cdn|edge|pop|isp|carrier|peering|transit)\b",
        ),
        (
            "an outside party sends what cannot be used",
            1.8,
            r"\b(partner|supplier|vendor|third[- ]party|customer|client)\b.{0,40}\b(feed|file|payload|data|batch)\b",
        ),
        ("the network loses packets", 1.5, r"packet loss|link (is )?down|bgp|network (is )?unreachable"),
        (
            "an attack or a crawler is under way",
            2.0,
            r"\bddos\b|brute ?force|credential stuffing|\bbot(s|net)?\b|\bwaf\b|syn flood",
        ),
    )
)
# From this weight on a text names its cause plainly.
PLAIN = 3.0


@lru_cache(maxsize=16_384)
def causes_named(symptom: Symptom) -> tuple[OutsideCause, ...]:
    """The outside causes that a log, span or metric name speaks of."""
    text = symptom.name if symptom.kind == "metric" else f"{symptom.name} {symptom.text}"
    return tuple(cause for cause in CAUSES if cause.pattern.search(text))


def named_cause(symptom: Symptom) -> bool:
    """Whether the symptom itself names a cause from outside, plainly."""
    return any(cause.weight >= PLAIN for cause in causes_named(symptom))
