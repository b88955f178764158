"""What the telemetry says of causes that are nobody's change: providers, certificates, traffic, hardware.

"None" is explained by evidence of its own, as every change is. It is not what remains when the best change looks weak.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.changes.context import ChangeContext, Symptom
from models.changes.nature import nature_signals
from models.changes.outside import causes_named
from models.changes.place import suspicion
from models.changes.signal import Signal, named
from models.indicators import Kind, kind_of

# Most incidents follow a change (Google's SRE book, chapter 1, says 70 %), but any one recorded change seldom does it.
BASE = 2.2
SURGE_RATIO = 1.5
SEVERAL_TELL = 0.8

_METRIC_LIMITS = re.compile(r"expir|days?_left|valid(ity)?_", re.IGNORECASE)
_DISK_SHARE = re.compile(r"(disk|volume|filesystem|fs|storage)\w*(used|usage|util\w*|percent|pct|full)", re.IGNORECASE)
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.){2,}[a-z]{2,}\b", re.IGNORECASE)
_INTERNAL_HOST = re.compile(r"(\.svc|\.local|\.internal|\.cluster\.local|\.lan|\.corp|\.intra)$|\.svc\.", re.IGNORECASE)
_SERVER_ERROR = re.compile(
    r"\b50[0234]\b|unavailable|internal ?error|bad gateway|gateway time|timed? ?out", re.IGNORECASE
)
_PER_REQUEST = re.compile(r"per_?(request|call|trace|order|pod|host|instance)", re.IGNORECASE)
_DEMAND = re.compile(
    r"(views|visits|visitors|sessions|logins|orders|events).*(per_?|/)(s|sec|second|min)", re.IGNORECASE
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
        Signal(BASE, "any one change is an unlikely cause before the evidence is heard", "none"),
        *named("said", _texts(weighed)),
        *named("said", [_outside_host(weighed, context)]),
        *named("limits", [_limits_reached(weighed), _many_lose_capacity(context.symptoms)]),
        *named("surge", [traffic_signal(context)]),
        *nature_signals(context),
    ]
    return [signal for signal in signals if signal.weight]


def _texts(weighed: Sequence[tuple[Symptom, float]]) -> list[Signal]:
    found: dict[str, float] = {}
    tellers: dict[str, set[str]] = {}
    for symptom, weight in weighed:
        for cause in causes_named(symptom):
            score = cause.weight * (0.7 + 0.3 * weight)
            tellers.setdefault(cause.name, set()).add(symptom.service)
            found[cause.name] = max(found.get(cause.name, 0.0), score)
    for name, services in tellers.items():
        found[name] += SEVERAL_TELL if len(services) > 1 else 0.0
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    # A second family is often the first one in other words.
    return [
        Signal(score * (1.0 if rank == 0 else 0.3), f"{' and '.join(sorted(tellers[name]))} say that {name}")
        for rank, (name, score) in enumerate(ordered)
    ]


def _outside_host(weighed: Sequence[tuple[Symptom, float]], context: ChangeContext) -> Signal:
    """A server error that names a host outside the known services."""
    known = {service.lower() for service in (*context.graph.services, *context.service_probabilities)}
    tellers: dict[str, float] = {}
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
        if _DISK_SHARE.search(symptom.name) and (97 <= after <= 100 or (0.97 <= after <= 1 and before < 1)):
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
        if symptom.kind != "metric" or not _is_demand(symptom.name):
            continue
        if symptom.levels and symptom.levels[0] > 0:
            ratios[symptom.service] = max(ratios.get(symptom.service, 0.0), symptom.levels[1] / symptom.levels[0])
    return ratios


def _is_demand(name: str) -> bool:
    """Whether a metric counts what is asked of a service: requests, or anything else counted by the second."""
    if _PER_REQUEST.search(name):
        return False
    kind = kind_of(name)
    return kind is Kind.traffic or (kind is Kind.other and bool(_DEMAND.search(name)))
