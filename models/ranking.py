"""Which service caused it: every signal weighed on one scale, walked over the call graph.

The steps, each a function elsewhere:

1. *board* (``rankers/board.py``): services x channels, the strongest sign of each service in each channel. Latency and
   errors travel from callee to caller, so a caller keeps only what its callees' own degradation does not account for.
2. *scored* (``rankers``): each channel made comparable, weighed, and read beside the neighbours' and the place in the
   graph, by the ranker that did best on systems it had not learned from (``champion.json``).
3. *probabilities*: odds by the ratio of scores, with a share left for what nobody saw (``models/confidence.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.domain import Alert
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.confidence import Confidence, probabilities, sharpened
from models.features import Period
from models.passing import Passing
from models.rankers.board import CHANNELS, MODALITIES, board_of
from models.rankers.explain import by_channel
from models.rankers.state import Champion, champion
from models.rankers.table import supported, table_of
from models.sentences import MetricBlock


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
    passings: Sequence[Passing] = (),
    blind_spots: int = 0,
    period: Period | None = None,
    seen: Collection[str] = MODALITIES,
    model: Champion | None = None,
) -> Ranking:
    """How probably each service caused ``alert``.

    Args:
        blocks: changed metric series; any may be empty.
        findings: what spans and logs showed; may be empty.
        passings: what spans say that callers only waited for, or only saw fail.
        blind_spots: how many kinds of telemetry could not be seen.
        period: what was compared with what; None leaves unknown when services first deviated.
        seen: which modalities were there at all.
        model: the ranker and its confidence; None for the champion that ships.

    A service without any sign of its own is no candidate.
    """
    ranker, confidence = model or champion()
    board = board_of(alert, graph, blocks, findings, passings=passings, period=period, seen=seen)
    table = table_of(board)
    scores = ranker.scores(table)
    given = by_channel(ranker, table)
    order = np.array(sorted(np.flatnonzero(supported(table)), key=lambda i: (-scores[i], board.services[i])), np.intp)
    probability = probabilities(scores[order], blind_spots, confidence)
    return Ranking(
        {board.services[i]: float(p) for i, p in zip(order, probability, strict=True)},
        1.0 - float(probability.sum()),
        {
            board.services[i]: {
                c: float(v) for c, v, sign in zip(CHANNELS, given[i], board.signs[i], strict=True) if sign
            }
            for i in order
        },
        {board.services[i]: float(scores[i]) for i in order},
    )


def averaged(rankings: Sequence[Ranking], shares: Sequence[float], confidence: Confidence) -> Ranking:
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
    sure = sharpened(np.array([probability[service] for service in ordered]), confidence)
    return Ranking(
        dict(zip(ordered, sure.tolist(), strict=True)),
        1.0 - float(sure.sum()),
        {service: contributions[service] for service in ordered},
    )
