"""What a series' own past says about a breach, as numbers that mean the same for disks and for latencies.

Five views, each good where the others fail: how often it came true before, at any time, at this time of day, from a
place like this; how far it has ever risen in so many rows; and where straight lines lead. Distances are in robust
spreads of the series, times in horizons.
"""

from __future__ import annotations

import numpy as np

from data.telemetry import Floats
from models.forecast.past import Past
from models.forecast.question import Origins

NAMES = (
    "how often it came true",
    "how often at this time of day",
    "how often from a place like this",
    "how often it rose by so much",
    "against a random walk",
    "distance now",
    "least distance of the last horizon",
    "least distance of the last five horizons",
    "mean distance of the last horizon",
    "least distance at this time a season ago",
    "where a line of one horizon leads",
    "where a line of four horizons leads",
    "where a line of sixteen horizons leads",
    "how straight that line is",
    "share of breaches lately",
    "time since the last breach",
    "spread lately",
    "whether a line of one horizon reaches it",
    "whether a line of four horizons reaches it",
    "whether a line of sixteen horizons reaches it",
)
DISTANCES = slice(5, 13)
FARTHEST = 8.0
_LINES = (1, 4, 16)


def features(past: Past, origins: Origins) -> Floats:
    """One row an origin, one column a name in :data:`NAMES`; all finite. Shape (len(origins), len(NAMES))."""
    table = np.array([_seen_from(past, int(t)) for t in origins], dtype=float).reshape(len(origins), len(NAMES))
    table[:, DISTANCES] = np.clip(table[:, DISTANCES], -FARTHEST, FARTHEST)
    return np.asarray(np.nan_to_num(table, nan=0.0, posinf=FARTHEST, neginf=-FARTHEST))


def _seen_from(past: Past, t: int) -> list[float]:
    scale, horizon = past.scale(t), past.question.horizon
    frequencies = (past.base(t), past.season(t), past.alike(t), past.rise(t))
    lines = [past.line(t, horizons) for horizons in _LINES]
    distances = (
        past.gap[t],
        past.lowest[t],
        np.min(past.gap[max(0, t - 5 * horizon + 1) : t + 1]),
        past.means[t],
        _a_season_ago(past, t),
        *(line.after(horizon) for line in lines),
    )
    return [
        *(_log_odds(f) for f in frequencies),
        _walk(past, t),
        *(float(d) / scale for d in distances),
        lines[-1].straight,
        *_breaching(past, t),
        *(_log_odds(line.reaches(horizon)) for line in lines),
    ]


def _a_season_ago(past: Past, t: int) -> float:
    """The least gap over the coming horizon, one season ago; over the last horizon where there is none."""
    period, horizon = past.question.period, past.question.horizon
    if not period or t < period:
        return float(past.lowest[t])
    start = t - period + 1
    return float(np.min(past.gap[start : min(start + horizon, t + 1)]))


def _walk(past: Past, t: int) -> float:
    """How many spreads of a random walk over the horizon the gap measures, turned so that near is high."""
    steps = np.diff(past.gap[max(0, t - 8 * past.question.horizon) : t + 1])
    spread = float(np.std(steps)) * np.sqrt(past.question.horizon) if len(steps) else 0.0
    return float(np.clip(1.0 - past.gap[t] / max(spread, 1e-9), -FARTHEST, 1.0))


def _breaching(past: Past, t: int) -> tuple[float, float, float]:
    horizon = past.question.horizon
    before = int(np.searchsorted(past.breaches, t, side="right"))
    since = (t - past.breaches[before - 1]) / horizon if before else np.inf
    recent = past.gap[max(0, t + 1 - 5 * horizon) : t + 1] <= 0
    near, far = past.gap[max(0, t + 1 - horizon) : t + 1], past.gap[max(0, t + 1 - 16 * horizon) : t + 1]
    spread = np.log((float(np.std(near)) + 1e-9) / (float(np.std(far)) + 1e-9))
    return float(np.sqrt(np.mean(recent))), float(np.log1p(min(since, 1e3))), float(np.clip(spread, -3, 3))


def _log_odds(probability: float) -> float:
    p = min(max(probability, 1e-3), 1 - 1e-3)
    return float(np.log(p / (1 - p)))
