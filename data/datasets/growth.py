"""Made series of what fills up: leaks, disks, pools, and things that only look as if they did.

Public series hold hardly any of them, and they are what people most want foretold. Seeded; nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats

ROWS = 1200
STEP_S = 600.0
SHAPES = ("leak", "leak with restarts", "levelling off", "filling in bursts", "daily with a trend", "leak that begins")


@dataclass(frozen=True, eq=False)
class MadeSeries:
    """``values``: shape (ROWS,), a row every ``STEP_S`` seconds; ``limit``: a threshold worth asking about."""

    id: str
    values: Floats
    limit: float


def growing(count: int, *, seed: int = 0) -> Iterator[MadeSeries]:
    """``count`` series, the shapes in turn; the same for the same seed."""
    for number in range(count):
        random = np.random.default_rng([seed, number])
        shape = SHAPES[number % len(SHAPES)]
        values = _shaped(shape, random) + random.normal(0, 1, ROWS) * random.uniform(0.2, 3)
        # Somewhere in the upper half of where it goes, or a little beyond: some of them never get there.
        low, high = np.quantile(values, [0.4, 1.0])
        limit = low + (high - low) * random.uniform(0.4, 1.1)
        yield MadeSeries(f"{shape} {number}", values, float(limit))


def _shaped(shape: str, random: np.random.Generator) -> Floats:
    x = np.arange(ROWS, dtype=float)
    if shape == "leak":
        return 10 + x * random.uniform(0.02, 0.08)
    if shape == "leak with restarts":
        rows = int(random.integers(150, 500))
        return 20 + ((x + random.integers(0, rows)) % rows) * random.uniform(0.1, 0.5)
    if shape == "levelling off":
        return 80 / (1 + np.exp(-(x - random.uniform(200, 900)) / random.uniform(50, 200)))
    if shape == "leak that begins":
        return 30 + np.maximum(0.0, x - random.uniform(400, 1000)) * random.uniform(0.05, 0.5)
    if shape == "filling in bursts":
        return 30 + np.cumsum(np.maximum(0.0, random.normal(0.03, 0.15, ROWS)))
    return 40 + 10 * np.sin(2 * np.pi * x / (86_400 / STEP_S)) + x * random.uniform(-0.005, 0.03)
