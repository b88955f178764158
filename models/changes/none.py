"""What the telemetry says of causes that are nobody's change: providers, certificates, traffic, hardware.

"None" is explained by evidence of its own, as every change is. It is not what remains when the best change looks weak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.changes.affinity import text_of
from models.changes.context import ChangeContext, Symptom
from models.changes.place import suspicion
from models.changes.signal import Signal
from models.indicators import Kind, kind_of

# Most incidents follow a change (Google's SRE book, chapter 1, says 70 %), but any one recorded change seldom does it.
BASE = 1.8
SURGE_RATIO = 1.5

# (what it says, log-odds, pattern in the words of a log, span or metric name). The strongest in each family counts.
_PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (name, weight, re.compile(pattern, re.IGNORECASE))
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
            r"(provider|third[- ]party|vendor|partner|external)\w*\b.{0,60}(\b50[0234]\b|unavailable|outage|down|timed? ?out)",
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
            r"node ?not ?ready|node.{0,20}(is )?not ready|i/o error, dev|hardware error|\becc\b.{0,20}error|machine check|"
            r"spot interruption|instance termination|preempt(ed|ion)|host (is )?down|kernel panic|node (lost|failure|down)",
        ),
        ("a noisy neighbour takes the processor", 3.0, r"\bcpu[_ ]?steal|\bsteal[_ ](time|percent)|noisy neighbou?r"),
        ("the network loses packets", 1.5, r"packet loss|link (is )?down|bgp|network (is )?unreachable"),
        ("an attack or a crawler", 2.0, r"\bddos\b|brute ?force|credential stuffing|\bbot(s|net)?\b|\bwaf\b|syn flood"),
    )
)
_METRIC_LIMITS = re.compile(r"expir|days?_left|valid(ity)?_", re.IGNORECASE)
_DISK_SHARE = re.compile(r"(disk|volume|filesystem|fs|storage)\w*(used|usage|util\w*|percent|pct|full)", re.IGNORECASE)
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.){2,}[a-z]{2,}\b", re.IGNORECASE)
_INTERNAL_HOST = re.compile(r"(\.svc|\.local|\.internal|\.cluster\.local|\.lan|\.corp|\.intra)$|\.svc\.", re.IGNORECASE)
_SERVER_ERROR = re.compile(
    r"\b50[0234]\b|unavailable|internal ?error|bad gateway|gateway time|timed? ?out", re.IGNORECASE
)
_CAPACITY_LOSS = re.compile(
    r"(available|ready|healthy)_(replicas|nodes|hosts|instances)|nodes_ready|\bup\b", re.IGNORECASE
)


def no_change_signals(context: ChangeContext) -> list[Signal]:
    """Evidence that no recorded change caused the incident."""
    # Few lines can tell: who says it counts here, not how often.
    suspects = suspicion(context)
    weighed = [(symptom, suspects.get(symptom.service, 0.0)) for symptom in context.symptoms]
    signals = [
        Signal(BASE, "any one change is an unlikely cause before the evidence is heard"),
        *_texts(weighed),
        _outside_host(weighed, context),
        _limits_reached(weighed),
        _many_lose_capacity(context.symptoms),
        traffic_signal(context),
    ]
    return [signal for signal in signals if signal.weight]


def _texts(weighed: Sequence[tuple[Symptom, float]]) -> list[Signal]:
    found: dict[str, tuple[float, Symptom]] = {}
    for symptom, weight in weighed:
        for name, strength, pattern in _PATTERNS:
            score = strength * (0.7 + 0.3 * weight)
            if pattern.search(_searchable(symptom)) and score > found.get(name, (0.0, symptom))[0]:
                found[name] = (score, symptom)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    # A second family is often the first one in other words.
    return [
        Signal(score * (1.0 if rank == 0 else 0.3), f"{symptom.service} says {name}")
        for rank, (name, (score, symptom)) in enumerate(ordered)
    ]


def _searchable(symptom: Symptom) -> str:
    return f"{symptom.name} {symptom.text}"


def _outside_host(weighed: Sequence[tuple[Symptom, float]], context: ChangeContext) -> Signal:
    """A server error that names a host outside the known services."""
    known = {service.lower() for service in (*context.graph.services, *context.service_probabilities)}
    tellers = {}
    for symptom, weight in weighed:
        for host in _HOST.findall(symptom.text) if symptom.kind != "metric" else ():
            ours = _INTERNAL_HOST.search(host) or any(part in known for part in host.lower().split("."))
            if not ours and _SERVER_ERROR.search(symptom.text):
                tellers[symptom.service] = max(tellers.get(symptom.service, 0.0), weight)
    if not tellers:
        return Signal(0.0, "")
    several = 0.8 if len(tellers) > 1 else 0.0
    return Signal(
        2.0 * (0.7 + 0.3 * max(tellers.values())) + several,
        f"{' and '.join(sorted(tellers))} got server errors from a host that is none of the known services",
    )


def _limits_reached(weighed: Sequence[tuple[Symptom, float]]) -> Signal:
    """A validity that ran out or a disk that filled, seen in a metric."""
    for symptom, weight in weighed:
        if symptom.levels is None:
            continue
        before, after = symptom.levels
        if _METRIC_LIMITS.search(symptom.name) and after <= 0 < before:
            return Signal(3.5 * (0.7 + 0.3 * weight), f"{symptom.service}'s {symptom.name} ran out")
        if _DISK_SHARE.search(symptom.name) and (97 <= after <= 100 or 0.97 <= after <= 1 and before < 1):
            return Signal(1.5, f"{symptom.service}'s {symptom.name} reached its limit")
    return Signal(0.0, "")


def _many_lose_capacity(symptoms: Sequence[Symptom]) -> Signal:
    """Replicas or hosts lost by several services at once: what they share is the platform, not a change."""
    losers = {s.service for s in symptoms if s.levels and s.levels[1] < s.levels[0] and _CAPACITY_LOSS.search(s.name)}
    return Signal(1.5 if len(losers) > 1 else 0.0, f"{', '.join(sorted(losers))} lost instances at once")


def traffic_signal(context: ChangeContext) -> Signal:
    """Whether demand rose where it enters the system, rather than between services."""
    ratios = traffic_ratios(context.symptoms)
    risen = {service for service, ratio in ratios.items() if ratio >= SURGE_RATIO}
    if not risen:
        return Signal(0.0, "")
    entries = {s for s in ratios if not context.graph.callers(s)} if context.graph else set()
    entered = risen & entries if context.graph else (risen if len(risen) >= 0.6 * len(ratios) else set())
    names = ", ".join(sorted(risen))
    if entered:
        everywhere = 1.0 if len(risen) > 1 else 0.0
        return Signal(2.8 + everywhere, f"requests rose at {names}, beginning where they enter the system")
    if entries:
        return Signal(-0.8, f"requests rose at {names} and not where they enter the system")
    return Signal(0.4, f"requests rose at {names}; whether from outside could not be seen")


def traffic_ratios(symptoms: Sequence[Symptom]) -> dict[str, float]:
    """For each service with a request rate among its symptoms, the largest rise of one (after / before)."""
    ratios: dict[str, float] = {}
    for symptom in symptoms:
        if symptom.kind != "metric" or kind_of(symptom.name) is not Kind.traffic or _per_request(symptom):
            continue
        if symptom.levels and symptom.levels[0] > 0:
            ratios[symptom.service] = max(ratios.get(symptom.service, 0.0), symptom.levels[1] / symptom.levels[0])
    return ratios


def _per_request(symptom: Symptom) -> bool:
    return bool(re.search(r"per_?(request|call|trace|order)", text_of(symptom), re.IGNORECASE))
