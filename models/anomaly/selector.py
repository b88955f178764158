"""Weighs detectors for one record by what each finds of faults planted into that record's own history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.anomaly.base import Detector, Fitted, Floats, Stream, as_table, carry_forward
from models.anomaly.components import Components, FittedComponents
from models.anomaly.metrics import auc_pr
from models.anomaly.neighbours import UNIT_QUANTILE, FittedNeighbours, Neighbours
from models.anomaly.planted import plant
from models.anomaly.robust import FittedCausal, FittedGlobal
from models.anomaly.scaling import scaler_for

# Comparing detectors needs no more of a history than its newest rows.
COMPARED_ROWS = 4000
# How much what was found counts: weights are found ** SHARPNESS times the prior.
SHARPNESS = 1.0
# Only so much is trusted to planted faults: real ones are longer and stranger (docs/anomaly.md has the figures).
PRIOR: Mapping[str, float] = {"neighbours": 1.0, "distance": 0.5}

# What a selection can be restored with.
_KINDS: Mapping[str, Any] = {c.__name__: c for c in (FittedNeighbours, FittedComponents, FittedGlobal, FittedCausal)}


def candidates(seed: int = 0) -> dict[str, Detector]:
    """What is weighed unless others are named: they need nothing but numpy."""
    return {"neighbours": Neighbours(seed), "distance": Components("distance")}


@dataclass(frozen=True, eq=False)
class FittedSelection:
    """Detectors with their ``units`` (the score a history has one time in ten) and ``weights``, which add up to 1."""

    detectors: Mapping[str, Fitted]
    units: Mapping[str, float]
    weights: Mapping[str, float]

    @property
    def span(self) -> int:
        return max(detector.span for detector in self.detectors.values())

    def score(self, values: Floats) -> Floats:
        return self._mixed({name: d.score(values) for name, d in self._used().items()})

    def hindsight(self, values: Floats) -> Floats:
        return self._mixed({name: d.hindsight(values) for name, d in self._used().items()})

    def stream(self) -> SelectionStream:
        shares = {name: self.weights[name] / self.units[name] for name in self._used()}
        return SelectionStream({name: d.stream() for name, d in self._used().items()}, shares)

    def state(self) -> dict[str, Any]:
        parts = {f"{n}.{key}": value for n, d in self.detectors.items() for key, value in d.state().items()}
        kinds = {name: type(detector).__name__ for name, detector in self.detectors.items()}
        return {"kinds": kinds, "units": dict(self.units), "weights": dict(self.weights), **parts}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedSelection:
        detectors: dict[str, Fitted] = {}
        for name, kind in state["kinds"].items():
            own = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            detectors[name] = _KINDS[kind].from_state(own)
        return cls(detectors, dict(state["units"]), dict(state["weights"]))

    def _used(self) -> dict[str, Fitted]:
        return {name: detector for name, detector in self.detectors.items() if self.weights[name] > 0}

    def _mixed(self, scores: Mapping[str, Floats]) -> Floats:
        parts = [self.weights[name] / self.units[name] * score for name, score in scores.items()]
        return np.asarray(np.sum(parts, axis=0))


@dataclass(frozen=True, eq=False)
class SelectionStream:
    """Every detector's stream, mixed by ``shares``."""

    streams: Mapping[str, Stream]
    shares: Mapping[str, float]

    def update(self, row: Floats) -> float:
        return sum(share * self.streams[name].update(row) for name, share in self.shares.items())


@dataclass(frozen=True)
class Selection:
    """The recipe: ``detectors`` to weigh (empty: the default ones), each times its ``prior`` (1 where absent)."""

    detectors: Mapping[str, Detector] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedSelection:
        table = as_table(history)
        recipes = self.detectors or candidates(self.seed)
        prior = self.prior or (PRIOR if not self.detectors else {})
        fitted = {name: recipe.fit(table, rows=rows) for name, recipe in recipes.items()}
        units = {name: unit_of(detector.hindsight(table)) for name, detector in fitted.items()}
        found = found_of_planted(fitted, table, self.seed)
        weights = {name: prior.get(name, 1.0) * found[name] ** SHARPNESS for name in fitted}
        total = sum(weights.values())
        return FittedSelection(fitted, units, {name: weight / total for name, weight in weights.items()})


def unit_of(scores: Floats) -> float:
    """What a history scores one time in ten; above zero."""
    if not len(scores):
        return 1.0
    return max(float(np.quantile(scores, UNIT_QUANTILE)), 0.02 * float(scores.max()), 1e-3)


def found_of_planted(fitted: Mapping[str, Fitted], history: Floats, seed: int = 0) -> dict[str, float]:
    """AUC-PR of each detector over faults planted into the newest rows; all equal where there is room for none."""
    newest = history[-COMPARED_ROWS:]
    if len(newest) < 2:
        return dict.fromkeys(fitted, 1.0)
    scaler = scaler_for(history)
    planted = plant(carry_forward(newest, scaler.centre), scaler.scale, seed=seed)
    if not 0 < planted.labels.sum() < len(newest):
        return dict.fromkeys(fitted, 1.0)
    return {name: auc_pr(planted.labels, d.hindsight(planted.values)) for name, d in fitted.items()}
