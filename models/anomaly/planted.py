"""Faults planted into a record's own history, so that detectors can be compared on it without any label.

Selecting a model by what it finds of made-up anomalies: Goswami et al., "Unsupervised Model Selection for
Time-series Anomaly Detection" (ICLR 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.anomaly.base import Floats

FAULTS = ("spike", "step", "noise", "stuck", "swap", "drift")
# Each fault takes up to a fiftieth of the record; together they take up to about a sixth.
_LONGEST_SHARE = 50
# Share of the columns a fault shows in, where there are several.
_SHOWN_IN = 0.3


@dataclass(frozen=True, eq=False)
class Planted:
    """``values`` is (rows, columns) with faults; ``labels`` is (rows,), 1 where one was planted."""

    values: Floats
    labels: npt.NDArray[np.int8]


def plant(history: Floats, scale: Floats, *, seed: int = 0, rounds: int = 2) -> Planted:
    """A copy of ``history`` (rows, columns) with every kind of fault ``rounds`` times, spread over the record.

    ``scale`` is an ordinary variation of each column; a fault is 2 to 6 of them high.
    """
    rng = np.random.default_rng(seed)
    values = history.copy()
    labels = np.zeros(len(history), dtype=np.int8)
    kinds = [str(kind) for kind in rng.permutation(FAULTS * rounds)]
    slot = len(history) // len(kinds)
    longest = max(2, len(history) // _LONGEST_SHARE)
    for i, kind in enumerate(kinds):
        length = 1 if kind == "spike" else int(rng.integers(2, longest + 1))
        if slot <= 2 * length:
            continue
        start = i * slot + int(rng.integers(0, slot - length))
        columns = _shown_in(values.shape[1], rng)
        piece = values[start : start + length, columns]
        values[start : start + length, columns] = _faulty(kind, piece, values[:, columns], scale[columns], rng)
        labels[start : start + length] = 1
    return Planted(values, labels)


def _shown_in(columns: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    return np.sort(rng.choice(columns, max(1, round(_SHOWN_IN * columns)), replace=False))


def _faulty(kind: str, piece: Floats, record: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
    height = scale * rng.uniform(2.0, 6.0) * rng.choice([-1.0, 1.0])
    match kind:
        case "spike" | "step":
            return np.asarray(piece + height)
        case "noise":
            return np.asarray(piece + 0.5 * height * rng.standard_normal(piece.shape))
        case "stuck":
            return np.repeat(piece[:1], len(piece), axis=0)
        case "swap":
            start = int(rng.integers(0, len(record) - len(piece) + 1))
            return record[start : start + len(piece)].copy()
        case _:
            return np.asarray(piece + height * np.linspace(0.0, 1.0, len(piece))[:, None])
