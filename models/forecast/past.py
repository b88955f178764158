"""What lies before an origin, prepared so that each origin costs one pass over it. Nothing after it is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.forecast.question import Flags, Origins, Question, comes_true, rows_until

PRIOR = 2.0  # a frequency is pulled to what was known without it by as much as this many past origins
UNKNOWN = 0.05  # how often it comes true where nothing was seen yet
NEIGHBOURS = 40
_LEAST_HISTORY = 8


@dataclass(frozen=True)
class Line:
    """A least-squares line through recent gaps.

    Attributes:
        level, slope: its last value, and what it adds a row.
        straight: the share of the variance it explains, in [0, 1].
        spread: of what it leaves.
    """

    level: float
    slope: float
    straight: float
    spread: float

    def after(self, rows: float) -> float:
        return self.level + self.slope * rows

    def reaches(self, rows: float) -> float:
        """The probability of a gap of zero or less after ``rows``, if what the line leaves stays as it was."""
        return 0.5 * math.erfc(self.after(rows) / (max(self.spread, 1e-12) * math.sqrt(2.0)))


@dataclass(frozen=True, eq=False)
class Past:
    """One series and what is asked of it; ``gap`` as :meth:`Question.gap` gives it, shape (T,)."""

    gap: Floats
    question: Question

    @cached_property
    def true(self) -> Flags:
        return comes_true(self.gap, self.question.horizon)

    @cached_property
    def until(self) -> Floats:
        return rows_until(self.gap)

    @cached_property
    def lowest(self) -> Floats:
        """The least gap over the last horizon, at each row."""
        rows = self.question.horizon
        padded = np.concatenate([np.full(rows - 1, np.inf), self.gap])
        return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, rows).min(axis=1))

    @cached_property
    def lowest_ahead(self) -> Floats:
        """The least gap over the next horizon, at each row."""
        rows = self.question.horizon
        padded = np.concatenate([self.gap[1:], np.full(rows, np.inf)])
        return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, rows).min(axis=1)[: len(self.gap)])

    @cached_property
    def means(self) -> Floats:
        """The mean gap over the last horizon, at each row."""
        sums = np.concatenate([[0.0], np.cumsum(self.gap)])
        rows = np.arange(len(self.gap)) + 1
        starts = np.maximum(rows - self.question.horizon, 0)
        return np.asarray((sums[rows] - sums[starts]) / (rows - starts))

    @cached_property
    def breaches(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.gap <= 0)

    def resolved(self, t: int) -> slice:
        """The rows whose outcome is known at ``t``."""
        return slice(0, max(0, t - self.question.horizon + 1))

    def scale(self, t: int) -> float:
        """A robust spread of what was seen by ``t``, never nothing."""
        seen = self.gap[: t + 1]
        low, high = np.quantile(seen, [0.1, 0.9])
        return max(float(high - low) / 2.56, 0.05 * float(np.std(seen)), 1e-3 * float(np.max(np.abs(seen))), 1e-12)

    def base(self, t: int) -> float:
        """How often it came true before, from any row that was not breaching."""
        known = self.resolved(t)
        return shrunk(self.true[known][self.gap[known] > 0], UNKNOWN)

    def season(self, t: int) -> float:
        """How often it came true from this time of earlier seasons, give or take a little."""
        period, base = self.question.period, self.base(t)
        if not period:
            return base
        width = max(1, period // 48)
        rows = np.arange(t - period, -width - 1, -period)[:, None] + np.arange(-width, width + 1)
        rows = rows[(rows >= 0) & (rows <= t - self.question.horizon)]
        rows = rows[self.gap[rows] > 0]
        # Neighbouring rows tell nearly the same story: together they count as one.
        return shrunk(self.true[rows], base, each=1.0 / (2 * width + 1))

    def neighbours(self, t: int) -> Origins:
        """Earlier rows that lay, and had lain, about as far from the threshold as ``t``; nearest first."""
        known = self.resolved(t)
        if known.stop <= _LEAST_HISTORY:
            return np.empty(0, dtype=np.intp)
        scale = self.scale(t)
        views = ((1.0, self.gap), (0.5, self.lowest), (0.5, self.means))
        far = sum(weight * np.abs(_near(v[known] / scale) - _near(v[t] / scale)) for weight, v in views)
        rows = np.flatnonzero(self.gap[known] > 0)
        return np.asarray(rows[np.argsort(np.asarray(far)[rows], kind="stable")[:NEIGHBOURS]])

    def alike(self, t: int) -> float:
        """How often it came true from :meth:`neighbours`; four of them count as one, being neighbours in time, too."""
        return shrunk(self.true[self.neighbours(t)], self.base(t), each=0.25)

    def rise(self, t: int) -> float:
        """How often it rose by as much as is missing now, within a horizon."""
        known = self.resolved(t)
        usable = self.gap[known] > 0
        risen = (self.gap[known] - self.lowest_ahead[known])[usable]
        return shrunk(risen >= self.gap[t], self.base(t))

    def line(self, t: int, horizons: int) -> Line:
        """The line through the last ``horizons`` horizons."""
        recent = self.gap[max(0, t + 1 - max(horizons * self.question.horizon, 4)) : t + 1]
        if len(recent) < 3:
            return Line(float(self.gap[t]), 0.0, 0.0, 0.0)
        x = np.arange(len(recent)) - (len(recent) - 1) / 2
        slope = float(x @ recent) / float(x @ x)
        whole, explained = float(np.var(recent)), slope**2 * float(np.mean(x**2))
        straight = min(explained / whole, 1.0) if whole > 0 else 0.0
        level = float(np.mean(recent)) + slope * float(x[-1])
        return Line(level, slope, straight, float(np.sqrt(max(whole - explained, 0.0))))


def shrunk(outcomes: npt.NDArray[np.bool_], towards: float, *, each: float = 1.0) -> float:
    """The share that came true, pulled ``towards`` what was known without them; each counts ``each``."""
    return (float(np.sum(outcomes)) * each + PRIOR * towards) / (len(outcomes) * each + PRIOR)


def _near(gap: Floats | float) -> Floats:
    """Differences close to the threshold count most."""
    return np.asarray(np.sign(gap) * np.log1p(np.abs(gap) * 2))
