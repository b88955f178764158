"""Tables say what was measured, and nothing where nothing was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.bench import plots, tables


def figures(value: float | None, asked: int = 4, **more: Any) -> dict[str, Any]:
    keys = (
        "ac_at_3",
        "ac_at_5",
        "avg_at_5",
        "mrr",
        "ece",
        "brier",
        "abstained",
        "ac_at_1_answered",
        "risk",
        "ac_at_1_surest",
    )
    low_high = [None if value is None else value - 0.1, None if value is None else value]
    return {"ac_at_1": value, "asked": asked, "interval": {"ac_at_1": low_high}, **dict.fromkeys(keys),
            "ms_per_case_median": 250.0, "failures": {}, "systems": {}, **more}  # fmt: skip


def run(dataset: str, delay_s: float | None, methods: dict[str, Any], cases: int = 4) -> dict[str, Any]:
    return {"dataset": dataset, "delay_s": delay_s, "cases": cases, "methods": methods, "changes": {},
            "peak_memory_mb": 200.0}  # fmt: skip


def test_the_best_is_bold_samples_say_so_and_macro_weighs_data_sets_alike() -> None:
    runs = [
        run("rcd", 0.0, {"qai": figures(0.9), "baro": figures(0.5)}),
        run("rcd", 60.0, {"qai": figures(0.7), "baro": figures(0.8, asked=2)}),
        run("bundles", None, {"qai": figures(0.2)}),
    ]
    lines = tables.accuracy(runs).splitlines()
    assert lines[2] == "| rcd +0 s | 4 | **.90** .80-.90 | .50 .40-.50 |"
    assert lines[3] == "| rcd +60 s | 4 | .70 .60-.70 | **.80** .70-.80 (n=2) |"
    assert lines[4] == "| bundles | 4 | **.20** .10-.20 | - |"
    assert lines[5] == "| **macro over data sets** |  | .50 | - |"


def test_who_is_named_is_told_for_whoever_gives_a_confidence() -> None:
    sure = figures(0.5, abstained=0.25, ac_at_1_answered=2 / 3, ac_at_1_surest={"0.5": 1.0, "0.9": 0.6}, risk=0.2)
    lines = tables.abstention(
        [run("rcd", 0.0, {"qai": sure}), run("bundles", None, {"qai": figures(1.0)})]
    ).splitlines()
    assert lines[0] == "| data set | cannot tell | AC@1 where we can | surest 50% | surest 90% | mean risk |"
    assert lines[2:] == ["| rcd +0 s | .25 | .67 | 1.00 | .60 | .20 |"]


def test_what_a_late_alert_costs() -> None:
    runs = [run("rcd", delay, {"qai": figures(value)}) for delay, value in ((0.0, 0.9), (60.0, 0.95), (240.0, 0.8))]
    runs += [run("nezha", 0.0, {"qai": figures(0.5)}), run("bundles", None, {"qai": figures(1.0)})]
    assert tables.late(runs).splitlines()[2:] == ["| rcd | .90 | .95 | .80 | .10 |", "| nezha | .50 | - | - | .00 |"]
    assert tables.late(runs[:1]) == ""


def test_several_systems_have_a_mean() -> None:
    systems = {name: {"cases": n, "ac_at_1": value, "ece": 0.1} for name, n, value in (("a", 9, 1.0), ("b", 1, 0.0))}
    lines = tables.by_system([run("petshop", None, {"qai": figures(0.9, systems=systems, macro={"ac_at_1": 0.5})})])
    assert lines.splitlines()[-1] == "| petshop | macro |  | .50 |  |"


def test_failures_are_listed_and_pipes_do_not_break_the_table() -> None:
    text = tables.failures([run("rcd", None, {"qai": figures(1.0), "rcd": figures(0.0, failures={"a|b": 2})})])
    assert "| rcd | rcd | 2 | a/b |" in text
    assert tables.failures([run("rcd", None, {"qai": figures(1.0)})]) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, ".00"), (0.994, ".99"), (0.996, "1.00"), (1.0, "1.00"), (-0.05, "-0.05")]
)
def test_shares(value: float | None, text: str) -> None:
    assert tables.share(value) == text


def test_the_diagram_marks_where_a_calibrated_bar_would_end() -> None:
    row = {"confidence": 0.5, "accuracy": 0.25, "count": 8}
    line = tables.reliability_diagram([row]).splitlines()[2]
    bar = line[26:]
    assert line.startswith("      0.50   0.25      8  ")
    assert bar.count("█") == tables.BAR // 4
    assert bar.index("│") == tables.BAR // 2


def test_plots_are_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    bins = [{"confidence": 0.5, "accuracy": 0.4, "count": 3}, {"confidence": 0.9, "accuracy": 1.0, "count": 1}]
    plots.plot_reliability({"reliability": bins, "ece": 0.1, "brier": 0.2, "cases": 4}, tmp_path / "r.png")
    sizes = [{"series": n, "cpu_seconds": n / 1e4, "baseline_cpu_seconds": n / 1e5} for n in (10, 100)]
    plots.plot_speed({"sizes": sizes, "exponent": 1.0}, tmp_path / "s.png")
    for name in ("r.png", "s.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
