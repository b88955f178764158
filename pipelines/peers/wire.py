"""What a peer is told of an incident, and what its answer means.

Columns are named ``s<number>_m<number>`` and shuffled, so that neither a name nor a stable sort tells or guesses the
cause. Gaps are filled from before, then with zero, as RCAEval's own script fills them; time is counted in samples,
because some methods take one sample for one second. Memory is in megabytes, which RCAEval knows by a column's name
and sees to itself: where a series has no spread it compares raw magnitudes, and bytes would always win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from data.telemetry import Floats, Metrics, to_datetime64

MEGABYTE = 1e6


@dataclass(frozen=True, eq=False)
class Question:
    """One incident as a peer sees it.

    Attributes:
        columns: K opaque names, ``s<service>_m<series>``.
        values: shape (T, K), without gaps.
        split: the first sample of the incident, 0 < split < T.
        services: the service behind each ``s<number>``.
    """

    columns: tuple[str, ...]
    values: Floats
    split: int
    services: tuple[str, ...]


def question_of(metrics: Metrics, at: datetime, *, seed: int = 0) -> Question | None:
    """The metrics, split at ``at``; None where nothing was recorded on one side of it."""
    split = int(np.searchsorted(metrics.timestamps, to_datetime64(at)))
    if not metrics.keys or not 0 < split < len(metrics.timestamps):
        return None
    random = np.random.default_rng(seed)
    services = tuple(str(name) for name in random.permutation(np.array(metrics.services, dtype=object)))
    number = {service: i for i, service in enumerate(services)}
    order = random.permutation(len(metrics.keys))
    columns = tuple(f"s{number[metrics.keys[column].service]}_m{i}" for i, column in enumerate(order))
    unit = np.array([MEGABYTE if metrics.keys[column].metric.lower().startswith("mem") else 1.0 for column in order])
    values = pd.DataFrame(metrics.values[:, order] / unit).ffill().fillna(0.0).to_numpy(dtype=float)
    return Question(columns, values, split, services)


def services_of(ranked: Sequence[str], question: Question) -> dict[str, float]:
    """Scores of the services in the order in which their first series is named; who is not named is not ranked."""
    named = dict.fromkeys(question.services[int(column.partition("_")[0][1:])] for column in ranked)
    return {service: float(len(named) - place) for place, service in enumerate(named)}
