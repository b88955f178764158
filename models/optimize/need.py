"""What one resource of one service needs: the busiest hour of each day, as a share of what is allotted."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.optimize.history import Floats

CPU_TARGET, MEMORY_TARGET = 0.65, 0.80
CPU_FULL, MEMORY_FULL = 0.85, 0.92


@dataclass(frozen=True, eq=False)
class Need:
    """One resource of one service.

    ``peaks``: the busiest hour of each day as a share of what is allotted. ``allotted``: to one instance, in cores or
    MiB; None where only the share is known. ``full_hours``: hours in which it was full. ``growth``: what the peak is
    expected to gain in a month, as a share.
    """

    resource: str
    peaks: Floats
    busiest: pd.Timestamp
    hours: float
    average: float
    allotted: float | None
    metric: str
    full_hours: int = 0
    growth: float = 0.0

    @property
    def target(self) -> float:
        return CPU_TARGET if self.resource == "cpu" else MEMORY_TARGET

    @property
    def full(self) -> float:
        return CPU_FULL if self.resource == "cpu" else MEMORY_FULL

    @property
    def needed(self) -> float:
        """What should be allotted, as a share of what is."""
        return (float(self.peaks.max()) + self.growth) / self.target
