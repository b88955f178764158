"""The hand-made ranker: what an engineer would believe before any data; learned rankers start from it and beat it.

1. *comparable*: within a channel, x becomes x^2 / (sum of x^2 + c): a share of the channel's evidence, near 0 where the
   channel shows nothing. Adding raw scores instead lets the channel with the wildest units decide.
2. *scored*: a weighted sum of shares, each trusted as far as it speaks of the service itself, discounted where no call
   path leads from the alerting service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats
from models.base import Channel
from models.rankers.board import CHANNELS, Board


@dataclass(frozen=True)
class Weights:
    """What is believed before anything has been seen. Channels that are not named get ``other``'s numbers.

    Attributes:
        channels: how much a channel's whole evidence counts. Direct measures of where time and errors arise
            weigh most; resources next, traffic and what names cannot tell least.
        doubt: the ``c`` of step 1, the evidence (in squared units of the channel) that noise alone makes.
        unreachable: what is left of a score where calls from the alerting service do not lead to it.
    """

    channels: Mapping[Channel, float]
    doubt: Mapping[Channel, float]
    unreachable: float = 0.35

    def of(self, table: Mapping[Channel, float]) -> Floats:
        """The numbers of ``channels`` or ``doubt`` in the order of CHANNELS."""
        return np.array([table.get(channel, table[Channel.other]) for channel in CHANNELS])


DEFAULT = Weights(
    channels={
        Channel.blame: 2.0,
        Channel.latency: 1.0,
        Channel.errors: 1.0,
        Channel.cpu: 1.0,
        Channel.memory: 1.0,
        Channel.disk: 0.6,
        Channel.network: 0.5,
        Channel.saturation: 0.7,
        Channel.traffic: 0.3,
        Channel.other: 0.5,
        Channel.vanished: 0.5,
        Channel.own_time: 1.0,
        Channel.gap: 1.2,
        Channel.error_origin: 1.0,
        Channel.calls: 0.3,
        Channel.new_logs: 0.7,
        Channel.lost_logs: 0.5,
        Channel.named_in_errors: 0.3,
        Channel.own_errors: 1.2,
        Channel.callers_slow: 0.8,
        Channel.callers_fail: 0.3,
        Channel.fan_out: 0.8,
        Channel.lost_calls: 0.4,
        Channel.surge: 0.6,
        Channel.starved: 0.3,
        Channel.peer_time: 1.0,
        Channel.peer_errors: 0.5,
        Channel.ways: 0.8,
        Channel.queue: 0.3,
        Channel.pool: 0.5,
        Channel.cache: 0.5,
        Channel.rows: 0.5,
        Channel.restarts: 0.4,
        Channel.timeouts: 0.4,
        Channel.changed: 1.0,
        Channel.times_slower: 0.6,
        Channel.grown: 0.4,
    },
    # Three spreads on one series is ordinary among hundreds of series; elsewhere scores start at one event.
    doubt={
        **dict.fromkeys(Channel, 9.0),
        Channel.blame: 0.1,
        Channel.own_time: 4.0,
        Channel.gap: 4.0,
        Channel.error_origin: 0.5,
        Channel.new_logs: 4.0,
        Channel.named_in_errors: 4.0,
        Channel.vanished: 1.0,
        Channel.peer_time: 4.0,
        Channel.peer_errors: 0.5,
    },
)


def shares(board: Board, weights: Weights = DEFAULT) -> Floats:
    """Each service's share of a channel's evidence, in [0, 1); shape (S, channels)."""
    squares = board.signs**2
    return np.asarray(squares / (squares.sum(axis=0) + weights.of(weights.doubt)))


def parts(board: Board, weights: Weights = DEFAULT) -> Floats:
    """What each channel gives to each service's score; shape (S, channels). Rows sum to the hand-made score."""
    given = shares(board, weights) * board.trusted * weights.of(weights.channels)
    return np.asarray(given * reach(board, weights)[:, None])


def reach(board: Board, weights: Weights = DEFAULT) -> Floats:
    """1 where calls lead from the alerting service; less where they do not; between where it cannot be told."""
    in_graph = np.zeros(len(board), bool)
    in_graph[board.edges.ravel()] = True
    if board.alerting < 0 or not in_graph[board.alerting]:
        return np.ones(len(board))
    reached = np.isfinite(distances(board))
    unknown = 0.5 * (1.0 + weights.unreachable)
    return np.asarray(np.where(reached, 1.0, np.where(in_graph, weights.unreachable, unknown)))


def distances(board: Board) -> Floats:
    """Calls from the alerting service to each other one, infinite where none lead there; shape (S,)."""
    far = np.full(len(board), np.inf)
    if board.alerting < 0:
        return far
    far[board.alerting] = 0.0
    for hop in range(len(board)):
        new = board.edges[far[board.edges[:, 0]] == hop, 1]
        new = new[np.isinf(far[new])]
        if not len(new):
            break
        far[new] = hop + 1.0
    return far
