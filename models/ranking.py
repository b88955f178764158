"""Which service caused it: every signal weighed on one scale, walked over the call graph.

The steps, each a function below:

1. *board*: services x channels, the strongest sign of each service in each channel.
2. *unexplained*: latency and errors travel from callee to caller; a caller keeps only what its callees'
   own degradation does not account for.
3. *comparable*: within a channel, x becomes x^2 / (sum of x^2 + c): a share of the channel's evidence, near 0
   where the channel shows nothing. Adding raw scores instead lets the channel with the wildest units decide.
4. *scored*: a weighted sum, discounted where no call path leads from the alerting service.
5. *probabilities*: softmax, with a share left for what nobody saw (``models/confidence.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data.domain import Alert
from data.telemetry import Floats
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.blame import blame, edge_rows, trust, unexplained_harm
from models.confidence import Confidence, probabilities, shipped
from models.load import inherited_load
from models.sentences import CHANNEL_OF, MetricBlock

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Weights:
    """What the ranker believes before it has seen anything; later issues learn these.

    Attributes:
        channels: how much a channel's whole evidence counts. Direct measures of where time and errors arise
            weigh most; resources next, traffic and what names cannot tell least.
        doubt: the ``c`` of step 3, the evidence (in squared units of the channel) that noise alone makes.
        unreachable: what is left of a score where calls from the alerting service do not lead to it.
    """

    channels: Mapping[Channel, float]
    doubt: Mapping[Channel, float]
    unreachable: float = 0.35


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
        Channel.calls: 0.5,
        Channel.new_logs: 0.7,
        Channel.lost_logs: 0.5,
        Channel.named_in_errors: 0.3,
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
    },
)


@dataclass(frozen=True, eq=False)
class Ranking:
    """``probabilities`` of the services with any evidence, best first; with ``unseen_probability`` they sum to one.

    ``contributions`` says how much each channel gave to each of these services' ``scores``, before they became
    probabilities; an average over several rankings has no scores of its own.
    """

    probabilities: Mapping[str, float]
    unseen_probability: float
    contributions: Mapping[str, Mapping[Channel, float]]
    scores: Mapping[str, float] = field(default_factory=dict)


def rank_services(
    alert: Alert,
    graph: ServiceGraph,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    *,
    blind_spots: int = 0,
    weights: Weights = DEFAULT,
    confidence: Confidence | None = None,
) -> Ranking:
    """How probably each service caused ``alert``.

    Args:
        blocks: changed metric series; any may be empty.
        findings: what spans and logs showed; may be empty.
        blind_spots: how many kinds of telemetry could not be seen.
        confidence: how scores become probabilities; None for the fitted numbers.
    """
    channels = list(Channel)
    services = _services(blocks, findings)
    board, trusted = _board(alert, services, channels, graph, blocks, findings)
    shares = board**2 / ((board**2).sum(axis=0) + np.array([weights.doubt[c] for c in channels]))
    given = shares * trusted * np.array([weights.channels[c] for c in channels])
    given *= _reach(alert.service, graph, services, weights)[:, None]
    total = given.sum(axis=1)
    supported = np.flatnonzero(total > 0.02)
    order = sorted(supported, key=lambda i: (-total[i], services[i]))
    scores = {services[i]: float(total[i]) for i in order}
    probability = probabilities(scores, blind_spots, confidence or shipped())
    return Ranking(
        probability,
        1.0 - sum(probability.values()),
        {services[i]: {c: float(v) for c, v in zip(channels, given[i], strict=True) if v > 0} for i in order},
        scores,
    )


def averaged(rankings: Sequence[Ranking], shares: Sequence[float]) -> Ranking:
    """One ranking from several under different assumptions, each probable by its share."""
    probability: dict[str, float] = defaultdict(float)
    contributions: dict[str, dict[Channel, float]] = {}
    for ranking, share in zip(rankings, shares, strict=True):
        for service, p in ranking.probabilities.items():
            probability[service] += share * p
            mixed = contributions.setdefault(service, {})
            for channel, gave in ranking.contributions[service].items():
                mixed[channel] = mixed.get(channel, 0.0) + share * gave
    ordered = sorted(probability, key=lambda service: (-probability[service], service))
    unseen = sum(share * ranking.unseen_probability for ranking, share in zip(rankings, shares, strict=True))
    return Ranking({s: min(probability[s], 1.0) for s in ordered}, unseen, {s: contributions[s] for s in ordered})


def _services(blocks: Sequence[MetricBlock], findings: Sequence[Finding]) -> list[str]:
    named = {key.service for block in blocks for key in block.scores.keys}
    return sorted(named | {finding.service for finding in findings})


def _board(
    alert: Alert,
    services: list[str],
    channels: list[Channel],
    graph: ServiceGraph,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
) -> tuple[Floats, Floats]:
    """The strongest sign of each service in each channel, and how far it is to be trusted; (services, channels)."""
    row = {service: i for i, service in enumerate(services)}
    column = {channel: j for j, channel in enumerate(channels)}
    board = np.zeros((len(services), len(channels)))
    trusted = np.zeros_like(board)
    edges = edge_rows(graph, row)
    for block in blocks:
        rows = np.array([row[key.service] for key in block.scores.keys], dtype=np.intp)
        columns = np.array([column[CHANNEL_OF[kind]] for kind in block.scores.kinds], dtype=np.intp)
        harm = unexplained_harm(block.scores, rows, len(services), edges)
        np.maximum.at(board, (rows, columns), harm)
        np.maximum.at(trusted, (rows, columns), harm * trust(block.scores, rows, services, edges, alert.service))
        share = blame(block.scores, rows, services, graph, alert)
        gone = np.bincount(rows, weights=block.scores.vanished, minlength=len(services))
        for signs, channel in ((share, Channel.blame), (gone, Channel.vanished)):
            for table in (board, trusted):
                np.maximum(table[:, column[channel]], signs, out=table[:, column[channel]])
        # Strained by its callers' surge, a service is a victim: its signs count for less, the more it is asked to do.
        load = inherited_load(block.scores, rows, len(services), edges)[:, None]
        board, trusted = board / load, trusted / load
    for finding in findings:
        at = (row[finding.service], column[finding.channel])
        board[at] = max(board[at], finding.score)
        trusted[at] = max(trusted[at], finding.score * finding.trust)
    return board, np.where(board > 0, trusted / np.where(board > 0, board, 1.0), 0.0)


def _reach(alerting: str, graph: ServiceGraph, services: list[str], weights: Weights) -> Floats:
    """1 where calls lead from the alerting service; less where they do not; between where it cannot be told."""
    if not graph or alerting not in graph:
        return np.ones(len(services))
    reached = graph.downstream(alerting)
    unknown = 0.5 * (1.0 + weights.unreachable)
    return np.array([1.0 if s in reached else weights.unreachable if s in graph else unknown for s in services])
