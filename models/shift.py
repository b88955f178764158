"""By what part the mean of a series moved, whatever its ordinary variation.

In units of its variation a change looks small where a series is wild and large where it is calm. Latencies of busy
systems are wild: there, how many times slower a service became tells more. The mean shift (as in the baseline of the
same name) also suffers least where the onset was guessed a little late.
"""

from __future__ import annotations

import numpy as np

from data.telemetry import Floats
from models.base import Channel, Finding
from models.features import Period, by_name
from models.indicators import Kind, direction_of
from models.sentences import MetricBlock, changed_finding

# Failures start from none, so that any is all; traffic and what names cannot tell are ups and downs of their own.
_RESOURCES = frozenset({Kind.cpu, Kind.memory, Kind.disk, Kind.network, Kind.saturation, Kind.queue, Kind.pool})
# From none to everything is ten, so that doubt weighs as in other channels.
WHOLE = 10.0
LEAST = 0.15


def shift_findings(block: MetricBlock, period: Period) -> list[Finding]:
    """For each service its latency, and its resource, that moved most in the direction that harms."""
    moved = _harmful(block)
    best: dict[tuple[str, Channel], int] = {}
    for i in np.flatnonzero(moved > LEAST).tolist():
        channel = _channel(block.scores.kinds[i])
        if channel is not None:
            place = (block.scores.keys[i].service, channel)
            best[place] = i if place not in best or moved[i] > moved[best[place]] else best[place]
    return [_finding(block, period, i, channel, float(moved[i])) for (_, channel), i in best.items()]


def _harmful(block: MetricBlock) -> Floats:
    scores = block.scores
    if not len(scores.keys):
        return np.empty(0)
    towards = by_name(scores.keys, direction_of, float)
    return np.asarray(scores.shift * np.where(towards != 0, towards, np.sign(scores.shift)))


def _channel(kind: Kind) -> Channel | None:
    if kind is Kind.latency:
        return Channel.times_slower
    return Channel.grown if kind in _RESOURCES else None


def _finding(block: MetricBlock, period: Period, i: int, channel: Channel, share: float) -> Finding:
    said = changed_finding(block, period, i)
    return Finding(said.service, channel, WHOLE * share, said.kind, said.text, said.source, said.indicator, said.at,
                   said.detail)  # fmt: skip
