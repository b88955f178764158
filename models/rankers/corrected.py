"""A ranker corrected by what people said of its answers: its own score, and a small linear correction on top.

A few dozen labelled incidents cannot train a ranker, but they can tell where one is wrong about a system. The
correction is a conditional logit (:mod:`models.rankers.linear`) whose ridge pulls to *no correction*: with nothing to
learn, what comes out is what went in. Corrections are not meant to pile up: learn each afresh, from all labels, for the
ranker that ships.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.telemetry import Floats
from models.rankers import Ranker, from_arrays, hand
from models.rankers.board import CHANNELS
from models.rankers.linear import DEAR, DEAREST, ITERATIONS, MONOTONE, Linear
from models.rankers.packed import Packed
from models.rankers.prior import Prior
from models.rankers.table import NAMES, Table

# What may be corrected, in the order of the number that stands for it on disk. Linear ones need no wrapper.
BASES = ("boosted", "network")


@dataclass(frozen=True, eq=False)
class Corrected:
    """``weights`` in the order of NAMES, added to the scores of ``base``, which is of kind ``BASES[kind]``."""

    kind: int
    base: Ranker
    weights: Floats

    @property
    def scale(self) -> float:
        """Of the prior within the base's score."""
        return float(getattr(self.base, "scale", 0.0))

    def scores(self, table: Table) -> Floats:
        return np.asarray(self.base.scores(table) + table.values @ self.weights)

    def contributions(self, table: Table) -> Floats:
        return np.asarray(self.base.contributions(table) + table.values * self.weights)

    def arrays(self) -> dict[str, Any]:
        return {**self.base.arrays(), "base": np.array(self.kind), "weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Corrected:
        own = {name: np.asarray(arrays.pop(name)) for name in ("base", "weights")}
        kind = int(own["base"])
        return cls(kind, from_arrays(BASES[kind], arrays), own["weights"].astype(float))


def correct(kind: str, ranker: Ranker, data: Packed, *, ridge: float = 0.1) -> tuple[str, Ranker]:
    """``ranker`` with the correction that ``data`` asks for, and the kind of the result; deterministic.

    Args:
        data: labelled incidents beside others that must not get worse; ``data.weight`` says how much each counts.
        ridge: how dear it is to differ from ``ranker``, as in :func:`models.rankers.linear.fit`.
    """
    from scipy.optimize import minimize

    data = data.only(np.logical_or.reduceat(data.guilty, data.starts))
    given, weight = ranker.scores(data.table), data.weight / data.weight.sum()
    penalty = ridge * np.array([DEAR.get(name.partition(":")[0], DEAREST) for name in NAMES])

    def loss(beta: Floats) -> tuple[float, Floats]:
        p = data.softmax(given + data.values @ beta)
        held = np.add.reduceat(p * data.guilty, data.starts)
        off = (p - p * data.guilty / np.maximum(held, 1e-12)[data.group]) * weight[data.group]
        value = -weight @ np.log(np.maximum(held, 1e-12)) + 0.5 * penalty @ beta**2
        return float(value), data.values.T @ off + penalty * beta

    bounds = [(low, None) for low in _lowest(ranker)]
    start = np.zeros(len(NAMES))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS})
    return _with(kind, ranker, np.asarray(found.x))


def _with(kind: str, ranker: Ranker, weights: Floats) -> tuple[str, Ranker]:
    if isinstance(ranker, Prior):
        return "linear", Linear(ranker.scale, weights)
    if isinstance(ranker, Linear):
        return "linear", Linear(ranker.scale, ranker.weights + weights)
    return "corrected", Corrected(BASES.index(kind), ranker, weights)


def _lowest(ranker: Ranker) -> list[float]:
    """How far each weight may go down. More evidence in a channel never makes a service less suspect: a correction may
    take away what the ranker gives for it, in the prior's part and in its own weight, and no more."""
    channels = hand.DEFAULT.unreachable * getattr(ranker, "scale", 0.0) * hand.DEFAULT.of(hand.DEFAULT.channels)
    prior = dict(zip((f"share:{channel}" for channel in CHANNELS), channels.tolist(), strict=True))
    own = ranker.weights if isinstance(ranker, Linear) else np.zeros(len(NAMES))
    return [
        -(prior.get(name, 0.0) + float(weight)) if name.partition(":")[0] in MONOTONE else -np.inf
        for name, weight in zip(NAMES, own, strict=True)
    ]
