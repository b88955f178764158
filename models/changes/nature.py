"""What kind of trouble the telemetry shows where the suspects are, whatever words it is told in.

Some kinds are seldom anybody's change: a line that is slow both ways, a machine that all its tenants suffer from, a
volume that fills, somebody else's service. Others are seldom anything else: a service that asks its callees more
often for every request it gets. And where hardly anything moved, hardly anything was broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.base import Channel
from models.changes.context import ChangeContext, Symptom
from models.changes.place import suspicion
from models.changes.signal import Signal

# The score at which a sign is half convincing, in the unit of its channel (models/ranking.py, ``doubt``).
HALF = {
    **dict.fromkeys(Channel, 3.0),
    Channel.own_time: 2.0,
    Channel.gap: 2.0,
    Channel.error_origin: 0.7,
    Channel.new_logs: 2.0,
    Channel.named_in_errors: 2.0,
    Channel.vanished: 1.0,
    Channel.blame: 0.3,
}
SLOW_LINE, SEVERAL_WAYS = 1.2, 0.6
BUSY_HOST, BUSY_ALONE = 1.6, 0.4
FILLING = 1.0
SHORT_OF_MEMORY = 0.4
OUTSIDER = 1.4
FAINT = 1.0
ASKS_MORE = -0.8
# How much more often a callee must be asked, for as many requests, for that to be its caller's doing.
MORE_CALLS = 1.5


def nature_signals(context: ChangeContext) -> list[Signal]:
    """Evidence for and against "no change did it" from the kind of trouble at the suspects; none if nobody looked."""
    if not any(symptom.channel for symptom in context.symptoms):
        return []
    suspects = suspicion(context)
    shown = strengths_by_service(context.symptoms)
    lead = max(suspects, key=lambda s: (suspects[s], s))
    signals = [
        _slow_line(suspects, shown, context),
        _busy_host(suspects, shown, context),
        _filling(suspects, shown),
        _outsider(lead, shown, context),
        _faint(suspects, shown),
        _asks_more(suspects, context),
    ]
    return [signal for signal in signals if signal.weight]


def strength(symptom: Symptom) -> float:
    """How convincing one symptom is, in [0, 1): half at the score that ``HALF`` gives for its channel."""
    half = HALF.get(Channel(symptom.channel), 3.0) if symptom.channel else 3.0
    return symptom.score**2 / (symptom.score**2 + half**2)


def strengths_by_service(symptoms: Iterable[Symptom]) -> Mapping[str, Mapping[str, float]]:
    """service -> channel -> the strongest sign there, in [0, 1)."""
    found: dict[str, dict[str, float]] = {}
    for symptom in symptoms:
        if symptom.channel and not symptom.is_steady:
            of_service = found.setdefault(symptom.service, {})
            of_service[symptom.channel] = max(of_service.get(symptom.channel, 0.0), strength(symptom))
    return found


def _at(suspects: Mapping[str, float], shown: Mapping[str, Mapping[str, float]], channel: Channel) -> tuple[float, str]:
    """The strongest sign in ``channel`` at a suspect, and whose it is."""
    return max((share * shown.get(s, {}).get(channel, 0.0), s) for s, share in suspects.items())


def _slow_line(
    suspects: Mapping[str, float], shown: Mapping[str, Mapping[str, float]], context: ChangeContext
) -> Signal:
    """Callers wait for a service longer than it takes, and it takes no longer than it did."""
    waited, service = _at(suspects, shown, Channel.gap)
    itself = shown.get(service, {})
    worked = max(itself.get(Channel.own_time, 0.0), itself.get(Channel.cpu, 0.0))
    ways = {s.name for s in context.symptoms if s.service == service and s.channel == Channel.gap}
    weight = waited * (1.0 - worked) * (SLOW_LINE + (SEVERAL_WAYS if len(ways) > 1 else 0.0))
    return Signal(weight, f"calls wait on the way to {service}, which itself takes no longer", "slow_line")


def _busy_host(
    suspects: Mapping[str, float], shown: Mapping[str, Mapping[str, float]], context: ChangeContext
) -> Signal:
    """A processor that is busy without more requests; the more so where neighbours on its host suffer alike."""
    busy, service = _at(suspects, shown, Channel.cpu)
    asked = shown.get(service, {}).get(Channel.traffic, 0.0)
    host = context.graph.hosts.get(service)
    neighbours = [s for s, h in context.graph.hosts.items() if host and h == host and s != service]
    also = max((_strained(shown.get(s, {})) for s in neighbours), default=0.0)
    weight = busy * (1.0 - asked) * (BUSY_ALONE + (BUSY_HOST - BUSY_ALONE) * also)
    beside = f", and so are its neighbours on {host}" if also > 0.3 else ""
    return Signal(weight, f"{service} is short of processor time without more requests{beside}", "busy_host")


def _strained(channels: Mapping[str, float]) -> float:
    return max((channels.get(c, 0.0) for c in (Channel.cpu, Channel.own_time, Channel.latency)), default=0.0)


def _filling(suspects: Mapping[str, float], shown: Mapping[str, Mapping[str, float]]) -> Signal:
    full, disk = _at(suspects, shown, Channel.disk)
    short, memory = _at(suspects, shown, Channel.memory)
    if FILLING * full >= SHORT_OF_MEMORY * short:
        return Signal(FILLING * full, f"the disk of {disk} moved", "filling")
    return Signal(SHORT_OF_MEMORY * short, f"the memory of {memory} moved", "filling")


def _outsider(lead: str, shown: Mapping[str, Mapping[str, float]], context: ChangeContext) -> Signal:
    """The leading suspect reports nothing of its own: somebody else's service, known by its callers alone."""
    seen_by_callers = {Channel.gap, Channel.error_origin, Channel.named_in_errors, Channel.blame}
    known = lead in context.graph.services and bool(context.graph.callers(lead))
    silent = known and not context.graph.callees(lead) and lead not in context.reporting
    told = max((v for c, v in shown.get(lead, {}).items() if c in seen_by_callers), default=0.0)
    weight = OUTSIDER * (0.4 + 0.6 * told) if silent and context.reporting else 0.0
    return Signal(weight, f"{lead} is known by its callers alone, as somebody else's service is", "outsider")


def _faint(suspects: Mapping[str, float], shown: Mapping[str, Mapping[str, float]]) -> Signal:
    most = max((share * max(shown.get(s, {}).values(), default=0.0) for s, share in suspects.items()), default=0.0)
    return Signal(FAINT * (1.0 - most) ** 2, "hardly anything moved at the suspects", "faint")


def _asks_more(suspects: Mapping[str, float], context: ChangeContext) -> Signal:
    """A suspect, or what it calls, is asked more often for as many requests: code does that."""
    asked = [
        (suspects.get(s.service, 0.0) * strength(s), s.service)
        for s in context.symptoms
        if s.channel == Channel.calls and s.levels and s.levels[1] >= MORE_CALLS * s.levels[0]
    ]
    most, service = max(asked, default=(0.0, ""))
    return Signal(ASKS_MORE * most, f"{service} makes or gets more calls for as many requests", "asks_more")
