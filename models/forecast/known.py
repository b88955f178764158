"""What is known rather than predicted: when a certificate expires, and how fast an error budget is spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from data.errors import InputError
from data.telemetry import Floats


@dataclass(frozen=True)
class Expiry:
    """A certificate, licence or token that ends on a known date. ``due``: within the horizon, or past."""

    name: str
    ends: datetime
    left: timedelta
    due: bool

    @property
    def probability(self) -> float:
        """One or zero: dates are known, and nobody is counted on to renew in time."""
        return float(self.due)


def expiry(name: str, ends: datetime, *, as_of: datetime, horizon: timedelta) -> Expiry:
    """Whether ``ends`` lies within ``horizon`` of ``as_of``."""
    return Expiry(name, ends, ends - as_of, ends - as_of <= horizon)


@dataclass(frozen=True)
class Budget:
    """What is left of an error budget (Site Reliability Workbook, chapter 5, "Alerting on SLOs").

    Attributes:
        spent: the share of the budget of one window that was used in the last window; above one it is overspent.
        burn_rate: how many times faster than allowed it is being spent lately; one spends it exactly.
        rows_left: until nothing is left at that rate; infinite where it is not being spent, zero where it is gone.
    """

    spent: float
    burn_rate: float
    rows_left: float


def error_budget(failing: Floats, *, objective: float, window: int, recent: int) -> Budget:
    """The budget of an objective such as 0.999 over ``window`` rows, from the share that fails in each row.

    Args:
        failing: shape (T,), in [0, 1]; NaN where nothing was asked for.
        recent: rows that the burn rate is read from.

    Raises:
        InputError: naming what is not a share or not a number of rows.
    """
    if not 0 < objective < 1:
        raise InputError(f"is {objective}; must lie between 0 and 1, such as 0.999", field="objective")
    if window < 1 or recent < 1:
        raise InputError("must be at least one row", field="window")
    known = np.nan_to_num(np.asarray(failing, dtype=float), nan=0.0)
    if len(known) == 0 or known.min() < 0 or known.max() > 1:
        raise InputError("must hold shares between 0 and 1", field="failing")
    allowed = 1.0 - objective
    spent = float(known[-window:].sum()) / (allowed * window)
    burn_rate = float(known[-recent:].mean()) / allowed
    left = max(1.0 - spent, 0.0) * window
    rows_left = 0.0 if spent >= 1 else left / burn_rate if burn_rate > 0 else float("inf")
    return Budget(spent, burn_rate, rows_left)
