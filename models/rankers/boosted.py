"""Boosted trees on the listwise loss: corrections to the hand-made prior, grown one small tree at a time.

Each tree is fitted to the gradient of the conditional log-likelihood (of who did it, among the candidates of one
incident) with its second derivative as weight: Newton boosting (Friedman 2001; Chen and Guestrin 2016) of the loss that
:mod:`models.rankers.linear` has. The trees are scikit-learn's, kept as arrays: scoring needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.grouped import Indices
from models.rankers.linear import MONOTONE
from models.rankers.packed import Packed
from models.rankers.table import NAMES, Table

START_SCALE = 4.0
LEAF = -1


@dataclass(frozen=True, eq=False)
class Boosted:
    """All trees as one forest of nodes. ``feature`` is LEAF at leaves; ``roots`` are the nodes trees begin at.

    ``value`` is what a node adds to the score, its share of the learning rate taken; leaves decide, the values of
    inner nodes serve the contributions.
    """

    scale: float
    roots: Indices
    feature: Indices
    threshold: Floats
    left: Indices
    right: Indices
    value: Floats

    def scores(self, table: Table) -> Floats:
        total = self.scale * table.prior
        for root in self.roots:
            total = total + self.value[self._leaves(table.values, root)]
        return np.asarray(total)

    def contributions(self, table: Table) -> Floats:
        """What each feature adds along the paths a row takes (Saabas, 2014): at each split, by how much the expected
        score moves. Shape (S, F); with the roots' values and the prior's part a row sums to its score exactly."""
        given = np.zeros(table.values.shape)
        rows = np.arange(len(table.values))
        for root in self.roots:
            node = np.full(len(rows), root)
            while (inner := rows[self.feature[node] != LEAF]).size:
                at = node[inner]
                child = self._child(table.values[inner], at)
                given[inner, self.feature[at]] += self.value[child] - self.value[at]
                node[inner] = child
        return given

    def _leaves(self, values: Floats, root: int) -> Indices:
        node = np.full(len(values), root)
        while (inner := np.flatnonzero(self.feature[node] != LEAF)).size:
            node[inner] = self._child(values[inner], node[inner])
        return node

    def _child(self, values: Floats, node: Indices) -> Indices:
        # Trees are grown on single precision: the same rounding here, or a row on a threshold goes the other way.
        below = values[np.arange(len(node)), self.feature[node]].astype(np.float32) <= self.threshold[node]
        return np.asarray(np.where(below, self.left[node], self.right[node]))

    def arrays(self) -> dict[str, Any]:
        names = ("roots", "feature", "threshold", "left", "right", "value")
        return {"scale": np.array(self.scale), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> Boosted:
        whole = [np.asarray(arrays[n], dtype=np.intp) for n in ("roots", "feature", "left", "right")]
        parts = [np.asarray(arrays[n], dtype=float) for n in ("threshold", "value")]
        return cls(float(arrays["scale"]), whole[0], whole[1], parts[0], whole[2], whole[3], parts[1])


def fit(
    data: Packed,
    *,
    trees: int = 150,
    rate: float = 0.1,
    depth: int = 3,
    leaf: int = 30,
    ridge: float = 1.0,
    seed: int = 0,
) -> Boosted:
    """``trees`` trees of ``depth``, each seeing half the incidents and a third of the features; deterministic."""
    from sklearn.tree import DecisionTreeRegressor

    data = data.only(np.logical_or.reduceat(data.guilty, data.starts))
    weight = data.weight / data.weight.mean()
    values = data.values.astype(np.float32)
    rng = np.random.default_rng(seed)
    monotone = np.array([int(name.partition(":")[0] in MONOTONE) for name in NAMES])
    scores = START_SCALE * data.prior
    grown = []
    for _ in range(trees):
        rows = (rng.random(len(data)) < 0.5)[data.group]
        p = data.softmax(scores)
        held = np.add.reduceat(p * data.guilty, data.starts)
        gradient = p * data.guilty / np.maximum(held, 1e-9)[data.group] - p
        curve = np.maximum(p * (1.0 - p), 1e-3)
        counts = curve * weight[data.group]
        tree = DecisionTreeRegressor(
            max_depth=depth, min_samples_leaf=leaf, max_features=0.33, monotonic_cst=monotone,
            random_state=int(rng.integers(2**31)),
        ).fit(values[rows], (gradient / curve)[rows], sample_weight=counts[rows])  # fmt: skip
        nodes = _nodes(tree.tree_, rate, ridge)
        grown.append(nodes)
        scores = scores + nodes["value"][tree.apply(values)]
    return _forest(grown)


def _nodes(tree: Any, rate: float, ridge: float) -> dict[str, npt.NDArray[Any]]:
    """One tree as arrays; its values shrunk by the learning rate and, where few rows are, by the ridge."""
    weight = tree.weighted_n_node_samples
    value = rate * tree.value[:, 0, 0] * weight / (weight + ridge)
    feature = np.where(tree.children_left < 0, LEAF, tree.feature)
    return {"feature": feature, "threshold": tree.threshold.astype(np.float32), "left": tree.children_left,
            "right": tree.children_right, "value": np.clip(value, -1.0, 1.0)}  # fmt: skip


def _forest(grown: list[dict[str, npt.NDArray[Any]]]) -> Boosted:
    sizes = [len(nodes["feature"]) for nodes in grown]
    roots = np.concatenate([[0], np.cumsum(sizes)])[: len(sizes)].astype(np.intp)
    joined = {name: np.concatenate([nodes[name] for nodes in grown]) for name in ("feature", "threshold", "value")}
    moved = {
        side: np.concatenate([np.where(n[side] < 0, 0, n[side] + r) for n, r in zip(grown, roots, strict=True)])
        for side in ("left", "right")
    }
    return Boosted.from_arrays({"scale": START_SCALE, "roots": roots, **joined, **moved})
