"""How many ordinary variations a value is from the usual one: of the whole history, or of the last rows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.anomaly.base import Floats, as_table, carry_forward
from models.anomaly.scaling import FARTHEST, MAD_TO_SIGMA, Scaler, robust_scaler


@dataclass(frozen=True, eq=False)
class FittedGlobal:
    """Distance from the history's median in MADs, the largest over the columns."""

    scaler: Scaler

    span = 1

    def score(self, values: Floats) -> Floats:
        table = as_table(values)
        filled = carry_forward(table, self.scaler.centre)
        return np.asarray(np.max(np.abs(filled - self.scaler.centre) / self.scaler.scale, axis=1))

    def hindsight(self, values: Floats) -> Floats:
        return self.score(values)

    def stream(self) -> WindowStream:
        return WindowStream(self)

    def state(self) -> dict[str, Any]:
        return {"centre": self.scaler.centre, "scale": self.scaler.scale}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedGlobal:
        return cls(Scaler(np.asarray(state["centre"]), np.asarray(state["scale"])))


@dataclass(frozen=True)
class GlobalZ:
    """MAD z-score (Iglewicz and Hoaglin, 1993): the plainest detector, and the baseline of every other."""

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedGlobal:
        return FittedGlobal(robust_scaler(as_table(history)))


@dataclass(frozen=True, eq=False)
class FittedCausal:
    """Distance from the median of the ``window`` rows before, in their MADs; at least a tenth of the usual MAD."""

    scaler: Scaler
    window: int

    @property
    def span(self) -> int:
        return self.window + 1

    def score(self, values: Floats) -> Floats:
        scaled = self.scaler.apply(as_table(values))
        before = np.concatenate([np.zeros((self.window, scaled.shape[1])), scaled[:-1]])
        windows = sliding_window_view(before, self.window, axis=0)
        centre = np.median(windows, axis=-1)
        mad = np.median(np.abs(windows - centre[..., None]), axis=-1) * MAD_TO_SIGMA
        # Before the window is full part of it is made up, and varies less than anything real.
        unseen = np.maximum(1.0 - np.arange(len(scaled)) / self.window, 0.1)
        away = np.abs(scaled - centre) / np.maximum(mad, unseen[:, None])
        return np.asarray(np.minimum(away, FARTHEST).max(axis=1))

    def hindsight(self, values: Floats) -> Floats:
        return self.score(values)

    def stream(self) -> WindowStream:
        return WindowStream(self)

    def state(self) -> dict[str, Any]:
        return {"centre": self.scaler.centre, "scale": self.scaler.scale, "window": self.window}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedCausal:
        return cls(Scaler(np.asarray(state["centre"]), np.asarray(state["scale"])), int(state["window"]))


@dataclass(frozen=True)
class CausalZ:
    """Follows a level that drifts. Before a record begins its rows count as usual."""

    window: int = 96

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedCausal:
        return FittedCausal(robust_scaler(as_table(history)), self.window)


class WindowStream:
    """Any detector whose score depends on its last ``span`` rows, row by row: each costs a constant time.

    The start of a record is scored as it is in a batch, because the rows seen so far are all there are.
    """

    def __init__(self, fitted: FittedGlobal | FittedCausal | Any) -> None:
        self._fitted = fitted
        self._last: Floats | None = None
        self._rows: deque[Floats] = deque(maxlen=fitted.span)

    def update(self, row: Floats) -> float:
        row = np.asarray(row, dtype=float).reshape(-1)
        row = np.where(np.isfinite(row), row, np.nan if self._last is None else self._last)
        self._last = row
        self._rows.append(row)
        return float(self._fitted.score(np.stack(self._rows))[-1])
