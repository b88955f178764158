"""How well predictions would have done on the series' own past: what a prediction has to carry to be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats
from models.forecast.past import Past
from models.forecast.question import Flags, Origins

ALARM = 0.5


@dataclass(frozen=True)
class BackTest:
    """What would have been said from earlier origins, and what came of it. None where nothing was there to count.

    Attributes:
        origins, came_true: how many were tried, and after how many it came true.
        alarms: how many predictions reached :data:`ALARM`.
        false_alarm_rate: the share of alarms after which nothing happened within the horizon.
        found: the share of origins before a breach that alarmed.
        lead_rows: the median time from an alarm to the breach it announced.
        brier: mean squared error of the probabilities; ``usual_brier`` that of always giving the share seen.
    """

    origins: int
    came_true: int
    alarms: int
    false_alarm_rate: float | None
    found: float | None
    lead_rows: float | None
    brier: float | None
    usual_brier: float | None


def backtest(past: Past, origins: Origins, probabilities: Floats) -> BackTest:
    """Judges ``probabilities`` given at ``origins``, whose outcomes are all known."""
    true, alarmed = past.true[origins], probabilities >= ALARM
    return BackTest(
        origins=len(origins),
        came_true=int(true.sum()),
        alarms=int(alarmed.sum()),
        false_alarm_rate=_share(~true, alarmed),
        found=_share(alarmed, true),
        lead_rows=_median(past.until[origins][alarmed & true]),
        brier=_mean((probabilities - true) ** 2),
        usual_brier=_mean((true.mean() - true) ** 2) if len(true) else None,
    )


def _share(of: Flags, among: Flags) -> float | None:
    return float(np.mean(of[among])) if among.any() else None


def _mean(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None
