"""A table of numbers over time in, a score and an alarm for each of its rows out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.datasets.series import usual_step
from data.errors import InputError
from models.anomaly.alarms import Threshold, alarms, threshold_for
from models.anomaly.base import Detector, Floats
from models.anomaly.selector import unit_of
from models.catalog import DEFAULT_DETECTOR, make

WEEK_S = 7 * 86_400.0
# Without a clock, rows are taken to be a minute apart.
DEFAULT_STEP_S = 60.0
TIMESTAMP = "timestamp"
# Numbers below the second figure are seconds, milliseconds or microseconds since 1970; the first makes them ns.
_EPOCH_UNITS = ((1e9, 1e11), (1e6, 1e14), (1e3, 1e17))


@dataclass(frozen=True, eq=False)
class Series:
    """What a file held: ``timestamps`` as written, ``times`` as read (NaT where unreadable), ``values`` (rows,
    columns) with NaN for gaps, ``notes`` on everything that was not as it should be.
    """

    timestamps: pd.Series
    times: npt.NDArray[np.datetime64]
    values: Floats
    columns: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Detection:
    """One score and one alarm a row of the file, in the file's order."""

    series: Series
    scores: Floats
    alarms: npt.NDArray[np.bool_]
    threshold: Threshold
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """``timestamp, score, alarm``; alarm is 0 or 1."""
        columns = {TIMESTAMP: self.series.timestamps, "score": self.scores, "alarm": self.alarms.astype(int)}
        return pd.DataFrame(columns)


def detect(
    series: Series, *, train_rows: int | None = None, alarms_per_week: float = 1.0, detector: str = DEFAULT_DETECTOR
) -> Detection:
    """Scores every row.

    The whole record is its own history, so that a row is judged by what came after it, too. With ``train_rows``
    the first rows are taken to be normal: a row is then unusual as far from them as it is from the whole record,
    half and half, and the threshold is fitted to them alone.

    Raises:
        InputError: if ``train_rows`` leaves nothing to learn from or nothing to score.
        ConfigError: if the detector is unknown or needs something that is not installed.
    """
    rows = len(series.values)
    if train_rows is not None and not 2 <= train_rows <= rows:
        raise InputError(f"must be between 2 and the {rows} rows of the file, not {train_rows}", field="--train-rows")
    order = _in_order_of_time(series.times)
    values = series.values[order]
    in_order, span = _scores(make(detector), values, train_rows)
    step = usual_step(np.sort(series.times[~np.isnat(series.times)])) or DEFAULT_STEP_S
    rate = alarms_per_week * step / WEEK_S
    threshold = threshold_for(in_order[:train_rows], rate, span=span, trusted=train_rows is not None)
    scores = np.empty(rows)
    scores[order] = in_order
    notes = (*series.notes, threshold.text)
    return Detection(series, scores, alarms(scores, threshold), threshold, notes)


def _scores(recipe: Detector, values: Floats, train_rows: int | None) -> tuple[Floats, int]:
    """Of every row, with hindsight, and the span of the detector.

    A few normal rows do not know a level that everything settles on later, the whole record does not know what
    was normal: half of each is near the better of both on every kind of series measured (docs/anomaly.md).
    """
    rows = len(values)
    fitted = recipe.fit(values)
    of_all = fitted.hindsight(values)
    if train_rows is None:
        return of_all, fitted.span
    of_normal = recipe.fit(values[:train_rows], rows=rows).hindsight(values)
    mixed = of_all / unit_of(of_all) + of_normal / unit_of(of_normal[:train_rows])
    return np.asarray(mixed / 2), fitted.span


def _in_order_of_time(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.intp]:
    """Rows by time, those at the same time as they came; as they came where any time cannot be read."""
    if np.isnat(times).any():
        return np.arange(len(times))
    return np.argsort(times, kind="stable")


def read_series(path: Path) -> Series:
    """A CSV or parquet file with a ``timestamp`` and one or more numeric columns.

    Gaps, repeated or unordered times and text in number columns are noted, not refused. A column without a single
    number is left out, and noted.

    Raises:
        InputError: if the file cannot be read, has no ``timestamp`` column, no number column, or no row.
    """
    table = _read_table(path)
    if TIMESTAMP not in table.columns:
        raise InputError(
            f"needs a column named {TIMESTAMP!r}; found {', '.join(table.columns) or 'none'}", field=str(path)
        )
    notes: list[str] = []
    numbers: dict[str, Floats] = {}
    for name in table.columns:
        if name != TIMESTAMP:
            _take_numbers(name, table[name], numbers, notes)
    if not numbers or table.empty:
        raise InputError("needs at least one row and one column with numbers beside timestamp", field=str(path))
    times = read_times(table[TIMESTAMP])
    notes.extend(_clock_notes(times))
    values = np.column_stack(list(numbers.values()))
    return Series(table[TIMESTAMP], times, values, tuple(numbers), tuple(notes))


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, skipinitialspace=True, low_memory=False)
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"cannot be read as CSV or parquet: {error}", field=str(path)) from error
    if TIMESTAMP not in table.columns and table.index.name == TIMESTAMP:
        table = table.reset_index()
    return table.rename(columns={name: str(name).strip() for name in table.columns})


def _take_numbers(name: str, cells: pd.Series, numbers: dict[str, Floats], notes: list[str]) -> None:
    """Adds the column to ``numbers`` where it holds any, and what was wrong with it to ``notes``."""
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    missing = int(np.isnan(values).sum())
    text = missing - int(cells.isna().sum())
    if missing == len(values):
        notes.append(f"column {name!r} holds no number: left out")
        return
    if text > 0:
        notes.append(f"column {name!r}: {text} cells are not finite numbers; the value before stands in")
    if missing - text > 0:
        notes.append(f"column {name!r}: {missing - text} empty cells; the value before stands in")
    numbers[name] = values


def read_times(cells: pd.Series) -> npt.NDArray[np.datetime64]:
    """UTC, NaT where a cell is no time. Numbers are seconds, milliseconds, microseconds or nanoseconds of the epoch."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        times = pd.to_datetime(cells, utc=True)
    else:
        numbers = pd.to_numeric(cells, errors="coerce")
        if numbers.notna().mean() > 0.5:
            typical = float(numbers.abs().median())
            to_ns = next((to_ns for to_ns, below in _EPOCH_UNITS if typical < below), 1.0)
            times = pd.Series(pd.to_datetime(numbers * to_ns, unit="ns", utc=True, errors="coerce"))
        else:
            times = pd.to_datetime(cells, utc=True, errors="coerce", format="mixed")
    return np.asarray(times.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]"))


def _clock_notes(times: npt.NDArray[np.datetime64]) -> list[str]:
    unreadable = int(np.isnat(times).sum())
    if unreadable:
        return [f"{unreadable} timestamps cannot be read: rows are taken in the order of the file"]
    notes = []
    steps = np.diff(times.astype("int64"))
    if (steps < 0).any():
        notes.append(f"{int((steps < 0).sum())} rows go back in time: scored in order of time, written as they came")
    ordered = np.diff(np.sort(times.astype("int64")))
    if repeats := int((ordered == 0).sum()):
        notes.append(f"{repeats} timestamps are repeated: each row is scored")
    forward = ordered[ordered > 0]
    if len(forward) and (gaps := int((forward > 1.5 * np.median(forward)).sum())):
        notes.append(f"{gaps} gaps longer than the usual step of {np.median(forward) / 1e9:g} s: left as they are")
    return notes
