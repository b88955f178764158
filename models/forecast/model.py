"""From what the past says to a probability: a logistic regression whose terms can be read.

Its weights were learned from many series at once (``python -m pipelines.foresight``): what a breach looks like
beforehand is alike for series that have nothing else in common, and one series alone breaches too seldom to teach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.forecast.features import DISTANCES, NAMES

# A distance matters most near the threshold: it is seen at two resolutions besides its own.
RESOLUTIONS = (1.0, 3.0)
STRENGTH = 0.1


@dataclass(frozen=True)
class Elsewhere:
    """How such a model did on public series it had not learned from, alarming at one half.

    ``lead_horizons``: the median time from an alarm to its breach, in horizons.
    """

    false_alarm_rate: float
    found: float
    lead_horizons: float


@dataclass(frozen=True, eq=False)
class BreachModel:
    """``log-odds = bias + weights @ (seen - centre) / spread`` of the widened features; all shapes (W,)."""

    bias: float
    weights: Floats
    centre: Floats
    spread: Floats
    elsewhere: Elsewhere | None = None

    def probabilities(self, table: Floats) -> Floats:
        """That it comes true, for each row of features. Shape (N,)."""
        log_odds = self.bias + ((widened(table) - self.centre) / self.spread) @ self.weights
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))

    def terms(self, row: Floats) -> dict[str, float]:
        """What each feature adds to the log-odds beyond what is usual, strongest first."""
        added = self.weights * (widened(row[None, :])[0] - self.centre) / self.spread
        names = [*NAMES, *NAMES[DISTANCES] * len(RESOLUTIONS)]
        total = {name: float(sum(a for n, a in zip(names, added, strict=True) if n == name)) for name in NAMES}
        return dict(sorted(total.items(), key=lambda item: (-abs(item[1]), item[0])))

    def as_json(self) -> dict[str, Any]:
        arrays = {"weights": self.weights, "centre": self.centre, "spread": self.spread}
        lists = {name: array.tolist() for name, array in arrays.items()}
        elsewhere = asdict(self.elsewhere) if self.elsewhere else None
        return {"features": list(NAMES), "bias": self.bias, **lists, "elsewhere": elsewhere}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> BreachModel:
        if tuple(state["features"]) != NAMES:
            raise ValueError("was learned from other features than these")
        weights, centre, spread = (np.array(state[name], dtype=float) for name in ("weights", "centre", "spread"))
        elsewhere = Elsewhere(**state["elsewhere"]) if state["elsewhere"] else None
        return cls(float(state["bias"]), weights, centre, spread, elsewhere)


def widened(table: Floats) -> Floats:
    """The features, and their distances at the finer resolutions. Shape (N, W)."""
    near = [np.tanh(table[:, DISTANCES] / resolution) for resolution in RESOLUTIONS]
    return np.hstack([table, *near])


def fit(table: Floats, true: npt.NDArray[np.bool_]) -> BreachModel:
    """The model learned from origins whose outcome is known; needs scikit-learn."""
    from sklearn.linear_model import LogisticRegression

    wide = widened(table)
    centre = wide.mean(axis=0)
    spread = np.where(wide.std(axis=0) > 0, wide.std(axis=0), 1.0)
    learned = LogisticRegression(C=STRENGTH, max_iter=2000).fit((wide - centre) / spread, true)
    weights, centre, spread = (np.asarray(a).round(5) for a in (learned.coef_[0], centre, spread))
    return BreachModel(round(float(learned.intercept_[0]), 5), weights, centre, spread)
