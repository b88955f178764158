"""When, if it comes true: read from a straight line where there is one, else from what came of places like this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.forecast.past import Past

# A line is believed where it explains this much of four horizons, or of sixteen, and leads to the threshold.
STRAIGHT = 0.7
LEAST_SEEN = 5
COVERS = 0.8
_Z = 1.2816  # a normal variable lies within so many spreads with the probability COVERS


@dataclass(frozen=True)
class LeadTime:
    """Rows until the breach: the median, and an interval meant to hold four times in five.

    ``told_by``: "trend", "similar times", "breaches at any time", or "nothing" where no breach like it was ever seen;
    the interval then is the whole horizon.
    """

    rows: float
    low: float
    high: float
    told_by: str


def lead_time(past: Past, t: int) -> LeadTime:
    """When the breach comes, given that it comes within the horizon after ``t``."""
    horizon = past.question.horizon
    return _by_trend(past, t) or _by_likeness(past, t) or LeadTime(horizon / 2, 1.0, float(horizon), "nothing")


def _by_trend(past: Past, t: int) -> LeadTime | None:
    horizon = past.question.horizon
    lines = (past.line(t, horizons) for horizons in (4, 16))
    straight = [line for line in lines if line.straight >= STRAIGHT and line.after(horizon) <= 0 and line.slope < 0]
    if not straight:
        return None
    line = max(straight, key=lambda found: found.straight)
    # Noise makes the first crossing earlier than the line's own; the level itself is known to about the spread.
    rows = [(line.level + shift * line.spread) / -line.slope for shift in (-_Z - 1.0, -1.0, _Z - 1.0)]
    low, middle, high = (float(np.clip(r, 1.0, horizon)) for r in rows)
    return LeadTime(middle, low, high, "trend")


def _by_likeness(past: Past, t: int) -> LeadTime | None:
    known = past.resolved(t)
    alike = past.neighbours(t)
    anywhere = np.flatnonzero((past.gap[known] > 0) & past.true[known])
    for rows, told_by in ((alike[past.true[alike]], "similar times"), (anywhere, "breaches at any time")):
        if len(rows) >= LEAST_SEEN:
            tail = (1.0 - COVERS) / 2
            low, middle, high = np.quantile(past.until[rows], [tail, 0.5, 1.0 - tail])
            return LeadTime(float(middle), float(low), float(high), told_by)
    return None
