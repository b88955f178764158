"""Families beside each other: the best is promoted, the plainer where they tie, and all that is shown was held back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.telemetry import Floats
from models.calibration import expected_calibration_error
from models.rankers.held import Answered, first
from models.rankers.prior import Prior
from models.rankers.state import dump, read
from pipelines import evaluate_rankers, promote
from pipelines.calibrate import fitted_without
from pipelines.evaluate_rankers import best_of
from pipelines.train import save_answers

SYSTEMS = ("bundles", "petshop", "nezha")


def answers(right: float, seed: int) -> list[Answered]:
    """Of 40 answers with as clear a lead as any, the share ``right`` is right."""
    rng = np.random.default_rng(seed)
    scores: Floats = np.array([4.0, 1.0, 0.5, -np.inf])
    return [
        Answered(((1.0, scores),), 0, np.arange(4) == (0 if rng.random() < right else 1), False, number)
        for number in range(40)
    ]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Three families; the two better ones are level."""
    for family, right in {"prior": 0.6, "boosted": 0.9, "linear": 0.9}.items():
        folder = tmp_path / "trained" / family
        dump(folder / "ranker.json", "prior", Prior(), None, {"family": family})
        save_answers(folder / "held_back.npz", {name: answers(right, seed) for seed, name in enumerate(SYSTEMS)})
    return tmp_path / "trained"


@pytest.fixture
def evaluated(trained: Path, tmp_path: Path) -> Path:
    evaluate_rankers.main(["--trained", str(trained), "--out", str(tmp_path / "evaluated")])
    return tmp_path / "evaluated"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_best_is_chosen_and_the_plainer_where_two_tie(evaluated: Path) -> None:
    report: dict[str, Any] = json.loads((evaluated / "rankers.json").read_text())
    assert report["best"] == "linear"
    assert list(report["families"]) == ["prior", "linear", "boosted"]
    system = report["families"]["linear"]["systems"]["petshop"]
    assert system["low"] <= system["accuracy"] <= system["high"]
    assert system["gain_low"] > 0
    assert "gain" not in report["families"]["prior"]["systems"]["petshop"]


def test_gains_on_made_incidents_alone_choose_nobody() -> None:
    plain = {"synthetic": answers(0.3, 0), "nezha": answers(0.8, 1)}
    families = {"prior": plain, "boosted": {**plain, "synthetic": answers(0.9, 0)}}
    assert best_of(families) == "prior"
    made = {name: {"synthetic": many["synthetic"]} for name, many in families.items()}
    assert best_of(made) == "boosted", "with nothing else to go by"


def test_confidence_is_judged_by_numbers_fitted_elsewhere(trained: Path, evaluated: Path) -> None:
    families = evaluate_rankers.families_in(trained)["linear"]
    without = fitted_without(families)
    sure, right = zip(*(first(a, without[name]) for name, many in families.items() for a in many), strict=True)
    report = json.loads((evaluated / "rankers.json").read_text())["families"]["linear"]
    assert report["ece"] == pytest.approx(expected_calibration_error(sure, right), abs=1e-3)


def test_plots_are_tables_of_the_same_figures(evaluated: Path) -> None:
    report = json.loads((evaluated / "rankers.json").read_text())
    accuracy = rows(evaluated / "accuracy.csv")
    assert {(row["family"], row["system"]) for row in accuracy} == {(f, s) for f in report["families"] for s in SYSTEMS}
    for row in accuracy:
        shown = report["families"][row["family"]]["systems"][row["system"]]["accuracy"]
        assert float(row["accuracy"]) == pytest.approx(shown, abs=1e-3)
    assert sum(int(row["incidents"]) for row in rows(evaluated / "reliability.csv")) == 120
    coverage = rows(evaluated / "coverage.csv")
    assert float(coverage[-1]["coverage"]) == 1.0
    pooled = np.mean([report["families"]["linear"]["systems"][name]["accuracy"] for name in SYSTEMS])
    assert float(coverage[-1]["accuracy"]) == pytest.approx(pooled, abs=2e-3)


def test_what_is_promoted_is_the_best_with_its_confidence(
    trained: Path, evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    champion = tmp_path / "champion.json"
    promote.main(["--trained", str(trained), "--evaluated", str(evaluated), "--out", str(champion)])
    told = json.loads(capsys.readouterr().out)
    _, _, confidence, card = read(champion)
    assert confidence is not None
    assert card["family"] == told["champion"] == "linear"
    assert set(card["calibration"]) == set(SYSTEMS)
    assert told["digest"] == json.loads(champion.read_text())["digest"]


def test_nothing_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no family"):
        evaluate_rankers.families_in(tmp_path)
