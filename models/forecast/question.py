"""What is asked of a series: does it reach its threshold within the horizon, seen from an origin where it has not?

Everything is counted in rows of a regular clock. A series that must not fall below its threshold is turned over, so
that inside this package breaching always means reaching the threshold from below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.telemetry import Floats

Flags = npt.NDArray[np.bool_]
Origins = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Question:
    """Does it reach ``threshold`` within the next ``horizon`` rows?

    Attributes:
        period: rows in a season (a day, a week); 0 where none is known.
        above: whether breaching means at or above the threshold, rather than at or below.
    """

    threshold: float
    horizon: int
    period: int = 0
    above: bool = True

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise InputError(f"is {self.horizon}; must be at least one row", field="horizon")
        if not np.isfinite(self.threshold):
            raise InputError(f"is {self.threshold}; must be a number", field="threshold")

    def gap(self, values: Floats) -> Floats:
        """How far each value is from breaching, in the series' unit; zero or less is a breach. Shape (T,).

        Gaps in the recording are bridged with the last value seen: not knowing is no breach.
        """
        values = np.asarray(values, dtype=float)
        known = np.where(np.isfinite(values), np.arange(len(values)), -1)
        last = np.maximum.accumulate(known) if len(values) else known
        filled = np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
        if len(filled) and not np.isfinite(filled[0]):
            first = int(np.argmax(np.isfinite(filled)))
            filled[:first] = filled[first]
        return np.asarray(self.threshold - filled if self.above else filled - self.threshold)


def comes_true(gap: Floats, horizon: int) -> Flags:
    """Whether a breach lies in the ``horizon`` rows after each row; False where the series ends earlier. Shape (T,)."""
    breaches = np.concatenate([[0], np.cumsum(gap <= 0)])
    end = np.minimum(np.arange(len(gap)) + 1 + horizon, len(gap))
    return np.asarray(breaches[end] - breaches[np.arange(len(gap)) + 1] > 0)


def rows_until(gap: Floats) -> Floats:
    """Rows from each row to the next breach after it; infinite where none follows. Shape (T,)."""
    where = np.flatnonzero(gap <= 0)
    after = np.searchsorted(where, np.arange(len(gap)), side="right")
    found = np.append(where.astype(float), np.inf)[after]
    return np.asarray(found - np.arange(len(gap)))


def origins_of(gap: Floats, horizon: int, *, first: int, most: int) -> Origins:
    """At most ``most`` origins, evenly spread from ``first`` on, where it is not breaching and the outcome is known."""
    possible = np.flatnonzero(gap > 0)
    possible = possible[(possible >= first) & (possible + horizon < len(gap))]
    if len(possible) <= most:
        return possible
    return np.asarray(possible[np.linspace(0, len(possible) - 1, most).round().astype(np.intp)])
