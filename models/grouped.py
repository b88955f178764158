"""Rows in groups, on plain arrays: counts, sums and quantiles by the number of the group.

A look at every likely onset makes many small tables, and to group one by pandas takes milliseconds, however few its
rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.telemetry import Floats

Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
# What stands for no name.
NONE = -1


def numbered(columns: Sequence[npt.NDArray[np.object_]]) -> tuple[list[Indices], npt.NDArray[np.object_]]:
    """The names of several columns as numbers, :data:`NONE` where there is none, and all names, sorted."""
    together = np.concatenate([*columns, np.empty(0, dtype=object)])
    numbers, names = pd.factorize(together, sort=True)
    parts = np.split(numbers.astype(np.intp), np.cumsum([len(column) for column in columns]))
    return parts[: len(columns)], np.asarray(names, dtype=object)


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows by their keys.

    Attributes:
        keys: one array for each key, shape (G,), in lexicographic order.
        of: the group of each row, shape (N,).
    """

    keys: tuple[Indices, ...]
    of: Indices

    def __len__(self) -> int:
        return len(self.keys[0])

    def count(self, where: Flags | None = None) -> Indices:
        """How many rows each group has, or how many of those where ``where``; shape (G,)."""
        return np.bincount(self.of if where is None else self.of[where], minlength=len(self))

    def sum(self, values: npt.ArrayLike) -> Floats:
        """The sum of ``values``, one a row, over each group; shape (G,)."""
        return np.asarray(np.bincount(self.of, weights=np.asarray(values, dtype=float), minlength=len(self)))


def groups_of(*keys: Indices) -> Groups:
    """The groups of rows whose ``keys``, none of them :data:`NONE`, are all equal."""
    whole = np.zeros(len(keys[0]), dtype=np.int64)
    sizes = [int(key.max(initial=0)) + 1 for key in keys]
    for key, size in zip(keys, sizes, strict=True):
        whole = whole * size + key
    distinct, of = np.unique(whole, return_inverse=True)
    parts: list[Indices] = []
    for size in reversed(sizes):
        parts.append((distinct % size).astype(np.intp))
        distinct = distinct // size
    return Groups(tuple(reversed(parts)), of.astype(np.intp))


def together(*tables: Sequence[Indices]) -> tuple[Groups, list[Indices]]:
    """The groups of the rows of several tables, each given by its keys, and the group of each row of each table."""
    groups = groups_of(*(np.concatenate(parts) for parts in zip(*tables, strict=True)))
    return groups, np.split(groups.of, np.cumsum([len(keys[0]) for keys in tables])[:-1])


def quantiles(of: Indices, values: Floats, count: int, at: Sequence[float]) -> Floats:
    """Quantiles of the ``values`` of each group, linear between neighbours; NaN for one without any.

    Args:
        of: the group of each value.
        count: of groups.

    Returns:
        shape (len(at), count).
    """
    ordered = values[np.lexsort((values, of))]
    sizes = np.bincount(of, minlength=count)
    starts = np.cumsum(sizes) - sizes
    some = sizes > 0
    found = np.full((len(at), count), np.nan)
    for row, share in zip(found, at, strict=True):
        place = share * (sizes[some] - 1)
        low = np.floor(place).astype(np.intp)
        below = ordered[starts[some] + low]
        above = ordered[starts[some] + np.minimum(low + 1, sizes[some] - 1)]
        row[some] = below + (place - low) * (above - below)
    return found
