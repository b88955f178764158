"""The comparison runs without any public data, and the simple scorers are neither lost nor near-perfect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.realism import SIMPLE, kind_of_made, measure, ranking_table, series_table, spread_table, synthetic_cases

NOTEBOOK = Path(__file__).parents[4] / "notebooks" / "synthetic-vs-real.ipynb"


def test_simple_scorers_find_some_culprits_but_far_from_all() -> None:
    made = {"synthetic": measure(synthetic_cases(60), kind_of_made)}
    ranks = ranking_table(made).loc["synthetic"]
    for scorer in SIMPLE:
        assert ranks["guess"] < ranks[scorer] < 0.7
    series = series_table(made).loc["synthetic"]
    assert 0.1 < series["IQR zero"] < 0.5
    assert 0.2 < spread_table(made).loc["synthetic", "services reached"] <= 1.0


def test_the_notebook_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAI_SYNTHETIC_COUNT", "5")
    monkeypatch.delenv("QAI_DATASETS", raising=False)
    monkeypatch.delenv("QAI_LAB", raising=False)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert set(names["sets"]) == {"synthetic", "lab, shipped"}  # type: ignore[call-overload]
