"""Where a change acts, and how near that is to where the trouble is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from data.domain import Change
from models.changes.context import ChangeContext
from models.changes.signal import Signal
from models.changes.words import raw_words

WEIGHT = 3.0
# A change acts on its own service first; it overloads what it calls; it breaks those that call it.
NEARNESS = {"itself": 1.0, "callee": 0.6, "caller": 0.5, "two calls away": 0.3, "same host": 0.3}
ELSEWHERE = 0.08
NO_GRAPH = 0.2
NEUTRAL = 0.4
# Words that say "this is a service" rather than which.
_GENERIC = frozenset(
    ["service", "services", "svc", "server", "app", "api", "srv", "backend", "prod", "production", "staging", "the"]
)
_GENERIC_TAIL = re.compile(r"(service|svc|server|api|app)$")


def suspicion(context: ChangeContext) -> Mapping[str, float]:
    """Each suspected service's share of the leading one's probability; the alerting one's is 1 if none is ranked."""
    ranked = {s: p for s, p in context.service_probabilities.items() if p > 0}
    if not ranked:
        return {context.alert.service: 1.0}
    most = max(ranked.values())
    return {service: p / most for service, p in ranked.items()}


def known_services(changes: Iterable[Change], context: ChangeContext) -> tuple[str, ...]:
    """Every service named by the graph, the ranking, the alert, a symptom or a change."""
    return tuple(
        sorted(
            {
                *context.graph.services,
                *context.service_probabilities,
                context.alert.service,
                *(s.service for s in context.symptoms),
                *(c.service for c in changes if c.service),
            }
        )
    )


def services_of(change: Change, known: Iterable[str]) -> frozenset[str]:
    """The services a change names itself, or whose name its paths or the scope of its summary hold; else none."""
    if change.service:
        return frozenset({change.service})
    scope = re.match(r"\w+\(([^)]+)\)", change.summary)
    texts = [*change.files, *([scope.group(1)] if scope else [])]
    likeness = {service: max((_likeness(service, text) for text in texts), default=0.0) for service in known}
    best = max(likeness.values(), default=0.0)
    return frozenset(s for s, like in likeness.items() if like >= 0.5 and like >= 0.8 * best)


@lru_cache(maxsize=65_536)
def _likeness(service: str, path: str) -> float:
    """How much of a service's name one directory or file name of ``path`` holds, in [0, 1]."""
    core = _core(service)
    names = [_core(part) for part in re.split(r"[/\\]", path)]
    return max((_share(core, name) for name in names), default=0.0)


def _core(name: str) -> str:
    words = [word for word in raw_words(re.sub(r"\.\w+$", "", name)) if word not in _GENERIC]
    joined = "".join(words)
    return _GENERIC_TAIL.sub("", joined) or joined


def _share(core: str, name: str) -> float:
    if min(len(core), len(name)) < 3:
        return float(core == name and core != "")
    if core in name or name in core:
        return min(len(core), len(name)) / max(len(core), len(name))
    return 0.0


def nearness(service: str, other: str, context: ChangeContext) -> tuple[float, str]:
    """How readily a change in ``service`` shows as trouble at ``other``, in [0, 1], and how they are related."""
    graph = context.graph
    if service == other:
        return NEARNESS["itself"], "itself"
    if other in graph.callees(service):
        return NEARNESS["callee"], "callee"
    if other in graph.callers(service):
        return NEARNESS["caller"], "caller"
    if graph.distance(service, other) == 2:
        return NEARNESS["two calls away"], "two calls away"
    if graph.hosts.get(service) and graph.hosts.get(service) == graph.hosts.get(other):
        return NEARNESS["same host"], "same host"
    return (ELSEWHERE, "unrelated") if graph else (NO_GRAPH, "relation unknown")


def reach(service: str, context: ChangeContext) -> tuple[float, str]:
    """The best nearness of ``service`` to the suspected services, weighted by their suspicion, and a phrase for it."""
    options = [
        (near * share, suspect, how)
        for suspect, share in suspicion(context).items()
        for near, how in [nearness(service, suspect, context)]
    ]
    value, suspect, how = max(options, key=lambda option: (option[0], option[1]))
    return value, _phrase(service, suspect, how)


def _phrase(service: str, suspect: str, how: str) -> str:
    return {
        "itself": f"it acts on {service}, a suspected service",
        "callee": f"it acts on {service}, which calls the suspected {suspect}",
        "caller": f"it acts on {service}, which the suspected {suspect} calls",
        "two calls away": f"it acts on {service}, two calls away from the suspected {suspect}",
        "same host": f"it acts on {service}, which shares a host with the suspected {suspect}",
    }.get(how, f"it acts on {service}, which has no known way to a suspected service")


def place_signal(services: frozenset[str], context: ChangeContext, *, shared_by: str | None) -> Signal:
    """Evidence from where a change acts. ``shared_by``: for code of no one service, the service that deployed it."""
    if services:
        value, phrase = max(reach(service, context) for service in sorted(services))
        return Signal(WEIGHT * (value - NEUTRAL), phrase)
    if shared_by is None:
        return Signal(0.0, "which service it acts on is not recorded")
    value, phrase = reach(shared_by, context)
    return Signal(WEIGHT * (0.7 * value - NEUTRAL), f"shared code: {phrase}")
