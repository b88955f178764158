"""A conditional logit: the transparent ranker, whose every score is a sum one can read.

score = scale x prior + weights . features, and the culprit is drawn by softmax over the candidates of an incident
(McFadden, 1974). The ridge pulls the weights to zero and so the whole to the hand-made prior: with few systems to learn
from, what they do not show stays as an engineer would believe it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.telemetry import Floats
from models.rankers.packed import Packed
from models.rankers.table import NAMES, Table

# More evidence in a channel never makes a service less suspect; where it stands, and what others show, may.
MONOTONE = ("share", "plain", "size", "lead")
ITERATIONS = 300
# How dear it is, beside a share of evidence, to learn from each other family of features. A place in the graph tells
# more of how a system is built than of who did it: all culprits of one system may have callers, those of the next none.
DEAR = {"share": 1.0, "plain": 2.0, "size": 2.0, "lead": 2.0, "rise": 4.0, "fall": 4.0, "caller": 6.0, "callee": 6.0,
        "host": 6.0}  # fmt: skip
DEAREST = 10.0


@dataclass(frozen=True, eq=False)
class Linear:
    """``weights`` in the order of NAMES; ``scale`` is that of the prior."""

    scale: float
    weights: Floats

    def scores(self, table: Table) -> Floats:
        return np.asarray(self.scale * table.prior + table.values @ self.weights)

    def contributions(self, table: Table) -> Floats:
        """What each feature adds to each score, beside the prior's part; exact. Shape (S, F)."""
        return np.asarray(table.values * self.weights)

    def arrays(self) -> dict[str, Any]:
        return {"scale": np.array(self.scale), "weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Linear:
        return cls(float(arrays["scale"]), np.asarray(arrays["weights"], dtype=float))


def fit(data: Packed, *, ridge: float = 0.1) -> Linear:
    """The most likely weights under ``ridge``; deterministic.

    Tables without a culprit among their rows teach nothing.
    """
    from scipy.optimize import minimize

    data = data.only(np.logical_or.reduceat(data.guilty, data.starts))
    columns = np.hstack([data.prior[:, None], data.values])
    weight = data.weight / data.weight.sum()
    bounds = [(0.0, None)] + [(0.0 if name.partition(":")[0] in MONOTONE else None, None) for name in NAMES]
    start = np.zeros(columns.shape[1])
    start[0] = 4.0
    penalty = ridge * np.array([0.01, *(DEAR.get(name.partition(":")[0], DEAREST) for name in NAMES)])

    def loss(beta: Floats) -> tuple[float, Floats]:
        p = data.softmax(columns @ beta)
        held = np.add.reduceat(p * data.guilty, data.starts)
        off = (p - p * data.guilty / np.maximum(held, 1e-12)[data.group]) * weight[data.group]
        pull = beta - np.where(np.arange(len(beta)) == 0, 4.0, 0.0)
        value = -weight @ np.log(np.maximum(held, 1e-12)) + 0.5 * penalty @ pull**2
        return float(value), columns.T @ off + penalty * pull

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS})
    return Linear(float(found.x[0]), np.asarray(found.x[1:]))
