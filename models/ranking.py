"""Which service caused it: every signal weighed on one scale, walked over the call graph.

The steps, each a function elsewhere:

1. *board* (``rankers/board.py``): services x channels, the strongest sign of each service in each channel. Latency and
   errors travel from callee to caller, so a caller keeps only what its callees' own degradation does not account for.
2. *scored* (``rankers``): each channel made comparable, weighed, and discounted where no call path leads from the
   alerting service.
3. *probabilities*: softmax, with a share left for what nobody saw (``models/confidence.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.domain import Alert
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.confidence import Confidence, probabilities, shipped
from models.features import Period
from models.rankers import hand
from models.rankers.board import CHANNELS, MODALITIES, board_of
from models.sentences import MetricBlock

# Less than this share of one channel's evidence is none.
SOME = 0.02


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
    period: Period | None = None,
    seen: Collection[str] = MODALITIES,
    weights: hand.Weights = hand.DEFAULT,
    confidence: Confidence | None = None,
) -> Ranking:
    """How probably each service caused ``alert``.

    Args:
        blocks: changed metric series; any may be empty.
        findings: what spans and logs showed; may be empty.
        blind_spots: how many kinds of telemetry could not be seen.
        period: what was compared with what; None leaves unknown when services first deviated.
        seen: which modalities were there at all.
        confidence: how scores become probabilities; None for the fitted numbers.
    """
    board = board_of(alert, graph, blocks, findings, period=period, seen=seen)
    services = board.services
    given = hand.parts(board, weights)
    total = given.sum(axis=1)
    supported = np.flatnonzero(total > SOME)
    order = sorted(supported, key=lambda i: (-total[i], services[i]))
    scores = {services[i]: float(total[i]) for i in order}
    probability = probabilities(scores, blind_spots, confidence or shipped())
    return Ranking(
        probability,
        1.0 - sum(probability.values()),
        {services[i]: {c: float(v) for c, v in zip(CHANNELS, given[i], strict=True) if v > 0} for i in order},
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
