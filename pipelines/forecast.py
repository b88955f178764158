"""Recorded series in, the outlook of each out: will it breach, when, and how often such predictions were wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.datasets.series import usual_step
from data.errors import InputError
from data.parse import parse_time
from data.telemetry import Floats
from models.forecast import Prediction, Question, forecast
from models.forecast.known import Budget, Expiry, error_budget, expiry
from pipelines.detect import Series

DAY_S = 86_400.0
# A season has to be seen this often before it is counted on.
SEASONS = 2
MOST_ROWS = 20_000
MOST_HORIZON = 100_000
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S}


@dataclass(frozen=True)
class Span:
    """A length of time as somebody wrote it: a number of rows, or seconds."""

    rows: int | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str, *, field: str) -> Span:
        """``24`` is rows; ``90s``, ``30m``, ``2h``, ``7d`` and ``4w`` are times.

        Raises:
            InputError: if it is neither, or nothing.
        """
        written = text.strip().lower()
        found = _DURATION.fullmatch(written)
        if found and float(found[1]) > 0:
            return cls(seconds=float(found[1]) * _SECONDS[found[2]])
        if written.isdecimal() and len(written) < 10 and int(written) > 0:
            return cls(rows=int(written))
        raise InputError(f"{text!r} is neither a number of rows (24) nor a time (90s, 30m, 2h, 7d)", field=field)

    def in_rows(self, step_s: float | None, *, field: str) -> int:
        """The rows it spans, at least one.

        Raises:
            InputError: if it is a time and the series has no clock, or it is beyond reason.
        """
        if self.rows is None and step_s is None:
            raise InputError("is a time, but the timestamps do not tell how far rows are apart; give rows", field=field)
        rows = self.rows if self.rows is not None else max(1, round((self.seconds or 0) / (step_s or 1)))
        if rows > MOST_HORIZON:
            raise InputError(f"is {rows} rows; at most {MOST_HORIZON} can be looked at", field=field)
        return rows


@dataclass(frozen=True, eq=False)
class Clocked:
    """One column on a regular clock. ``values``: shape (T,), NaN where a row is missing; ``ends``: its last time."""

    name: str
    values: Floats
    step_s: float | None
    ends: datetime | None


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of one column. Times are None where the series has no clock."""

    column: str
    question: Question
    prediction: Prediction
    step_s: float | None
    as_of: datetime | None
    budget: Budget | None = None

    @property
    def lead_s(self) -> float | None:
        """Seconds until the breach, if it comes."""
        lead = self.prediction.lead
        return lead.rows * self.step_s if lead and self.step_s else None


def look_ahead(column: Clocked, *, threshold: float, horizon: Span, above: bool = True) -> Outlook:
    """Whether ``column`` breaches ``threshold`` within ``horizon`` after its last row."""
    rows = horizon.in_rows(column.step_s, field="--horizon")
    question = Question(threshold, rows, period=period_of(column), above=above)
    return Outlook(column.name, question, forecast(column.values, question), column.step_s, column.ends)


def look_at_budget(column: Clocked, *, objective: float, window: Span, horizon: Span) -> Outlook:
    """Whether the error budget of ``objective`` over ``window`` is used up within ``horizon``.

    ``column`` holds the share that fails in each row.
    """
    rows = window.in_rows(column.step_s, field="--window")
    ahead = horizon.in_rows(column.step_s, field="--horizon")
    budget = error_budget(column.values, objective=objective, window=rows, recent=min(ahead, rows))
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(column.values))])
    ends = np.arange(1, len(sums))
    spent = (sums[ends] - sums[np.maximum(ends - rows, 0)]) / ((1.0 - objective) * rows)
    question = Question(1.0, ahead, period=period_of(column))
    return Outlook(column.name, question, forecast(spent, question), column.step_s, column.ends, budget)


def period_of(column: Clocked) -> int:
    """Rows of a day where enough days were recorded; else of the strongest rhythm the series has, if any."""
    from models.anomaly.seasonal import period_of as rhythm_of

    day = round(DAY_S / column.step_s) if column.step_s else 0
    if 2 <= day <= len(column.values) // SEASONS:
        return day
    known = column.values[np.isfinite(column.values)]
    return rhythm_of(known) if len(known) > 3 else 0


def columns_of(series: Series, only: str | None = None) -> Iterator[Clocked]:
    """The columns of a file, each on a regular clock: in order of time, repeats averaged, gaps left open.

    Raises:
        InputError: if ``only`` names no column.
    """
    if only is not None and only not in series.columns:
        raise InputError(f"{only!r} is not among {', '.join(series.columns)}", field="--column")
    rows, ends, step = _clock(series.times)
    for j, name in enumerate(series.columns):
        if only in (None, name):
            yield Clocked(name, _on_clock(series.values[:, j], rows)[-MOST_ROWS:], step, ends)


def _clock(times: npt.NDArray[np.datetime64]) -> tuple[npt.NDArray[np.intp], datetime | None, float | None]:
    """The row of each sample on a regular clock, when it ends and its step; as in the file where times are no use."""
    in_file = np.arange(len(times))
    step = None if np.isnat(times).any() else usual_step(np.sort(times))
    if step is None:
        return in_file, None, None
    since_start = (times - times.min()).astype("timedelta64[ns]").astype(np.int64) / 1e9
    rows = np.round(since_start / step).astype(np.intp)
    ends = pd.Timestamp(times.max()).to_pydatetime().replace(tzinfo=UTC)
    if rows.max() >= 50 * len(times):  # a clock with holes like that is none
        return np.argsort(np.argsort(times, kind="stable"), kind="stable"), ends, step
    return rows, ends, step


def _on_clock(values: Floats, rows: npt.NDArray[np.intp]) -> Floats:
    known = np.isfinite(values)
    total = np.bincount(rows[known], weights=values[known], minlength=int(rows.max()) + 1)
    count = np.bincount(rows[known], minlength=int(rows.max()) + 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def read_expiries(path: Path, *, as_of: datetime, horizon: timedelta) -> list[Expiry]:
    """Dates of certificates and the like: a CSV with ``name`` and ``not_after``; soonest first.

    Raises:
        InputError: naming the column or the row that cannot be read.
    """
    table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    missing = {"name", "not_after"} - set(table.columns)
    if missing:
        raise InputError(f"lacks the column {' and '.join(sorted(missing))}", field=str(path))
    found = [
        expiry(str(name), parse_time(ends, field=f"{path}, row {row}, not_after"), as_of=as_of, horizon=horizon)
        for row, (name, ends) in enumerate(zip(table["name"], table["not_after"], strict=True), 1)
    ]
    return sorted(found, key=lambda item: item.ends)
