"""What every detector is: fitted on a history once, then a score a row, for a whole record or as rows arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
State = Mapping[str, Any]


@runtime_checkable
class Stream(Protocol):
    """Scores rows as they arrive, each in constant time."""

    def update(self, row: Floats) -> float:
        """The score of the newest row, shape (columns,); the same as :meth:`Fitted.score` gives it in a batch."""
        ...


@runtime_checkable
class Fitted(Protocol):
    """A detector that knows what is usual.

    ``span`` is how many of the latest rows a score may depend on.
    """

    @property
    def span(self) -> int: ...

    def score(self, values: Floats) -> Floats:
        """How unusual each row is given the rows up to it, shape (rows,), 0 or more; ``values`` is (rows, columns)."""
        ...

    def hindsight(self, values: Floats) -> Floats:
        """The same knowing what came after: every row of an unusual stretch has the score of the stretch."""
        ...

    def stream(self) -> Stream: ...

    def state(self) -> dict[str, Any]:
        """Numbers, text and arrays that :func:`models.catalog.restore` makes the same detector from."""
        ...


class Detector(Protocol):
    """A recipe. The same history and seed give the same fitted detector."""

    def fit(self, history: Floats, *, rows: int | None = None) -> Fitted:
        """What is usual, learnt from ``history`` (rows, columns), which holds no labels and may hold anomalies.

        Args:
            history: NaN where a sample is missing; never changed.
            rows: length of the record that will be looked at, where it is known to be longer than ``history``.
        """
        ...


def as_table(values: npt.ArrayLike) -> Floats:
    """(rows, columns) of floats; one dimension is one column. Infinities are unknown.

    Raises:
        ValueError: if it has no column or more than two dimensions.
    """
    table = np.asarray(values, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"values must be (rows, columns), not {table.shape}")
    return np.where(np.isfinite(table), table, np.nan)


def carry_forward(table: Floats, start: Floats) -> Floats:
    """Unknown cells take the last known value of their column, before any is known that of ``start``.

    Only the past is used, so that a stream fills the same way.
    """
    known = np.isfinite(table)
    if known.all():
        return table
    last = np.where(known, np.arange(len(table))[:, None], -1)
    np.maximum.accumulate(last, axis=0, out=last)
    filled = np.take_along_axis(table, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, filled, start)


def forward_max(scores: Floats, span: int) -> Floats:
    """Each row's highest score among itself and the ``span - 1`` rows after it: what hindsight adds to windows."""
    if span <= 1 or len(scores) < 2:
        return scores
    from scipy.ndimage import maximum_filter1d

    span = min(span, 2 * len(scores))
    shifted = maximum_filter1d(scores, span, mode="constant", cval=0.0, origin=-(span // 2))
    return np.asarray(shifted, dtype=float)
