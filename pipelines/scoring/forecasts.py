"""Whether a series will reach its threshold."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from data.domain import Noun, Probability
from models.forecast import Question, forecast

Finite = Annotated[float, Field(allow_inf_nan=False)]


class ForecastRequest(Noun):
    """Does the series reach ``threshold`` within the next ``horizon`` rows?

    Attributes:
        values: oldest first on a regular clock, null where a sample is missing.
        period: rows in a season (a day, a week); 0 where none is known.
        above: whether reaching it from below is the breach, or falling to it.
    """

    values: Annotated[list[float | None], Field(min_length=1, max_length=100_000)]
    threshold: Finite
    horizon: Annotated[int, Field(ge=1)]
    period: Annotated[int, Field(ge=0)] = 0
    above: bool = True


class LeadReply(Noun):
    """Rows until the breach: the median, and an interval meant to hold four times in five."""

    rows: float
    low: float
    high: float
    told_by: str


class HistoryReply(Noun):
    """How well such predictions would have done on the series' own past; null where nothing was there to count."""

    origins: int
    came_true: int
    alarms: int
    false_alarm_rate: float | None
    found: float | None
    lead_rows: float | None
    brier: float | None
    usual_brier: float | None


class ForecastReply(Noun):
    """``told_by`` is what the probability comes from; ``terms`` are what each feature added to the log-odds."""

    probability: Probability
    breaching: bool
    lead: LeadReply | None
    history: HistoryReply
    terms: dict[str, float]
    told_by: str


def foretell(request: ForecastRequest) -> ForecastReply:
    """The prediction from the last row.

    Raises:
        InputError: if there is no number in the series.
    """
    values = np.array(request.values, dtype=float)
    question = Question(request.threshold, request.horizon, request.period, request.above)
    return ForecastReply.model_validate(forecast(values, question), from_attributes=True)
