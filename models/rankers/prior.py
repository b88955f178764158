"""The hand-made scores as a ranker: the one to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.telemetry import Floats
from models.rankers.packed import Packed
from models.rankers.table import Table


@dataclass(frozen=True)
class Prior:
    """``scale`` makes log-odds of hand-made scores."""

    scale: float = 4.0

    def scores(self, table: Table) -> Floats:
        return np.asarray(self.scale * table.prior)

    def contributions(self, table: Table) -> Floats:
        return np.zeros_like(table.values)

    def arrays(self) -> dict[str, Any]:
        return {"scale": np.array(self.scale)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Prior:
        return cls(float(arrays["scale"]))


def fit(data: Packed) -> Prior:
    """Nothing is learned but the scale, which calibration sets later; so nothing at all."""
    return Prior()
