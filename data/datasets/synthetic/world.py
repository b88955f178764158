"""A system and its everyday life, before anything is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from data.datasets.synthetic.noise import envelope
from data.datasets.synthetic.plant import Effects, Plant, draw_plant
from data.datasets.synthetic.shapes import Floats, Shape, draw_shape
from data.datasets.synthetic.traffic import draw_traffic


@dataclass(frozen=True, eq=False)
class Clock:
    """The samples of the recording before it is cut. ``onset`` and ``last`` are sample numbers: the first at which
    trouble may begin, and the last at which the alert may come."""

    seconds: Floats
    step_s: float
    onset: int
    last: int


@dataclass(frozen=True, eq=False)
class World:
    """A system, and everything that is going on in it."""

    shape: Shape
    plant: Plant
    clock: Clock
    traffic: Floats
    everyday: Effects


def draw_world(rng: np.random.Generator, services: tuple[int, int]) -> World:
    """A system with its traffic, before anything is wrong."""
    low, high = np.log(services[0]), np.log(services[1] + 1)
    shape = draw_shape(rng, min(int(np.exp(rng.uniform(low, high))), services[1]))
    clock = draw_clock(rng, len(shape))
    traffic = draw_traffic(rng, clock.seconds, len(shape.entries))
    plant = draw_plant(rng, shape, traffic.mean(axis=1))
    everyday = Effects(len(clock.seconds))
    _live(rng, shape, everyday, clock)
    return World(shape, plant, clock, traffic, everyday)


def draw_clock(rng: np.random.Generator, nodes: int) -> Clock:
    """Scrape intervals from a second to five minutes, with a history before the onset and time after it."""
    step_s = float(rng.choice([1, 5, 10, 15, 30, 60, 300], p=[0.12, 0.12, 0.14, 0.2, 0.17, 0.17, 0.08]))
    most = 150 if nodes > 150 else 300
    before = int(rng.integers(min(40 if step_s >= 60 else 90, most - 30), most))
    patience = int(np.clip(rng.uniform(300, 900) / step_s, 4, 200))
    after = int(np.clip(rng.uniform(60, 1200) / step_s, 2, 90))
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp() + float(rng.integers(0, 3 * 365 * 86_400))
    total = before + patience + after
    return Clock(start + step_s * np.arange(total, dtype=np.float64), step_s, before, before + patience)


def _live(rng: np.random.Generator, shape: Shape, everyday: Effects, clock: Clock) -> None:
    """Harmless things nodes do of their own: batch jobs, warm-ups, a machine that is busy for a while."""
    length = everyday.length
    for _ in range(int(rng.poisson(0.12 * len(shape)))):
        node, at = int(rng.integers(len(shape))), int(rng.integers(0, length))
        span = max(1, int(rng.uniform(30, 900) / clock.step_s))
        there = envelope(length, at, max(1, span // 4), at + span)
        everyday.add("background", node, rng.uniform(0.05, 0.35) * there)
        everyday.scale("demand", node, 1 + rng.lognormal(-1.6, 0.8) * there)
        everyday.add("memory", node, rng.uniform(0.0, 0.12) * there)
    for node in range(len(shape)):  # heaps fill and are collected
        if rng.random() < 0.5:
            period, depth = rng.uniform(8, 120), rng.uniform(0.01, 0.15)
            everyday.add(
                "memory",
                node,
                depth * ((np.arange(length, dtype=np.float64) + rng.uniform(0, period)) % period) / period,
            )
