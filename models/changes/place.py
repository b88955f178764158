"""Where a change acts, and how near that is to where the trouble is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from data.domain import Change
from models.changes.context import ChangeContext
from models.changes.signal import Signal
from models.changes.words import raw_words

WEIGHT = 3.0
# A change acts on its own service first; it overloads what it calls; it breaks those that call it.
ITSELF, CALLEE, CALLER, TWO_CALLS, SAME_HOST = 1.0, 0.6, 0.5, 0.3, 0.3
ELSEWHERE = 0.08
NO_GRAPH = 0.2
NEUTRAL = 0.4
# Shared code acts on the service that deployed it only perhaps.
SHARED = 0.7
# A path names a service if it holds this share of the service's name.
LIKE = 0.5
# Lines that name a suspect act on it nearly as much as its own do.
NAMES, SHORTEST_NAME = 1.0, 4
# Services suspected less than this, relative to the leading one, cannot make a change suspect.
LEAST_SUSPICION = 0.02
# Words that say "this is a service" rather than which.
_GENERIC = frozenset(raw_words("service services svc server app api srv backend prod production staging the"))
_GENERIC_TAIL = re.compile(r"(service|svc|server|api|app)$")


def suspicion(context: ChangeContext) -> Mapping[str, float]:
    """Each suspected service's share of the leading one's probability; the alerting one's is 1 if none is ranked."""
    most = max(context.service_probabilities.values(), default=0.0)
    if most <= 0:
        return {context.alert.service: 1.0}
    return {s: p / most for s, p in context.service_probabilities.items() if p >= LEAST_SUSPICION * most}


class Places:
    """The services of one incident: which of them a change acts on, and how near each is to the trouble."""

    def __init__(self, changes: Iterable[Change], context: ChangeContext) -> None:
        self._context = context
        self._suspicion = suspicion(context)
        self._reach: dict[str, tuple[float, str]] = {}
        self.known = tuple(
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

    @cached_property
    def _cores(self) -> Mapping[str, str]:
        return {service: _core(service) for service in self.known}

    def services_of(self, change: Change) -> frozenset[str]:
        """The services a change names, or whose name its paths or its summary's scope hold; none for shared code."""
        if change.service:
            return frozenset({change.service})
        scope = re.match(r"\w+\(([^)]+)\)", change.summary)
        texts = [*change.files, *([scope.group(1)] if scope else [])]
        names = {_core(part) for text in texts for part in re.split(r"[/\\]", text)} - {""}
        likeness = {s: max((_share(core, name) for name in names), default=0.0) for s, core in self._cores.items()}
        best = max(likeness.values(), default=0.0)
        return frozenset(s for s, like in likeness.items() if like >= max(LIKE, 0.8 * best))

    def reach(self, service: str) -> tuple[float, str]:
        """How readily a change in ``service`` shows as the trouble seen, in [0, 1], and a phrase that says why."""
        if service not in self._reach:
            near = self._neighbours(service)
            other = (ELSEWHERE, "") if self._context.graph else (NO_GRAPH, "")
            options = [
                (share * value, suspect, relation)
                for suspect, share in self._suspicion.items()
                for value, relation in [near.get(suspect, other)]
            ]
            value, suspect, relation = max(options)
            self._reach[service] = value, _phrase(service, suspect, relation)
        return self._reach[service]

    def _neighbours(self, service: str) -> Mapping[str, tuple[float, str]]:
        """The services near ``service``, each with how near and how related; the nearest relation wins."""
        graph = self._context.graph
        callees, callers = graph.callees(service), graph.callers(service)
        host = graph.hosts.get(service)
        return {
            **{s: (SAME_HOST, "shares a host with") for s, h in graph.hosts.items() if host and h == host},
            **{s: (TWO_CALLS, "is two calls away from") for n in callees + callers
               for s in graph.callees(n) + graph.callers(n)},
            **dict.fromkeys(callers, (CALLER, "is called by")),
            **dict.fromkeys(callees, (CALLEE, "calls")),
            service: (ITSELF, "is"),
        }  # fmt: skip

    def nearness(self, services: frozenset[str]) -> float:
        """How far likeness to the symptoms means anything for a change there, in [0, 1].

        What a change shares with symptoms elsewhere it shares by chance, the more so the less its place explains
        them: whole for suspects and what they call or are called by, then falling with reach; whole if unknown.
        """
        return min(1.0, max((self.reach(service)[0] for service in services), default=1.0) / CALLER)

    def signal(self, services: frozenset[str], *, shared_by: str | None) -> Signal:
        """Evidence from where a change acts. ``shared_by``: for code of no one service, the one that deployed it."""
        if services:
            value, phrase = max(self.reach(service) for service in services)
            return Signal(WEIGHT * (value - NEUTRAL), phrase)
        if shared_by is None:
            return Signal(0.0, "which service it acts on is not recorded")
        value, phrase = self.reach(shared_by)
        return Signal(WEIGHT * (SHARED * value - NEUTRAL), f"shared code: {phrase}")

    def names_suspect(self, lines: Iterable[str], services: frozenset[str]) -> Signal:
        """Evidence from changed lines of other ``services`` that name a suspect: they change how it is called."""
        text = re.sub(r"[^a-z0-9]", "", " ".join(lines).lower())
        named = [
            (share, suspect)
            for suspect, share in self._suspicion.items()
            if suspect not in services
            and len(self._cores.get(suspect, "")) >= SHORTEST_NAME
            and self._cores[suspect] in text
        ]
        share, suspect = max(named, default=(0.0, ""))
        return Signal(NAMES * share, f"the lines it changes name {suspect}, a suspected service", "names")


def _core(name: str) -> str:
    """A service's or file's name without the words that every one has: cart-service, cartservice.go -> cart."""
    joined = "".join(word for word in raw_words(re.sub(r"\.\w+$", "", name)) if word not in _GENERIC)
    return _GENERIC_TAIL.sub("", joined) or joined


def _share(core: str, name: str) -> float:
    """How much of one name the other holds, in [0, 1]; names of one or two letters have to be equal."""
    if core == name:
        return 1.0
    if min(len(core), len(name)) < 3 or not (core in name or name in core):
        return 0.0
    return min(len(core), len(name)) / max(len(core), len(name))


def _phrase(service: str, suspect: str, relation: str) -> str:
    if relation == "is":
        return f"it acts on {service}, a suspected service"
    if relation:
        return f"it acts on {service}, which {relation} the suspected {suspect}"
    return f"it acts on {service}, which has no known way to a suspected service"
