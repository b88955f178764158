"""The forecasters a learned one has to beat, each a probability for each origin."""

from __future__ import annotations

import math

import numpy as np

from data.telemetry import Floats
from models.forecast.past import Past
from models.forecast.question import Origins

_SMOOTHING = (0.1, 0.3, 0.5, 0.8)
_TREND_SMOOTHING = (0.0, 0.05, 0.2)
_DAMPING = 0.98


def predict_linear(past: Past, origins: Origins) -> Floats:
    """Prometheus' ``predict_linear`` over four horizons, made a probability by the spread around its line.

    https://prometheus.io/docs/prometheus/latest/querying/functions/#predict_linear
    """
    return np.array([past.line(int(t), 4).reaches(past.question.horizon) for t in origins])


def seasonal_frequency(past: Past, origins: Origins) -> Floats:
    """How often it came true from this time of earlier seasons."""
    return np.array([past.season(int(t)) for t in origins])


def exponential_smoothing(past: Past, origins: Origins) -> Floats:
    """ETS(A,Ad,N): level and damped trend with normal errors (Hyndman et al. 2008), fitted before the first origin.

    The probability is that of the worst row of the horizon: a lower bound of that of any row.
    """
    if not len(origins):
        return np.empty(0)
    start = max(int(origins[0]), 3)
    fits = [(_smoothed(past.gap, a, b), a, b) for a in _SMOOTHING for b in _TREND_SMOOTHING]
    errors = [float(np.mean((past.gap[1:start] - f[0][:start][:-1].sum(axis=1)) ** 2)) for f in fits]
    states, alpha, beta = fits[int(np.argmin(errors))]
    spread = math.sqrt(max(min(errors), 1e-18))
    rows = np.arange(1, past.question.horizon + 1)
    damped = np.cumsum(_DAMPING ** (rows - 1))
    grown = np.sqrt(1 + np.concatenate([[0.0], np.cumsum((alpha + beta * damped[:-1]) ** 2)]))
    found = []
    for t in origins:
        level, trend = states[int(t)]
        ahead = level + trend * damped
        found.append(max(_below(0.0, float(m), float(s)) for m, s in zip(ahead, spread * grown, strict=True)))
    return np.array(found)


def _smoothed(gap: Floats, alpha: float, beta: float) -> Floats:
    """Level and the trend to be added next, after each row. Shape (T, 2)."""
    states = np.empty((len(gap), 2))
    level, trend = float(gap[0]), 0.0
    for t, value in enumerate(gap):
        error = float(value) - level - _DAMPING * trend
        level, trend = level + _DAMPING * trend + alpha * error, _DAMPING * trend + beta * error
        states[t] = level, _DAMPING * trend
    return states


def _below(limit: float, mean: float, spread: float) -> float:
    return 0.5 * (1.0 + math.erf((limit - mean) / (spread * math.sqrt(2.0))))
