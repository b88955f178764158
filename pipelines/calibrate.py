"""Calibrate: how sure to be of a ranker, fitted so that it holds on systems never seen.

    python -m pipelines.calibrate --trained DIR [--out FILE]

takes the answers that ``pipelines.train`` kept about systems it had held back, fits the numbers of
:class:`~models.confidence.Confidence` on those of all systems but one and judges them on that one, for each in turn;
then fits them on all and writes the ranker with them as the champion. Every recorded system weighs the same, however
many incidents it has; made incidents are judged by what the others taught and teach nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.telemetry import Floats
from models.calibration import brier, expected_calibration_error
from models.confidence import Confidence
from models.rankers.held import Answered, firsts
from models.rankers.state import CHAMPION, dump, read
from pipelines.prepare import MADE
from pipelines.train import read_answers

# power, floor, unseen, blind, sharpen. The lowest ``blind`` is not zero: what could not be seen lowers the confidence,
# even where these data do not show it.
BOUNDS = ((0.8, 6.0), (0.1, 2.0), (0.0, 3.0), (0.05, 0.5), (1.0, 2.0))
START = (2.5, 0.5, 0.5, 0.1, 1.5)
# Beside the data, a pull to START worth this many nats: a few dozen incidents cannot fix five numbers.
PULL = 0.02
WORST = 1e-4
LIMITS = (
    "Tried on the systems under calibration alone; few of them are recorded. Incidents with several causes, and "
    "culprits without any telemetry, are rarely right. Confidence is too low on large systems with metrics alone."
)
# Below this the leader is wrong more than two times in three: better to say that it cannot be told.
LEAST = 0.3


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.calibrate", description=__doc__)
    parser.add_argument("--trained", type=Path, required=True, help="what pipelines.train wrote")
    parser.add_argument("--out", type=Path, default=CHAMPION, help="where the champion goes")
    options = parser.parse_args(arguments)
    kind, ranker, _, card = read(options.trained / "ranker.json")
    systems = read_answers(options.trained / "held_back.npz")
    fitted, held_back = calibrate(systems)
    card = {**card, "calibration": held_back, "limits": LIMITS}
    digest = dump(options.out, kind, ranker, fitted, card)
    sys.stdout.write(
        json.dumps({"digest": digest, "confidence": asdict(fitted), "held_back": held_back}, indent=2) + "\n"
    )


def calibrate(systems: Mapping[str, Sequence[Answered]]) -> tuple[Confidence, dict[str, Any]]:
    """The numbers fitted on all systems, and how numbers fitted without each one did on it.

    Raises:
        InputError: with fewer than two systems, none can be held back.
    """
    without = fitted_without(systems)
    held_back = {out: judge(systems[out], confidence) for out, confidence in without.items()}
    return _fitted(list(_taught(systems).values()), most(systems)), held_back


def fitted_without(systems: Mapping[str, Sequence[Answered]]) -> dict[str, Confidence]:
    """For each system the numbers fitted on all the others, by which answers about it may be judged.

    Raises:
        InputError: with fewer than two systems, none can be held back.
    """
    if len(systems) < 2:
        raise InputError("need at least two systems, to hold one back", field="DATA")
    taught, cap = _taught(systems), most(systems)
    return {out: _fitted([s for name, s in taught.items() if name != out], cap) for out in systems}


def _taught(systems: Mapping[str, Sequence[Answered]]) -> dict[str, Stacked]:
    # Made incidents are harder than people's on purpose: learned from, they make us too modest where it matters.
    return {n: Stacked.of(answers) for n, answers in systems.items() if n != MADE or len(systems) < 3}


def most(systems: Mapping[str, Sequence[Answered]]) -> float:
    """What all services together may get at most: a confidence that so few real incidents can bear out."""
    real = sum(len({a.case for a in answers}) for name, answers in systems.items() if name != MADE)
    return round(1.0 - min(0.5, 3.0 / max(real, 1)), 2)


def judge(answers: Sequence[Answered], confidence: Confidence) -> dict[str, float]:
    """Accuracy and confidence of the first answers where there was a culprit, and how well the two agree.

    ``answered`` is the share in which the leader reached ``confidence.least``, ``accuracy_answered`` that among these.
    """
    sure, right = firsts([a for a in answers if a.told], confidence)
    spoken = sure >= confidence.least
    figures = {"accuracy": right.mean(), "mean_confidence": sure.mean(), "brier": brier(sure, right),
               "ece": expected_calibration_error(sure, right), "answered": spoken.mean(),
               "accuracy_answered": right[spoken].mean() if spoken.any() else 0.0}  # fmt: skip
    return {name: round(float(value), 3) for name, value in figures.items()}


@dataclass(frozen=True, eq=False)
class Stacked:
    """The answers about one system side by side.

    Attributes:
        scores: of all views, those of one answer together; shape (V, widest), -inf where there are none.
        share, blind_spots: of each view; shape (V,).
        starts: the first view of each answer; shape (A,).
        guilty: shape (A, widest).
        weight: of each answer: each incident counts the same, however often it was shown; shape (A,).
    """

    scores: Floats
    share: Floats
    blind_spots: Floats
    starts: npt.NDArray[np.intp]
    guilty: npt.NDArray[np.bool_]
    weight: Floats

    @classmethod
    def of(cls, answers: Sequence[Answered]) -> Stacked:
        views = [(a, share, scores) for a in answers for share, scores in a.views]
        width = max(len(scores) for *_, scores in views)
        table, guilty = np.full((len(views), width), -np.inf), np.zeros((len(answers), width), bool)
        for row, (*_, scores) in zip(table, views, strict=True):
            row[: len(scores)] = scores
        starts = np.cumsum([0, *(len(a.views) for a in answers)])[:-1]
        for row, a in zip(guilty, answers, strict=True):
            row[: len(a.guilty)] = a.guilty
        _, number = np.unique([a.case for a in answers], return_inverse=True)
        weight = 1.0 / np.bincount(number)[number]
        return cls(
            table,
            np.array([share for _, share, _ in views]),
            np.array([a.blind_spots for a, *_ in views], dtype=float),
            starts,
            # A culprit without any sign is one that nobody saw.
            guilty & (np.maximum.reduceat(table, starts) > -np.inf),
            weight / weight.sum(),
        )

    def surprise(self, numbers: Floats, cap: float) -> float:
        """How unlikely the truth was held, in nats."""
        power, floor, unseen, blind, sharpen = numbers
        with np.errstate(divide="ignore"):
            candidates = np.log(np.where(np.isfinite(self.scores), np.maximum(self.scores, 0.0) + floor, 0.0))
            elsewhere = np.log(unseen + blind * self.blind_spots + floor)
            of_views = _normal(power * np.column_stack([candidates, elsewhere]))
            mean = np.add.reduceat(self.share[:, None] * of_views, self.starts)
            p = _normal(sharpen * np.log(mean))
        held = np.where(self.guilty.any(axis=1), cap * (p[:, :-1] * self.guilty).sum(axis=1), 1 - cap * (1 - p[:, -1]))
        return float(-self.weight @ np.log(np.maximum(held, WORST)))


def _normal(logits: Floats) -> Floats:
    """Softmax of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _fitted(systems: Sequence[Stacked], cap: float) -> Confidence:
    from scipy.optimize import minimize

    width = np.array([high - low for low, high in BOUNDS])

    def loss(numbers: Floats) -> float:
        pull = PULL * float((((numbers - START) / width) ** 2).sum())
        return float(np.mean([s.surprise(numbers, cap) for s in systems])) + pull

    found = minimize(
        loss, np.array(START), method="Nelder-Mead", bounds=BOUNDS, options={"maxiter": 400, "xatol": 1e-3}
    )
    power, floor, unseen, blind, sharpen = (round(float(x), 3) for x in found.x)
    return Confidence(power, floor, unseen, blind, cap, LEAST, sharpen)


if __name__ == "__main__":
    main(sys.argv[1:])
