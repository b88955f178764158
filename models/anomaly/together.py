"""Many series of one length at once, each scored as if it were alone: what makes batching pay.

Scoring one short series is mostly the cost of some hundred calls into numpy; a batch makes them once. Samples of the
history are drawn by seed and length alone, so every series of a batch is compared with the same rows of itself as it
would be by :class:`~models.anomaly.neighbours.Neighbours`.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.anomaly.base import Floats
from models.anomaly.neighbours import SAMPLE_SIZE, SAMPLES, UNIT_QUANTILE, Scale, Singles, scales_for
from models.anomaly.scaling import robust_scaler

# Distances of so many values are held at once: more would leave the processor's cache.
_AT_ONCE = 500_000


def hindsight_of_each(values: Floats, *, seed: int = 0) -> tuple[Floats, int]:
    """``Neighbours(seed).fit(series).hindsight(series)`` of each row of ``values``, and the span of the detector.

    Args:
        values: (series, rows), NaN where a sample is missing; never changed.

    Returns:
        Scores of the same shape, and the rows that one score may depend on.
    """
    table = np.where(np.isfinite(values), values, np.nan).T
    scaled = np.ascontiguousarray(robust_scaler(table).apply(table).T)
    scales = scales_for(scaled.shape[1], 1)
    chunk = max(1, _AT_ONCE // (SAMPLES * SAMPLE_SIZE * max(scaled.shape[1], 1)))
    parts = [scaled[start : start + chunk] for start in range(0, len(scaled), chunk)]
    scores = [np.max([_of_one_length(part, scale, seed) for scale in scales], axis=0) for part in parts]
    return np.concatenate(scores), max(scale.span for scale in scales)


def _of_one_length(scaled: Floats, scale: Scale, seed: int) -> Floats:
    """Scores (series, rows) at one length, in units of what each series has one time in ten."""
    rows = scaled.shape[1]
    count = rows // scale.block
    if not count:
        return np.zeros(scaled.shape)
    stretches = _stretches(scaled, scale, count)
    distances = _distances(stretches, _drawn(count, scale, seed))
    most = distances.max(axis=1)
    usual = np.quantile(distances, UNIT_QUANTILE, axis=1)
    scores = distances / np.maximum(np.maximum(usual, 0.02 * most), 1e-3)[:, None]
    ahead = _forward_max(scores, scale.blocks)
    return np.asarray(ahead[:, np.minimum(np.arange(rows) // scale.block, count - 1)])


def _stretches(scaled: Floats, scale: Scale, count: int) -> Singles:
    """(series, count, blocks): the stretch that ends with each full block; the first block fills the start."""
    blocks = scaled[:, : count * scale.block].reshape(len(scaled), count, scale.block).mean(axis=2).astype(np.float32)
    padded = np.concatenate([np.repeat(blocks[:, :1], scale.blocks - 1, axis=1), blocks], axis=1)
    return np.ascontiguousarray(sliding_window_view(padded, scale.blocks, axis=1))


def _drawn(count: int, scale: Scale, seed: int) -> np.ndarray:
    """The rows that :func:`~models.anomaly.neighbours.reference` draws."""
    rng = np.random.default_rng((seed, scale.block, scale.blocks))
    size = max(1, min(SAMPLE_SIZE, count // 2))
    return np.stack([rng.choice(count, size, replace=False) for _ in range(SAMPLES)], axis=1).ravel()


def _distances(stretches: Singles, drawn: np.ndarray) -> Floats:
    """Mean over the samples of the distance to the nearest stretch in it, per value; (series, count)."""
    series, count, width = stretches.shape
    sampled = stretches[:, drawn]
    crossed = np.matmul(-2.0 * sampled, stretches.transpose(0, 2, 1))
    crossed += np.einsum("sij,sij->si", sampled, sampled)[:, :, None]
    nearest = crossed.reshape(series, -1, SAMPLES, count).min(axis=1)
    nearest += np.einsum("sij,sij->si", stretches, stretches)[:, None, :]
    np.maximum(nearest, 0.0, out=nearest)
    return np.asarray(np.sqrt(nearest, out=nearest).mean(axis=1) / np.sqrt(width), dtype=float)


def _forward_max(scores: Floats, span: int) -> Floats:
    """As :func:`models.anomaly.base.forward_max`, of each row of ``scores``."""
    if span <= 1 or scores.shape[1] < 2:
        return scores
    from scipy.ndimage import maximum_filter1d

    span = min(span, 2 * scores.shape[1])
    return np.asarray(maximum_filter1d(scores, span, axis=1, mode="constant", cval=0.0, origin=-(span // 2)))
