"""The comparison runs without any public data, and the simple scorers are neither lost nor near-perfect."""

from __future__ import annotations

from pipelines.realism import SIMPLE, kind_of_made, measure, ranking_table, series_table, spread_table, synthetic_cases


def test_simple_scorers_find_some_culprits_but_far_from_all() -> None:
    made = {"synthetic": measure(synthetic_cases(60), kind_of_made)}
    ranks = ranking_table(made).loc["synthetic"]
    for scorer in SIMPLE:
        assert ranks["guess"] < ranks[scorer] < 0.7
    series = series_table(made).loc["synthetic"]
    assert 0.1 < series["IQR zero"] < 0.5
    assert 0.2 < spread_table(made).loc["synthetic", "services reached"] <= 1.0
