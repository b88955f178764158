"""Drift: whether the incidents since a version was made look different from those it was learned among."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import numpy as np

from data.domain import Diagnosis, Incident
from data.telemetry import Floats
from models.drift import Drift, drifts, traits_of
from pipelines.feedback import Boards, all_incidents

# So many incidents on either side, to tell whether they have come to look different; no more than that are looked at.
ENOUGH_TO_COMPARE, MOST = 20, 60


def input_drift(boards: Boards, since: datetime) -> list[Drift]:
    """What the rankers are given, by modality: incidents opened since then beside the last ones before.

    Labelled or not: those that people look into are no fair sample of what comes. Empty where either are too few.
    """
    incidents = [i for i in all_incidents(boards.files.store) if not i.is_advice]
    after = _traits(boards, (i for i in incidents if i.opened_at >= since))
    before = _traits(boards, (i for i in incidents if i.opened_at < since)) if len(after) >= ENOUGH_TO_COMPARE else []
    if min(len(before), len(after)) < ENOUGH_TO_COMPARE:
        return []
    return drifts(np.stack(before), np.stack(after))


def _traits(boards: Boards, incidents: Iterable[Incident]) -> list[Floats]:
    store = boards.files.store
    diagnosed = islice((i for i in incidents if store.latest(i.id, Diagnosis) is not None), MOST)
    views = (boards.likeliest(incident) for incident in diagnosed)
    return [traits_of(board) for board in views if board is not None]
