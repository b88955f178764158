from __future__ import annotations

import numpy as np
import pytest

from data.datasets.series import LabelledSeries
from pipelines.evaluate_detection import evaluate, history_of, nab_scores, summarise


def record(name: str, seed: int, *, normal: bool = False) -> LabelledSeries:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(600, 1))
    values[420:440] += 8
    labels = np.zeros(600, dtype=np.int8)
    labels[420:440] = 1
    return LabelledSeries(name, values, labels, rng.normal(size=(300, 1)) if normal else None, 60.0)


def test_detectors_are_compared_on_the_same_records() -> None:
    quiet = LabelledSeries("quiet", np.zeros((50, 1)), np.zeros(50, dtype=np.int8))
    report = summarise(evaluate([record("a", 0), quiet, record("b", 1, normal=True)], ("neighbours", "causal-z")))
    assert report["records"] == 2
    ours, peer = report["methods"]["neighbours"], report["methods"]["causal-z"]
    assert ours["vus_pr"] > 0.8
    assert ours["ours_better_by_interval"] == [0.0, 0.0]
    assert peer["ours_better_by"] == pytest.approx(ours["vus_pr"] - peer["vus_pr"])
    low, high = peer["ours_better_by_interval"]
    assert low <= peer["ours_better_by"] <= high


def test_what_is_not_installed_is_said_and_skipped() -> None:
    evaluation = evaluate([record("a", 0)], ("neighbours", "no such detector"))
    assert "no such detector" in evaluation.skipped
    assert list(evaluation.outcomes) == ["neighbours"]


def test_a_history_is_the_normal_part_or_the_first_share_or_everything() -> None:
    assert len(history_of(record("a", 0, normal=True), 0.5)) == 300
    assert len(history_of(record("a", 0), 0.25)) == 150
    assert len(history_of(record("a", 0), None)) == 600


def test_the_streaming_form_finds_what_nab_would_reward() -> None:
    scores = nab_scores([record("real/a", 0), record("artificial/b", 1)])["nab"]
    assert scores["all records"] > 80
    assert scores["real records"] > 80
