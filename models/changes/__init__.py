"""Which change caused the incident, or none: transparent evidence, no language model.

See ``docs/how-changes-are-blamed.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from data.domain import Change
from models.changes.context import ChangeContext, ChangeRanking, Symptom

__all__ = ["ChangeContext", "ChangeRanking", "Symptom", "rank_changes"]


def rank_changes(changes: Sequence[Change], context: ChangeContext) -> ChangeRanking:
    """How probably each of ``changes`` caused the incident that ``context`` describes, and how probably none did."""
    weights: dict[str, float] = {}
    for change in sorted(changes, key=lambda c: c.id):
        age = context.alert.fired_at - change.timestamp
        suspicion = context.service_probabilities.get(change.service or "", 0.0)
        timely = age >= timedelta(0)
        weights[change.id] = math.exp(2.0 * suspicion - age / timedelta(hours=6)) if timely else 0.0
    none = 1.0
    total = none + sum(weights.values())
    return ChangeRanking(
        {id_: weight / total for id_, weight in weights.items()},
        none / total,
        {id_: () for id_ in weights},
    )
