"""What takes longer since an onset: own work, waiting for a callee, calls that nobody answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from data.telemetry import Floats
from models.features import Period
from models.grouped import NONE, Indices, groups_of, quantiles, together
from models.spans import Names, Spans, cut
from models.traces import MIN_BASELINE_SPANS, Traces

# One way alone counts no more than this, in spreads: else it would speak for all the others.
MOST_ONE_WAY = 10.0
# Differences below this are scheduling noise at any percentile.
MIN_LATENCY_MS = 2.0


@dataclass(frozen=True, eq=False)
class Slowed:
    """A duration now and before, one row a group of spans; all shape (G,).

    Attributes:
        keys: what the spans of a group have in common, by column of :class:`Spans`.
        base, now: the median before and since, in milliseconds.
        calls: how many there were since.
        score: the rise in its spread before.
        trust: how far that speaks of the callee rather than of the caller.
    """

    keys: dict[str, Indices]
    base: Floats
    now: Floats
    calls: Indices
    score: Floats
    trust: Floats

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True, eq=False)
class LostTime:
    """What takes longer since an onset.

    Attributes:
        before, window: the spans of before the onset, and those since.
        floor: what would hardly be noticed, in milliseconds.
        own: own time, by service and operation.
        gap: what callers wait beyond what callees take, by callee (``service``) and ``caller``.
        peer: calls that nobody answers, by callee (``callee``) and caller (``service``).
    """

    before: Spans
    window: Spans
    floor: float
    own: Slowed
    gap: Slowed
    peer: Slowed

    @property
    def names(self) -> Names:
        return self.window.names

    @cached_property
    def ends(self) -> Ends:
        """Who waits, and is waited for, on how many ways."""
        return waiting_ends(self.gap, self.peer)


def lost_time(traces: Traces, period: Period) -> LostTime:
    """What takes longer since the onset."""
    before, window = cut(traces.columns, period)
    floor = noticeable(before)
    return LostTime(
        before,
        window,
        floor,
        own=slowed(before, window, "own_ms", ("service", "operation"), floor),
        gap=_trusted(slowed(before, window, "gap_ms", ("service", "caller"), floor), window),
        peer=slowed(answered_once(before, window), window, "peer_ms", ("callee", "service"), floor),
    )


def noticeable(before: Spans) -> float:
    """What matters is time the user waits: a change is weighed against a tenth of what requests take end to end."""
    whole = before.duration_ms[before.root]
    whole = whole[np.isfinite(whole)]
    return max(MIN_LATENCY_MS, 0.1 * float(np.median(whole)) if len(whole) else 0.0)


def slowed(before: Spans, window: Spans, column: str, by: Sequence[str], floor: float) -> Slowed:
    """How ``column`` rose for each group of spans that have all of ``by`` in common, and were usual before."""
    parts = [_known(spans, column, by) for spans in (before, window)]
    groups, (old, new) = together(*([part[name] for name in by] for part in parts))
    count = len(groups)
    n, calls = (np.bincount(of, minlength=count) for of in (old, new))
    kept = (n >= MIN_BASELINE_SPANS) & (calls > 0)
    low, base, high = quantiles(old, parts[0][column], count, (0.25, 0.5, 0.75))[:, kept]
    (now,) = quantiles(new, parts[1][column], count, (0.5,))[:, kept]
    return Slowed(
        {name: key[kept] for name, key in zip(by, groups.keys, strict=True)},
        base,
        now,
        calls[kept],
        (now - base) / np.maximum((high - low) / 1.35, floor),
        np.ones(len(now)),
    )


def _known(spans: Spans, column: str, by: Sequence[str]) -> dict[str, Any]:
    """The columns ``by`` and ``column``, where all of them are known."""
    known = np.isfinite(getattr(spans, column))
    for name in by:
        known &= getattr(spans, name) != NONE
    return {name: getattr(spans, name)[known] for name in (*by, column)}


def answered_once(before: Spans, window: Spans) -> Spans:
    """``before``, where calls on ways on which somebody mostly answered, as nobody does now, are told as others are.

    A callee that hangs has no span for the calls it never gets to; what they used to take is what they took when it
    did. Spans of callees may come late, so that most calls on a way have to be without an answer.
    """
    unanswered, answered, usual, then = (
        spans.where(to != NONE) for spans in (window, before) for to in (spans.callee, spans.asked)
    )
    ways, of = together(
        (unanswered.callee, unanswered.service),
        (answered.asked, answered.service),
        (usual.callee, usual.service),
        (then.asked, then.service),
    )
    silent, heard, was_silent, was_heard = (np.bincount(o, minlength=len(ways)) for o in of)
    hangs = (silent > 0) & (silent >= heard) & (was_silent < was_heard)
    then = then.where(hangs[of[3]])
    return before.with_more(replace(then, callee=then.asked, peer_ms=then.duration_ms)) if len(then) else before


def _trusted(gap: Slowed, window: Spans) -> Slowed:
    """Seen from a handler's span, the gap may as well be the handler's own work: then it is believed by half."""
    called = window.where(window.caller != NONE)
    ways, (mine, of) = together((gap.keys["service"], gap.keys["caller"]), (called.service, called.caller))
    by_client, calls = (np.bincount(rows, minlength=len(ways)) for rows in (of[called.by_client], of))
    return replace(gap, trust=0.5 + 0.5 * by_client[mine] / calls[mine])


@dataclass(frozen=True, eq=False)
class Ends:
    """The services at the ends of calls: how many ``ways`` calls take into and out of each, how many are ``slow``, and,
    ``together``, how far they have slowed; all shape (E,)."""

    service: Indices
    ways: Indices
    slow: Indices
    together: Floats


def waiting_ends(gap: Slowed, peer: Slowed) -> Ends:
    """Rises on all ways of a service are combined as independent normal scores are (Stouffer 1949)."""
    ends = np.concatenate([gap.keys["caller"], peer.keys["service"], gap.keys["service"], peer.keys["callee"]])
    score = np.clip(np.tile(np.concatenate([gap.score, peer.score]), 2), -1.0, MOST_ONE_WAY)
    groups = groups_of(ends)
    ways = groups.count()
    return Ends(groups.keys[0], ways, groups.count(score > 1.0), groups.sum(score) / np.sqrt(ways))
