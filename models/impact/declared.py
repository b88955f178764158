"""Weights that were declared before any were learned: what the learned ones are compared with."""

from __future__ import annotations

import math

from models.impact.learned import Measured

# The burn rates are those of the Site Reliability Workbook, chapter 5: 14.4 and 6 page somebody, 1 opens a ticket.
ANOMALY_WEIGHT = 2.0
REACH_WEIGHT = 0.4
BURN_WEIGHTS = ((14.4, 1.5), (6.0, 1.0), (1.0, 0.3))
CALM_WEIGHT = -0.5


def declared_log_odds(measured: Measured, *, objective: float = 0.999) -> float:
    """Of each severity over the next lower one."""
    found = ANOMALY_WEIGHT * (measured.anomaly - 0.5)
    found += REACH_WEIGHT * math.log2(max(len(measured.radius.symptomatic), 1))
    if measured.failing is not None:
        burn_rate = measured.failing / (1.0 - objective)
        found += next((w for rate, w in BURN_WEIGHTS if burn_rate >= rate), CALM_WEIGHT)
    return found
