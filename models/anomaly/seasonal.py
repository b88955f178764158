"""What a daily or weekly rhythm leaves unexplained. Needs the extra ``detectors`` (statsmodels)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import ConfigError
from models.anomaly.base import Floats, as_table
from models.anomaly.metrics import autocorrelation
from models.anomaly.scaling import FARTHEST, Scaler, robust_scaler

# A rhythm must repeat this often in the history, and tell this much of a value from the one a period before.
REPEATS, STRENGTH = 3, 0.2


def period_of(series: Floats) -> int:
    """Rows of the strongest rhythm, 0 where there is none: the highest later maximum of the autocorrelation."""
    lags = autocorrelation(series, len(series) // REPEATS)
    below = np.flatnonzero(lags < 0.5 * STRENGTH)
    start = int(below[0]) if len(below) else len(lags)
    inner = lags[start + 1 : -1]
    if not len(inner):
        return 0
    peaks = np.flatnonzero((inner > lags[start:-2]) & (inner >= lags[start + 2 :])) + start + 1
    best = int(peaks[np.argmax(lags[peaks])]) if len(peaks) else 0
    return best if best and lags[best] >= STRENGTH else 0


@dataclass(frozen=True, eq=False)
class FittedSeasonal:
    """``profile`` is (period, columns), in ordinary variations; ``spread`` that of the residuals.

    A record that is scored begins where the history began: its first row has the first phase.
    """

    scaler: Scaler
    profile: Floats
    spread: Floats

    @property
    def span(self) -> int:
        return 1

    def score(self, values: Floats) -> Floats:
        return self._of(as_table(values), 0)

    def hindsight(self, values: Floats) -> Floats:
        return self.score(values)

    def stream(self) -> SeasonalStream:
        return SeasonalStream(self)

    def state(self) -> dict[str, Any]:
        scaler = {"centre": self.scaler.centre, "scale": self.scaler.scale}
        return {**scaler, "profile": self.profile, "spread": self.spread}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedSeasonal:
        scaler = Scaler(np.asarray(state["centre"]), np.asarray(state["scale"]))
        return cls(scaler, np.asarray(state["profile"]), np.asarray(state["spread"]))

    def _of(self, table: Floats, first: int) -> Floats:
        scaled = self.scaler.apply(table)
        phase = (first + np.arange(len(scaled))) % len(self.profile)
        away = np.abs(scaled - self.profile[phase]) / self.spread
        return np.asarray(np.minimum(away, FARTHEST).max(axis=1))


class SeasonalStream:
    """Counts rows to know the phase."""

    def __init__(self, fitted: FittedSeasonal) -> None:
        self._fitted = fitted
        self._last = fitted.scaler.centre
        self._count = 0

    def update(self, row: Floats) -> float:
        row = np.asarray(row, dtype=float).reshape(-1)
        self._last = np.where(np.isfinite(row), row, self._last)
        score = self._fitted._of(self._last[None], self._count)
        self._count += 1
        return float(score[0])


@dataclass(frozen=True)
class SeasonalResidual:
    """Robust STL (Cleveland et al., 1990) of each column; without a rhythm the usual value is the median."""

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedSeasonal:
        table = as_table(history)
        scaler = robust_scaler(table)
        scaled = scaler.apply(table)
        period = max((period_of(scaled[:, i]) for i in range(scaled.shape[1])), default=0)
        profile = self._profile(scaled, period) if period > 1 else np.zeros((1, scaled.shape[1]))
        residual = scaled - profile[np.arange(len(scaled)) % len(profile)]
        spread = np.maximum(robust_scaler(residual).scale, 0.05) if len(residual) else np.ones(scaled.shape[1])
        return FittedSeasonal(scaler, profile, spread)

    def _profile(self, scaled: Floats, period: int) -> Floats:
        try:
            from statsmodels.tsa.seasonal import STL
        except ImportError as error:
            raise ConfigError("the seasonal detector needs statsmodels: pip install 'qai-sre[detectors]'") from error
        columns = []
        for column in scaled.T:
            parts = STL(column, period=period, robust=True, seasonal=2 * (len(column) // period) + 7).fit()
            usual = np.asarray(parts.seasonal)
            columns.append([np.median(usual[phase::period]) for phase in range(period)])
        return np.array(columns).T
