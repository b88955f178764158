from __future__ import annotations

import numpy as np

from models.anomaly.planted import plant
from models.anomaly.robust import GlobalZ
from models.anomaly.selector import Selection, found_of_planted


class Blind:
    """A detector that finds nothing: the same score for every row."""

    span = 1

    def fit(self, history: np.ndarray, *, rows: int | None = None) -> Blind:
        return self

    def hindsight(self, values: np.ndarray) -> np.ndarray:
        return np.ones(len(values))

    score = hindsight


def test_a_detector_that_finds_what_was_planted_outweighs_one_that_does_not() -> None:
    history = np.random.default_rng(0).normal(size=(1000, 1))
    fitted = Selection(detectors={"blind": Blind(), "z": GlobalZ()}).fit(history)  # type: ignore[dict-item]
    assert fitted.weights["z"] > 2 * fitted.weights["blind"]
    assert abs(sum(fitted.weights.values()) - 1) < 1e-9


def test_planting_leaves_the_history_as_it_was_and_says_where() -> None:
    history = np.random.default_rng(0).normal(size=(1200, 4))
    before = history.copy()
    planted = plant(history, np.ones(4), seed=3)
    np.testing.assert_array_equal(history, before)
    changed = (planted.values != history).any(axis=1)
    assert 0.01 < planted.labels.mean() < 0.25
    assert not changed[planted.labels == 0].any()
    assert changed[planted.labels == 1].mean() > 0.7  # a stuck or a swapped row may happen to be the same


def test_a_history_too_short_to_plant_into_trusts_every_detector_alike() -> None:
    assert found_of_planted({"z": GlobalZ().fit(np.zeros((3, 1)))}, np.zeros((3, 1))) == {"z": 1.0}
