from pathlib import Path

import numpy as np

from data.datasets.growth import growing
from pipelines.foresight import MADE, _asked, evaluate, questions


def test_made_series_are_the_same_again_and_differ_among_themselves() -> None:
    one, two = list(growing(5, seed=3)), list(growing(5, seed=3))
    assert all(np.array_equal(a.values, b.values) and a.limit == b.limit for a, b in zip(one, two, strict=True))
    assert len({a.values.tobytes() for a in one}) == 5


def test_ours_beats_the_baselines_on_series_it_has_not_seen() -> None:
    asked = [a for made in growing(12) for a in _asked(made.id, MADE, made.values[:500], 600.0, limit=made.limit)]
    rows = {row["method"]: row for row in evaluate(asked)}
    assert set(rows) == {"ours", "logistic regression", "predict_linear", "seasonal frequency", "ETS"}
    assert rows["ours"]["brier"] < rows["seasonal frequency"]["brier"]
    assert 0 < rows["ours"]["base_rate"] < 0.5
    assert rows["ours"]["average_precision"] > rows["ours"]["base_rate"] * 2
    assert 0 <= rows["ours"]["lead_covered"] <= 1


def test_chance_is_not_foretold() -> None:
    rng = np.random.default_rng(4)
    asked = [a for i in range(10) for a in _asked(f"s{i}", "nab", rng.normal(0, 1, 300), 3600.0, limit=1.5)]
    asked = [a for a in asked if a.past.question.horizon == 6]  # one question: others come true more often
    (ours,) = (row for row in evaluate(asked) if row["method"] == "ours")
    assert ours["average_precision"] < ours["base_rate"] + 0.15
    assert ours["brier"] < 0.26


def test_a_missing_set_is_skipped(tmp_path: Path) -> None:
    assert {a.data for a in questions(tmp_path)} == {MADE}
