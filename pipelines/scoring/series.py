"""How unusual each row of a series is, for many series at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from data.domain import Noun
from models.anomaly.alarms import thresholds_for_each
from models.anomaly.together import hindsight_of_each
from pipelines.detect import DEFAULT_STEP_S, WEEK_S

MOST_ROWS = 100_000
# Distances are taken in single precision: further digits are noise, and take as long to write as all the rest.
DECIMALS = 5


class SeriesRequest(Noun):
    """One series, oldest first; null where a sample is missing.

    Attributes:
        step_s: seconds from row to row.
        alarms_per_week: false alarms to put up with.
    """

    values: Annotated[list[float | None], Field(min_length=1, max_length=MOST_ROWS)]
    step_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = DEFAULT_STEP_S
    alarms_per_week: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class SeriesScores(Noun):
    """One score and one alarm a row; higher is more unusual, an alarm is above ``threshold``."""

    scores: list[float]
    alarms: list[bool]
    threshold: float
    note: str


def score_series(batch: Sequence[SeriesRequest]) -> list[SeriesScores]:
    """Each series scored as :func:`pipelines.detect.detect` scores it alone; many of one length cost little more.

    Series in a batch do not influence each other.
    """
    alike: dict[tuple[int, float], list[int]] = defaultdict(list)
    for place, request in enumerate(batch):
        rate = request.alarms_per_week * request.step_s / WEEK_S
        alike[len(request.values), rate].append(place)
    found: dict[int, SeriesScores] = {}
    for (_, rate), places in alike.items():
        values = np.array([batch[place].values for place in places], dtype=float)
        scores, span = hindsight_of_each(values)
        thresholds = thresholds_for_each(scores, rate, span=span)
        alarms = scores > np.array([threshold.value for threshold in thresholds])[:, None]
        for place, *row in zip(places, scores.round(DECIMALS).tolist(), alarms.tolist(), thresholds, strict=True):
            found[place] = SeriesScores.model_construct(
                scores=row[0], alarms=row[1], threshold=row[2].value, note=row[2].text
            )
    return [found[place] for place in range(len(batch))]
