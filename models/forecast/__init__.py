"""Will it breach its threshold, how likely, when, and how often such predictions were wrong before.

The shipped model (``breach.json``) is made by ``python -m pipelines.foresight``. Where a series' own history shows
that the plain frequency at this time of day was the better forecaster of it, that is used instead, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.telemetry import Floats
from models.forecast.backtest import BackTest, backtest
from models.forecast.features import features
from models.forecast.leadtime import LeadTime, lead_time
from models.forecast.model import BreachModel, Elsewhere
from models.forecast.past import Past
from models.forecast.question import Origins, Question, origins_of
from models.kept import load_kept

__all__ = ["BackTest", "Elsewhere", "LeadTime", "Prediction", "Question", "forecast", "learned", "load", "shipped"]

SHIPPED = Path(__file__).with_name("breach.json")
LEARNED, OWN_FREQUENCY = "learned model", "frequency at this time of day"
MOST_ORIGINS = 200
# The series' own frequency replaces the model where it was better on this many origins, by this much (Brier score).
TRUSTED_ORIGINS, TRUSTED_OUTCOMES, BETTER_BY = 15, 3, 0.01


@dataclass(frozen=True)
class Prediction:
    """That the question comes true, seen from the last row of the series.

    Attributes:
        breaching: it is breaching already; the probability is then one and the lead time nothing.
        lead: when, if it does; None while breaching.
        terms: what each feature added to the log-odds; empty where the model was not used.
        told_by: what the probability comes from.
        elsewhere: how such predictions did on other series, for where this one has no history of breaches.
    """

    probability: float
    breaching: bool
    lead: LeadTime | None
    history: BackTest
    terms: dict[str, float]
    told_by: str
    elsewhere: Elsewhere | None = None


def forecast(values: Floats, question: Question, *, model: BreachModel | None = None) -> Prediction:
    """Whether ``values``, oldest first on a regular clock, will breach. Shape (T,), NaN where a sample is missing.

    Raises:
        InputError: if there is no number in it.
    """
    if not np.isfinite(values).any():
        raise InputError("holds no number; there is nothing to forecast", field="series")
    model = model or shipped()
    past = Past(question.gap(values), question)
    last = len(values) - 1
    tried = origins_of(past.gap, question.horizon, first=2 * question.horizon, most=MOST_ORIGINS)
    said = model.probabilities(features(past, tried))
    own = np.array([past.season(int(t)) for t in tried])
    if past.gap[last] <= 0:
        return Prediction(1.0, True, None, backtest(past, tried, said), {}, "the last row", model.elsewhere)
    lead = lead_time(past, last)
    if knows_better(own, said, past.true[tried]):
        return Prediction(
            past.season(last), False, lead, backtest(past, tried, own), {}, OWN_FREQUENCY, model.elsewhere
        )
    row = features(past, np.array([last]))
    terms = {name: round(value, 3) for name, value in model.terms(row[0]).items()}
    probability, history = float(model.probabilities(row)[0]), backtest(past, tried, said)
    return Prediction(probability, False, lead, history, terms, LEARNED, model.elsewhere)


def learned(past: Past, origins: Origins) -> Floats:
    """What the shipped model says, for each origin."""
    return shipped().probabilities(features(past, origins))


def knows_better(own: Floats, said: Floats, true: Any) -> bool:
    """Whether the series' own frequency did better than the model on origins whose outcome is known."""
    came = int(np.sum(true))
    if len(true) < TRUSTED_ORIGINS or not TRUSTED_OUTCOMES <= came <= len(true) - TRUSTED_OUTCOMES:
        return False
    return float(np.mean((said - true) ** 2) - np.mean((own - true) ** 2)) > BETTER_BY


@cache
def shipped() -> BreachModel:
    """The model that comes with the package."""
    return load(SHIPPED)


def load(path: Path) -> BreachModel:
    """The model kept at ``path``.

    Raises:
        ModelError: if it is not there, is not such a model, or was changed since it was made.
    """
    return load_kept(path, BreachModel.from_json, "forecast", "python -m pipelines.foresight")
