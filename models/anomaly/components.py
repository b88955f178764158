"""How badly the usual directions of a history explain a stretch of one series, or a row of many.

Sub-PCA looks at stretches of one series; the same on the rows of a table is PCA over a service's metrics (Shyu et
al., 2003; Jackson and Mudholkar, "Control procedures for residuals associated with PCA", 1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.anomaly.base import Floats, as_table, forward_max
from models.anomaly.robust import WindowStream
from models.anomaly.scaling import Scaler, scaler_for

# Directions that explain this share of the history's variation are the usual ones.
EXPLAINED = 0.9
Measure = Literal["residual", "distance"]


@dataclass(frozen=True, eq=False)
class FittedComponents:
    """See :class:`Components`. ``project`` is (window * columns, directions): a stretch's length in it is its score."""

    scaler: Scaler
    window: int
    mean: Floats
    project: Floats

    @property
    def span(self) -> int:
        return self.window

    def score(self, values: Floats) -> Floats:
        windows = stretches(self.scaler.apply(as_table(values)), self.window)
        return np.asarray(np.sqrt((((windows - self.mean) @ self.project) ** 2).mean(axis=1)))

    def hindsight(self, values: Floats) -> Floats:
        return forward_max(self.score(values), self.window)

    def stream(self) -> WindowStream:
        return WindowStream(self)

    def state(self) -> dict[str, Any]:
        scaler = {"centre": self.scaler.centre, "scale": self.scaler.scale}
        return {**scaler, "window": self.window, "mean": self.mean, "project": self.project}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedComponents:
        scaler = Scaler(np.asarray(state["centre"]), np.asarray(state["scale"]))
        return cls(scaler, int(state["window"]), np.asarray(state["mean"]), np.asarray(state["project"]))


@dataclass(frozen=True)
class Components:
    """``residual`` measures what is left outside the usual directions, ``distance`` all of it, each direction in
    its own usual variation (Mahalanobis). ``window`` None takes a fortieth of the record, 4 to 128 rows, for one
    series, and single rows for several.
    """

    measure: Measure = "residual"
    window: int | None = None

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedComponents:
        table = as_table(history)
        scaler = scaler_for(table)
        length = max(rows or 0, len(table))
        window = self.window or (1 if table.shape[1] > 1 else int(np.clip(length // 40, 4, 128)))
        windows = stretches(scaler.apply(table), window)
        width = windows.shape[1]
        if len(windows) < 2:
            return FittedComponents(scaler, window, np.zeros(width), np.eye(width))
        variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(windows.T)))
        return FittedComponents(scaler, window, windows.mean(axis=0), self._project(variances, directions))

    def _project(self, variances: Floats, directions: Floats) -> Floats:
        variances = np.maximum(variances, 0.0)
        floor = max(0.01 * float(variances.mean()), 1e-6)
        if self.measure == "distance":
            return np.asarray(directions / np.sqrt(np.maximum(variances, floor)))
        left_out = np.cumsum(variances) <= (1 - EXPLAINED) * variances.sum()
        left_out[0] = True  # something must be left over to measure
        return np.asarray(directions[:, left_out])


def stretches(scaled: Floats, window: int) -> Floats:
    """The ``window`` rows up to each row, (rows, window * columns); the first row fills the start."""
    padded = np.concatenate([np.repeat(scaled[:1], window - 1, axis=0), scaled])
    if len(padded) < window:
        return np.zeros((0, window * scaled.shape[1]))
    return sliding_window_view(padded, window, axis=0).reshape(len(scaled), -1)
