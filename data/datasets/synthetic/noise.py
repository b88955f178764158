"""Noise with a memory."""

from __future__ import annotations

import numpy as np

from data.datasets.synthetic.shapes import Floats


def autoregressive(rng: np.random.Generator, memory: Floats, length: int) -> Floats:
    """First-order autoregressive noise of unit variance, shape (len(memory), length).

    ``memory`` is the correlation of neighbouring samples, one a row.
    """
    shocks = rng.standard_normal((length, len(memory)))
    shocks[1:] *= np.sqrt(1 - memory**2)
    for now in range(1, length):
        shocks[now] += memory * shocks[now - 1]
    return np.ascontiguousarray(shocks.T)


def envelope(length: int, start: int, ramp: int, end: int) -> Floats:
    """How much of a fault is there: 0 before sample ``start``, rising to 1 over ``ramp`` samples, 0 from ``end``."""
    present = np.clip((np.arange(length) - start + 1) / max(ramp, 1), 0.0, 1.0)
    present[max(end, 0) :] = 0.0
    return present
