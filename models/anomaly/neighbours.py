"""How far the latest stretch of a record is from the nearest stretches of its history, at several lengths.

The default detector. A stretch is compared with a few small random samples of the history instead of with all of
it (Sugiyama and Borgwardt, "Rapid distance-based outlier detection via sampling", NeurIPS 2013): this costs a
constant time a point, and a rare episode in the history seldom gets into a sample, so it cannot excuse itself.
Long stretches are seen in blocks (piecewise aggregate approximation; Keogh et al., 2001), which makes every
length cost about the same or less. Each length's distance is divided by what is usual for it, and the largest
counts: an anomaly need not show at every length.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models.anomaly.base import Floats, as_table, forward_max
from models.anomaly.scaling import Scaler, scaler_for

Singles = npt.NDArray[np.float32]

# The longest stretch is a twenty-fifth of the record, and no longer than this many rows.
LONGEST_SHARE, LONGEST = 25, 128
BLOCKS = 16
SAMPLES, SAMPLE_SIZE = 8, 16
# The score a history has one time in ten is the unit of its length.
UNIT_QUANTILE = 0.9
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Scale:
    """A stretch of ``blocks`` blocks, each the mean of ``block`` rows."""

    block: int
    blocks: int

    @property
    def span(self) -> int:
        return self.block * self.blocks


def scales_for(rows: int, columns: int) -> tuple[Scale, ...]:
    """The lengths to look at in a record of that size.

    One series is looked at in stretches that halve from the longest. Several series show an anomaly together, in
    one row: there single rows are compared as well, and no stretch longer than 32 rows.
    """
    if columns > 1:
        return (Scale(1, 1), Scale(1, 8), Scale(4, 8)) if rows >= 64 else (Scale(1, 1),)
    longest = int(np.clip(rows // LONGEST_SHARE, 4, LONGEST))
    spans = [longest // 2**i for i in range(4) if longest // 2**i >= 4]
    return tuple(Scale(max(1, span // BLOCKS), min(span, BLOCKS)) for span in spans)


@dataclass(frozen=True, eq=False)
class Reference:
    """One length, and what is usual at it.

    Attributes:
        weights: (blocks * columns + 1, SAMPLE_SIZE * SAMPLES), so that ``[stretch, 1] @ weights`` is the squared
            distance to each sampled stretch less the stretch's own squared length.
        unit: the distance that is usual, above zero.
    """

    scale: Scale
    weights: Singles
    unit: float

    def distances(self, stretches: Singles) -> Floats:
        """Mean over the samples of the distance to the nearest stretch in it, per value; (stretches,)."""
        out = np.empty(len(stretches))
        width = stretches.shape[1]
        against, squares = np.ascontiguousarray(self.weights[:-1].T), self.weights[-1][:, None]
        for start in range(0, len(stretches), _ROWS_AT_ONCE):
            part = stretches[start : start + _ROWS_AT_ONCE]
            # Stretches along the last axis: the minimum then runs over long rows, which is several times faster.
            crossed = against @ part.T + squares
            nearest = crossed.reshape(-1, SAMPLES, len(part)).min(axis=0)
            nearest += np.einsum("ij,ij->i", part, part)
            np.maximum(nearest, 0.0, out=nearest)
            out[start : start + _ROWS_AT_ONCE] = np.sqrt(nearest, out=nearest).mean(axis=0)
        return np.asarray(out / np.sqrt(width))


def stretches_of(scaled: Floats, scale: Scale) -> Singles:
    """The stretch that ends with each full block, (rows // block, blocks * columns); the first fills the start."""
    count = len(scaled) // scale.block
    if not count:
        return np.zeros((0, scale.blocks * scaled.shape[1]), dtype=np.float32)
    blocks = scaled[: count * scale.block].reshape(count, scale.block, -1).mean(axis=1).astype(np.float32)
    padded = np.concatenate([np.repeat(blocks[:1], scale.blocks - 1, axis=0), blocks])
    windows = sliding_window_view(padded, scale.blocks, axis=0)
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(count, -1)


def reference(stretches: Singles, scale: Scale, seed: int) -> Reference:
    """Samples the stretches of a history; the unit is the distance they themselves have one time in ten."""
    rng = np.random.default_rng((seed, scale.block, scale.blocks))
    size = max(1, min(SAMPLE_SIZE, len(stretches) // 2))
    if not len(stretches):
        stretches = np.zeros((1, stretches.shape[1]), dtype=np.float32)
    chosen = np.stack([rng.choice(len(stretches), size, replace=False) for _ in range(SAMPLES)], axis=1).ravel()
    sampled = stretches[chosen]
    squares = np.einsum("ij,ij->i", sampled, sampled)
    weights = np.concatenate([-2.0 * sampled.T, squares[None]]).astype(np.float32)
    raw = Reference(scale, weights, 1.0)
    distances = raw.distances(stretches)
    unit = max(float(np.quantile(distances, UNIT_QUANTILE)), 0.02 * float(distances.max()), 1e-3)
    return Reference(scale, weights, unit)


@dataclass(frozen=True, eq=False)
class FittedNeighbours:
    """See :class:`Neighbours`. Scores are in usual distances: 1 is what the history has one time in ten."""

    scaler: Scaler
    references: tuple[Reference, ...]

    @property
    def span(self) -> int:
        return max(r.scale.span for r in self.references)

    def score(self, values: Floats) -> Floats:
        scaled = self.scaler.apply(as_table(values))
        return self._combined([_per_row(self._of(r, scaled), r.scale, len(scaled)) for r in self.references])

    def hindsight(self, values: Floats) -> Floats:
        scaled = self.scaler.apply(as_table(values))
        return self._combined([_seen_after(self._of(r, scaled), r.scale, len(scaled)) for r in self.references])

    def stream(self) -> NeighbourStream:
        return NeighbourStream(self)

    def state(self) -> dict[str, Any]:
        return {
            "centre": self.scaler.centre,
            "scale": self.scaler.scale,
            "lengths": np.array([(r.scale.block, r.scale.blocks) for r in self.references]),
            "units": np.array([r.unit for r in self.references]),
            **{f"weights_{i}": r.weights for i, r in enumerate(self.references)},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedNeighbours:
        lengths = [Scale(int(block), int(blocks)) for block, blocks in state["lengths"]]
        units = [float(unit) for unit in state["units"]]
        references = [
            Reference(scale, np.asarray(state[f"weights_{i}"], dtype=np.float32), unit)
            for i, (scale, unit) in enumerate(zip(lengths, units, strict=True))
        ]
        return cls(Scaler(np.asarray(state["centre"]), np.asarray(state["scale"])), tuple(references))

    def _of(self, reference: Reference, scaled: Floats) -> Floats:
        return reference.distances(stretches_of(scaled, reference.scale)) / reference.unit

    def _combined(self, scores: list[Floats]) -> Floats:
        return np.asarray(np.max(scores, axis=0))


@dataclass(frozen=True)
class Neighbours:
    """The recipe: robust scaling, lengths from the size of the record, random samples drawn with ``seed``."""

    seed: int = 0

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedNeighbours:
        table = as_table(history)
        scaler = scaler_for(table)
        scaled = scaler.apply(table)
        scales = scales_for(max(rows or 0, len(table)), table.shape[1])
        references = (reference(stretches_of(scaled, scale), scale, self.seed) for scale in scales)
        return FittedNeighbours(scaler, tuple(references))


class NeighbourStream:
    """Keeps the latest blocks of each length; a length is judged again whenever a block of it is full."""

    def __init__(self, fitted: FittedNeighbours) -> None:
        self._fitted = fitted
        self._last = fitted.scaler.centre
        self._count = 0
        self._sums = [np.zeros(len(self._last)) for _ in fitted.references]
        self._blocks: list[deque[Singles]] = [deque(maxlen=r.scale.blocks) for r in fitted.references]
        self._scores = [0.0] * len(fitted.references)

    def update(self, row: Floats) -> float:
        row = np.asarray(row, dtype=float).reshape(-1)
        self._last = np.where(np.isfinite(row), row, self._last)
        scaled = self._fitted.scaler.apply(self._last[None])[0]
        self._count += 1
        for i, reference in enumerate(self._fitted.references):
            self._sums[i] += scaled
            if self._count % reference.scale.block == 0:
                self._scores[i] = self._judge(i, reference)
        return float(max(self._scores))

    def _judge(self, i: int, reference: Reference) -> float:
        block = (self._sums[i] / reference.scale.block).astype(np.float32)
        self._sums[i] = np.zeros(len(block))
        blocks = self._blocks[i]
        blocks.extend([block] * (reference.scale.blocks if not blocks else 1))
        stretch = np.stack(blocks, axis=1).reshape(1, -1)
        return float(reference.distances(stretch)[0] / reference.unit)


def _per_row(scores: Floats, scale: Scale, rows: int) -> Floats:
    """Each row has the score of the last full block; rows before the first have none yet."""
    latest = (np.arange(1, rows + 1) // scale.block) - 1
    return np.where(latest >= 0, np.append(scores, 0.0)[latest], 0.0)


def _seen_after(scores: Floats, scale: Scale, rows: int) -> Floats:
    """Each row has the highest score of the stretches that hold it."""
    if not len(scores):
        return np.zeros(rows)
    ahead = forward_max(scores, scale.blocks)
    return ahead[np.minimum(np.arange(rows) // scale.block, len(scores) - 1)]
