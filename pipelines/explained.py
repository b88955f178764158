"""Explained: some labelled incidents as champion and challenger answer them, with what spoke for the answer.

For the model card: figures say how often, these say why. They are incidents that the challenger learned from, so they
show how it decides, not how well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from models.rankers import Ranker
from models.rankers.board import CHANNELS
from models.rankers.explain import by_channel
from models.rankers.table import supported, table_of
from pipelines.feedback import Boards, LabelledCase

# The channels that gave the most; the rest is in one number.
SHOWN = 4
KINDS = {(False, True): "gained", (True, False): "lost", (False, False): "wrong", (True, True): "right"}


def examples(
    boards: Boards, cases: Sequence[LabelledCase], champion: Ranker, challenger: Ranker
) -> list[dict[str, Any]]:
    """At most one incident of each kind: gained, lost, still wrong, right as before."""
    found: dict[str, dict[str, Any]] = {}
    for row in _rows(boards, cases, champion, challenger):
        found.setdefault(row["kind"], row)
        if len(found) == len(KINDS):
            break
    return [found[kind] for kind in KINDS.values() if kind in found]


def _rows(
    boards: Boards, cases: Sequence[LabelledCase], champion: Ranker, challenger: Ranker
) -> Iterator[dict[str, Any]]:
    for case in cases:
        kept = boards.kept(case.incident)
        if not case.services or not kept:
            continue
        example, services = max(kept, key=lambda pair: pair[0].share)
        table = table_of(example.board)
        if not supported(table).any():
            continue
        before, after = (int(np.argmax(np.where(supported(table), ranker.scores(table), -np.inf)))
                         for ranker in (champion, challenger))  # fmt: skip
        given = by_channel(challenger, table)[after]
        score = float(challenger.scores(table)[after])
        top = [int(i) for i in np.argsort(-np.abs(given)) if given[i]][:SHOWN]
        yield {
            "incident": case.incident.id,
            "kind": KINDS[services[before] in case.services, services[after] in case.services],
            "cause": list(case.services),
            "champion": services[before],
            "challenger": services[after],
            "score": round(score, 3),
            "because": {CHANNELS[i].value: round(float(given[i]), 3) for i in top},
            "rest": round(score - float(given[top].sum()), 3),
        }
