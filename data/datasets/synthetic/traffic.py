"""Requests per second that users send: daily and weekly seasons, a trend, bursts, and noise with a memory."""

from __future__ import annotations

import numpy as np

from data.datasets.synthetic.noise import autoregressive
from data.datasets.synthetic.shapes import Floats

_DAY, _WEEK = 86_400.0, 7 * 86_400.0


def draw_traffic(rng: np.random.Generator, seconds: Floats, entries: int) -> Floats:
    """Shape (entries, T). ``seconds`` are seconds since the epoch, so that seasons follow the clock."""
    step = float(seconds[1] - seconds[0])
    mean = np.exp(rng.uniform(np.log(2.0), np.log(800.0), size=(entries, 1)))
    phase = rng.uniform(0, 2 * np.pi, size=(entries, 1))
    daily = 1 + rng.uniform(0.05, 0.5, size=(entries, 1)) * np.sin(2 * np.pi * seconds / _DAY + phase)
    weekly = 1 + rng.uniform(0.0, 0.2, size=(entries, 1)) * np.sin(2 * np.pi * seconds / _WEEK + phase)
    passed = (seconds - seconds[0]) / max(float(seconds[-1] - seconds[0]), 1.0)
    trend = 1 + rng.normal(0.0, 0.06, size=(entries, 1)) * passed
    # Users come and go over about two minutes, whatever the scrape interval.
    memory = np.full(entries, np.exp(-step / rng.uniform(30.0, 240.0)))
    wander = autoregressive(rng, memory, len(seconds)) * rng.uniform(0.01, 0.12, size=(entries, 1))
    rates: Floats = np.maximum(
        mean * daily * weekly * trend * np.exp(wander) * _bursts(rng, len(seconds), entries), 0.01
    )
    return rates


def _bursts(rng: np.random.Generator, length: int, entries: int) -> Floats:
    """Short swells that mean nothing: a push message, a crawler, a batch of imports."""
    factor = np.ones((entries, length))
    for row in range(entries):
        for _ in range(int(rng.poisson(0.8))):
            at, width = int(rng.integers(0, length)), max(1.0, length * rng.uniform(0.004, 0.04))
            distance = (np.arange(length) - at) / width
            factor[row] += rng.uniform(0.05, 0.35) * np.exp(-0.5 * distance**2)
    return factor
