"""PyOD's TimeSeriesOD (Zhao et al., JMLR 2019): any PyOD detector on stretches. Needs the extra ``detectors``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from data.errors import ConfigError
from models.anomaly.base import Floats, as_table
from models.anomaly.components import stretches
from models.anomaly.robust import WindowStream
from models.anomaly.scaling import Scaler, scaler_for

Kind = Literal["KNN", "IForest"]
WINDOW = 50


@dataclass(frozen=True, eq=False)
class FittedPyod:
    """A fitted PyOD detector. Its state is the history it was fitted on: PyOD keeps models only as pickles."""

    kind: Kind
    seed: int
    window: int
    scaler: Scaler
    history: Floats
    model: Any

    @property
    def span(self) -> int:
        return self.window

    def score(self, values: Floats) -> Floats:
        windows = stretches(self.scaler.apply(as_table(values)), self.window)
        if self.model is None or not len(windows):
            return np.zeros(len(windows))
        scores = self.model.detector_.decision_function(windows)
        # Some of PyOD's scores are centred at zero, ours begin there.
        return np.asarray(np.maximum(scores - self.model.detector_.decision_scores_.min(), 0.0))

    def hindsight(self, values: Floats) -> Floats:
        from models.anomaly.base import forward_max

        return forward_max(self.score(values), self.window)

    def stream(self) -> WindowStream:
        return WindowStream(self)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "seed": self.seed, "history": self.history}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedPyod:
        return PyodWindows(state["kind"], int(state["seed"])).fit(np.asarray(state["history"]))


@dataclass(frozen=True)
class PyodWindows:
    """``KNN`` (distance to the fifth nearest stretch) or ``IForest`` (isolation forest) on stretches of 50 rows."""

    kind: Kind = "KNN"
    seed: int = 0

    def fit(self, history: Floats, *, rows: int | None = None) -> FittedPyod:
        table = as_table(history)
        scaler = scaler_for(table)
        window = max(1, min(WINDOW, len(table) // 4))
        scaled = scaler.apply(table)
        model = None
        if len(scaled) >= 4 * window and len(scaled) > 12 and np.ptp(scaled) > 0:
            model = self._recipe(window).fit(scaled)
        return FittedPyod(self.kind, self.seed, window, scaler, table, model)

    def _recipe(self, window: int) -> Any:
        try:
            from pyod.models.iforest import IForest
            from pyod.models.knn import KNN
            from pyod.models.ts_od import TimeSeriesOD
        except ImportError as error:
            raise ConfigError("this detector needs PyOD: pip install 'qai-sre[detectors]'") from error
        detector = KNN() if self.kind == "KNN" else IForest(random_state=self.seed)
        return TimeSeriesOD(detector=detector, window_size=window)
