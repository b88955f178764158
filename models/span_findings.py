"""What spans show of each service since an onset, as findings in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.domain import EvidenceKind
from data.telemetry import Floats
from models.base import Channel, Finding
from models.failures import failing_findings
from models.features import Period
from models.grouped import NONE, Indices, together
from models.slower import LostTime, Slowed, lost_time
from models.spans import Names, Spans
from models.traces import MIN_BASELINE_SPANS, Traces


def span_findings(traces: Traces, period: Period, lost: LostTime | None = None) -> list[Finding]:
    """Each service's own-time, gap, error-origin and call-count changes since the onset.

    Args:
        lost: :func:`~models.slower.lost_time` of the same, where it is known already.
    """
    if traces.spans.empty:
        return []
    lost = lost or lost_time(traces, period)
    before, window, names = lost.before, lost.window, lost.names
    return [
        *(_own_time(row, names) for row in _notable(lost.own)),
        *(_gap(row, names) for row in _notable(lost.gap)),
        *(_peer_time(row, names) for row in _notable(lost.peer)),
        *_ways(lost),
        *failing_findings(traces, before, window),
        *_calls(before, window),
        *_per_request(before, window),
    ]


def _notable(slowed: Slowed) -> list[dict[str, Any]]:
    rows = np.flatnonzero(slowed.score > 1.0)
    columns = {**slowed.keys, "base": slowed.base, "now": slowed.now, "calls": slowed.calls, "score": slowed.score,
               "trust": slowed.trust}  # fmt: skip
    return [{name: column[i] for name, column in columns.items()} for i in rows]


def _own_time(row: dict[str, Any], names: Names) -> Finding:
    service, operation = names.service(row["service"]), names.operation(row["operation"])
    text = f"own time of {service} in {operation} rose {_from_to(row)}"
    return _slower(row, service, Channel.own_time, text, f"own time of {operation}")


def _gap(row: dict[str, Any], names: Names) -> Finding:
    service, caller = names.service(row["service"]), names.service(row["caller"])
    text = f"time that {caller} waits for {service} beyond what {service} itself takes rose {_from_to(row)}"
    return _slower(row, service, Channel.gap, text, f"network or queueing between {caller} and {service}")


def _peer_time(row: dict[str, Any], names: Names) -> Finding:
    callee = names.service(row["callee"])
    text = f"calls of {names.service(row['service'])} to {callee} took longer, {_from_to(row)}"
    return _slower(row, callee, Channel.peer_time, text, f"calls to {callee}")


def _slower(row: dict[str, Any], service: str, channel: Channel, text: str, indicator: str) -> Finding:
    detail = {"base_ms": float(row["base"]), "now_ms": float(row["now"]), "calls": int(row["calls"])}
    score, trust = float(row["score"]), float(row["trust"])
    return Finding(service, channel, score, EvidenceKind.span, text, "spans", indicator, None, detail, trust)


def _from_to(row: dict[str, Any]) -> str:
    return f"from {_ms(row['base'])} to {_ms(row['now'])} (median of {row['calls']} calls)"


def _ms(value: float) -> str:
    return f"{value:.3g} ms" if value < 1000 else f"{value:,.0f} ms"


def _ways(lost: LostTime) -> list[Finding]:
    """Services most of whose calls, in and out, wait longer: a slow network has them all, a slow neighbour one."""
    ends = lost.ends
    found: list[Finding] = []
    for i in np.flatnonzero((ends.slow >= 2) & (ends.together > 0)):
        service = lost.names.service(ends.service[i])
        text = f"{ends.slow[i]} of the {ends.ways[i]} ways that calls take into and out of {service} wait longer"
        found.append(Finding(service, Channel.ways, float(ends.together[i]), EvidenceKind.span, text, "spans",
                             f"network of {service}"))  # fmt: skip
    return found


def _per_request(before: Spans, window: Spans) -> list[Finding]:
    """Services that call another far more, or far less, often for each request they get than they used to."""
    names, requested = window.names, [_requests(spans) for spans in (before, window)]
    (caller, callee), old, new = _counted(_calls_made(before), _calls_made(window))
    had, has = (r[caller] for r in requested)
    known = np.flatnonzero((had >= MIN_BASELINE_SPANS) & (has > 0))
    caller, callee, had, has = (x[known] for x in (caller, callee, had, has))
    old, new = old[known], new[known]
    expected = old / had * has
    # Poisson, as for operations; what was expected has been counted, too.
    score = (new - expected) / np.sqrt(expected * (1.0 + has / had) + 1.0 + (0.15 * expected) ** 2)
    return [
        _asked(names.service(caller[i]), names.service(callee[i]), float(score[i]), old[i] / had[i], new[i] / has[i])
        for i in np.flatnonzero(np.abs(score) > 2.0)
    ]


def _requests(spans: Spans) -> Indices:
    """How many requests each service got, by its number."""
    return np.bincount(spans.service[spans.caller != spans.service], minlength=len(spans.names.services))


def _calls_made(spans: Spans) -> tuple[Indices, Indices]:
    """The caller and the callee of each call, whether somebody answered or not."""
    got = (spans.caller != spans.service) & (spans.caller != NONE)
    alone = spans.callee != NONE
    return (
        np.concatenate([spans.caller[got], spans.service[alone]]),
        np.concatenate([spans.service[got], spans.callee[alone]]),
    )


def _counted(before: Sequence[Indices], window: Sequence[Indices]) -> tuple[tuple[Indices, ...], Floats, Floats]:
    """The different keys, and how many rows have each before the onset and since."""
    groups, parts = together(before, window)
    old, new = (np.bincount(of, minlength=len(groups)).astype(float) for of in parts)
    return groups.keys, old, new


def _asked(caller: str, callee: str, score: float, was: float, now: float) -> Finding:
    verb, channel = ("more", Channel.fan_out) if score > 0 else ("less", Channel.lost_calls)
    text = f"{caller} calls {callee} {verb} often: {now:.2g} times for each request, {was:.2g} before"
    return Finding(caller, channel, abs(score), EvidenceKind.span, text, "spans", f"calls to {callee}", None,
                   {"callee": callee, "before": float(was), "now": float(now)})  # fmt: skip


def _calls(before: Spans, window: Spans) -> list[Finding]:
    """Operations that a request now reaches far more or far less often than before."""
    if len(before) < MIN_BASELINE_SPANS:
        return []
    roots_before, roots_now = (max(int(spans.root.sum()), 1) for spans in (before, window))
    (services, operations), old, new = _counted(*((spans.service, spans.operation) for spans in (before, window)))
    expected = old / roots_before * roots_now
    # Poisson: the spread of a count is its root. Traffic is burstier: a fifth more or less of any call is ordinary.
    score = np.abs(new - expected) / np.sqrt(expected + new + 1.0 + (0.2 * expected) ** 2)
    found = []
    for i in np.flatnonzero(score > 2.0):
        service, operation = window.names.service(services[i]), window.names.operation(operations[i])
        text = (
            f"{operation} of {service} ran {new[i]:.0f} times where {expected[i]:.0f} were usual for as many requests"
        )
        found.append(Finding(service, Channel.calls, float(score[i]), EvidenceKind.span, text, "spans",
                             f"calls of {operation}"))  # fmt: skip
    return found
