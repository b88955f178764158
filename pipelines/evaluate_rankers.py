"""Evaluate: the families of rankers beside each other, on systems that none of them had learned from.

    python -m pipelines.evaluate_rankers --trained DIR --out DIR

``--trained`` holds a folder a family (``pipelines.train``), with its answers about what was held back. Confidence, too,
is fitted without the system it is judged on. Written for DVC to show: ``rankers.json`` with all figures and the family
to promote; for plots ``accuracy.csv`` (by family and system), ``reliability.csv`` and ``coverage.csv`` (of the best).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.telemetry import Floats
from models.calibration import accuracy_when_answering, brier, expected_calibration_error, reliability
from models.rankers import CATALOGUE
from models.rankers.held import Answered, firsts, macro
from pipelines.calibrate import fitted_without
from pipelines.prepare import MADE
from pipelines.train import figures, read_answers

# A family that is level with a plainer one is not worth its trees.
PLAINEST_FIRST = tuple(CATALOGUE)
# Shares of the incidents, the surest first, at which accuracy is drawn.
COVERAGES = np.linspace(0.05, 1.0, 20)

Answers = Mapping[str, list[Answered]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.evaluate_rankers", description=__doc__)
    parser.add_argument("--trained", type=Path, required=True, help="what pipelines.train wrote, a folder a family")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    evaluate(families_in(options.trained), options.out)


def families_in(trained: Path) -> dict[str, Answers]:
    """The answers of each family about what it had not learned from, the plainest family first.

    Raises:
        InputError: where nothing was trained.
    """
    found = {path.parent.name: path for path in trained.glob("*/held_back.npz")}
    if not found:
        raise InputError("holds no family; run pipelines.train first", field=str(trained))
    known = [name for name in PLAINEST_FIRST if name in found]
    return {name: told(read_answers(found[name])) for name in (*known, *sorted(set(found) - set(known)))}


def told(answers: Answers) -> Answers:
    """The systems in which there was a culprit to be found at all."""
    return {name: many for name, many in answers.items() if any(a.told for a in many)}


def best_of(families: Mapping[str, Answers]) -> str:
    """The family that is right most often on recorded systems, each counting the same; the first where they tie.

    Made incidents have no say where anything was recorded: trees learned from them alone were right more often on other
    made ones (.61 to .51) and less often on recorded systems they had never seen (.79 to .85, ``docs/experiments.md``).
    """
    return max(families, key=lambda name: macro(recorded(families[name])))


def recorded(answers: Answers) -> Answers:
    """Without made incidents, where there are others."""
    return {name: many for name, many in answers.items() if name != MADE} or answers


def evaluate(families: Mapping[str, Answers], out: Path) -> str:
    """Writes what the module says it writes; returns the best family."""
    best, first = best_of(families), next(iter(families.values()))
    judged = {name: _judged(answers) for name, answers in families.items()}
    shown = {name: {**_accuracy(answers, first), **_calibration(*judged[name])} for name, answers in families.items()}
    out.mkdir(parents=True, exist_ok=True)
    report = json.dumps({"best": best, "families": shown}, indent=1)
    (out / "rankers.json").write_text(report + "\n", encoding="utf-8")
    sure, right = judged[best]
    rows = ((family, name, row["accuracy"]) for family, made in shown.items()
            for name, row in made["systems"].items())  # fmt: skip
    _write(out / "accuracy.csv", ("family", "system", "accuracy"), rows)
    bins = reliability(sure, right)
    _write(out / "reliability.csv", ("confidence", "accuracy", "incidents"),
           ((b.confidence, b.accuracy, b.count) for b in bins))  # fmt: skip
    curve = accuracy_when_answering(sure, right)
    _write(out / "coverage.csv", ("coverage", "accuracy"),
           ((share, curve[int(np.ceil(share * len(curve))) - 1]) for share in COVERAGES))  # fmt: skip
    return best


def _accuracy(answers: Answers, beside: Answers) -> dict[str, Any]:
    """AC@1 with its 95 % interval over incidents, and the gain over the plainest family, as flat numbers."""
    found = figures(answers, beside)
    systems = {}
    for name, row in found["systems"].items():
        low, high = row["interval"]
        systems[name] = {"accuracy": row["ac_at_1"], "low": low, "high": high}
        if "gain" in row:
            systems[name] |= dict(zip(("gain", "gain_low", "gain_high"), row["gain"], strict=True))
    return {"macro": found["macro"], "systems": systems}


def _judged(answers: Answers) -> tuple[Floats, Floats]:
    """Confidence in the first answer and whether it was right, by numbers fitted without the system."""
    without = fitted_without(answers)
    found = [firsts([a for a in many if a.told], without[name]) for name, many in answers.items()]
    sure, right = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sure, right


def _calibration(sure: Floats, right: Floats) -> dict[str, float]:
    ece, score = expected_calibration_error(sure, right), brier(sure, right)
    return {"ece": round(float(ece), 3), "brier": round(float(score), 3)}


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{v:.3f}" if isinstance(v, float) else v for v in row] for row in rows)


if __name__ == "__main__":
    main(sys.argv[1:])
