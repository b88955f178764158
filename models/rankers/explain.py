"""Which channels made a score: contributions of features, summed over those that speak of one channel of the service.

What its neighbours show, and where it stands in the graph, moves a score too but is no sign of its own: it is under
``None`` and leads to no evidence sentence.
"""

from __future__ import annotations

import numpy as np

from data.telemetry import Floats
from models.base import Channel
from models.indicators import Kind
from models.rankers import Ranker
from models.rankers.board import CHANNELS
from models.rankers.table import NAMES, Table
from models.sentences import CHANNEL_OF

_OWN = ("share", "plain", "size", "lead")


def channel_of(feature: str) -> Channel | None:
    """The channel of its own that a feature speaks of; None for neighbours, place and case."""
    what, _, about = feature.partition(":")
    if what in _OWN:
        return Channel(about)
    return CHANNEL_OF[Kind(about)] if what in ("rise", "fall") else None


def by_channel(ranker: Ranker, table: Table) -> Floats:
    """What each channel gave to each score, the prior's part included; shape (S, channels).

    Faithful to the ranker that is used: linear and boosted contributions add up to the score exactly, with what
    neighbours and place gave as the rest.
    """
    given = getattr(ranker, "scale", 0.0) * table.prior_parts
    contributions = ranker.contributions(table)
    columns = [CHANNELS.index(c) if c is not None else -1 for c in map(channel_of, NAMES)]
    own = np.array(columns) >= 0
    np.add.at(given.T, np.array(columns)[own], contributions[:, own].T)
    return np.asarray(given)
