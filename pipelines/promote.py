"""Promote: whether a challenger may take the champion's place, and why not.

Both answer the same incidents, none of which the answer was learned from, so every figure is a paired difference with a
bootstrap interval over incidents. The challenger has to be better where people said what was wrong, and must not fall
beyond noise anywhere else: on no system, on no slice, and not in how well its confidence is borne out.

Wrong labels are meant to fail here. Labels without a pattern cannot be learned, so cross-validation shows no gain; a
pattern that is wrong shows one, and falls on the cases whose cause is known because they were made; labels of services
that show no sign at all are not believed in the first place.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.confidence import Confidence
from models.metrics import Interval, bootstrap
from models.rankers.board import MODALITIES
from models.rankers.held import Answered, answered, firsts, hits
from models.rankers.packed import Packed
from models.rankers.state import dump, read
from models.rankers.table import NAMES, supported
from pipelines.calibrate import LIMITS, calibrate
from pipelines.train import read_answers

NEW, OLD = "new", "old"
# A chance of one in twenty to promote what is not better, and to refuse, by any of the slices, what has not fallen.
RISK = 0.05
NORMAL = NormalDist().inv_cdf(1 - RISK)
# On all old incidents together a fall of AC@1 by more than this, and more than one standard error, is refused, too:
# some wrong labels among right ones cost little, and it is here that it shows.
MARGIN = 0.02
# Slices of fewer incidents tell nothing.
FEWEST = 8
# Real incidents often have a culprit that nobody could see; this many are more than chance.
MOST_WITHOUT_SIGN = 0.3
SMALL = 10


@dataclass(frozen=True)
class Slice:
    """Some incidents, and what the challenger gained on each: AC@1, or calibration (fall of the squared error)."""

    name: str
    part: str
    what: str
    champion: float
    challenger: float
    gain: Interval
    incidents: int

    def as_json(self) -> dict[str, Any]:
        numbers = (("champion", self.champion), ("challenger", self.challenger), ("gain", self.gain.value),
                   ("low", self.gain.low), ("high", self.gain.high))  # fmt: skip
        return {"slice": self.name, "part": self.part, "what": self.what, "incidents": self.incidents,
                **{name: round(value, 3) for name, value in numbers}}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """Whether to promote; ``reasons`` are sentences, of what spoke against it or of what was gained."""

    promote: bool
    reasons: tuple[str, ...]
    slices: tuple[Slice, ...]

    @property
    def because(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True, eq=False)
class Answers:
    """How one ranker answered all rows of some incidents, and how sure it is of that."""

    scores: Floats
    confidence: Confidence


def judge(
    new: Packed, new_answers: tuple[Answers, Answers], old: Packed, old_answers: tuple[Answers, Answers]
) -> Judgement:
    """Hold champion and challenger, in that order, beside each other.

    Args:
        new: incidents that people labelled; answered by rankers that had not learned from them (cross-validation).
        old: incidents with a known cause that nothing was learned from.
    """
    whole = compared(NEW, new, new_answers), compared(OLD, old, old_answers)
    slices = [s for part, data, answers in ((NEW, new, new_answers), (OLD, old, old_answers))
              for s in sliced(part, data, answers)]  # fmt: skip
    against = [
        *_not_to_be_believed(new),
        *_not_better(whole[0]),
        *fallen(whole[0][1:], RISK),
        *fallen(whole[1], RISK, margin=MARGIN),
        *fallen(slices, RISK / max(len(slices), 1)),
    ]
    everything = (*whole[0], *whole[1], *slices)
    return Judgement(not against, tuple(against) or (f"better: {_sentence(whole[0][0])}",), everything)


def compared(part: str, data: Packed, answers: tuple[Answers, Answers], name: str = "all") -> list[Slice]:
    """Accuracy first, then calibration; none where there is too little to go by."""
    told = [[a for many in answered(data, side.scores).values() for a in many if a.told] for side in answers]
    if not told[0]:
        return []
    found = [by_incident(mine, hits(mine, side.confidence)) for mine, side in zip(told, answers, strict=True)]
    errors = [by_incident(mine, _errors(mine, side.confidence)) for mine, side in zip(told, answers, strict=True)]
    return [paired(part, name, "AC@1", *found), paired(part, name, "calibration", *(1.0 - e for e in errors))]


def paired(part: str, name: str, what: str, champion: Floats, challenger: Floats) -> Slice:
    """What the challenger gained on the same incidents; one number each, higher is better."""
    gain = bootstrap((challenger - champion).tolist(), level=1 - 2 * RISK)
    return Slice(name, part, what, float(champion.mean()), float(challenger.mean()), gain, len(champion))


def _errors(answers: list[Answered], confidence: Confidence) -> Floats:
    sure, right = firsts(answers, confidence)
    return np.asarray((sure - right) ** 2)


def by_incident(answers: Sequence[Answered], values: Floats) -> Floats:
    """One number an incident: the mean over the ways it was shown, in the order of the incidents' numbers."""
    _, number = np.unique([a.case for a in answers], return_inverse=True)
    return np.asarray(np.bincount(number, weights=values) / np.bincount(number))


def sliced(part: str, data: Packed, answers: tuple[Answers, Answers]) -> list[Slice]:
    """The same for every system, modality there or not, and size, as far as a slice has enough incidents."""
    found = []
    for name, there in slices_of(data).items():
        if len(np.unique(data.case[there])) < FEWEST:
            continue
        rows = there[data.group]
        mine = tuple(Answers(side.scores[rows], side.confidence) for side in answers)
        found += [s for s in compared(part, data.only(there), (mine[0], mine[1]), name) if s.incidents >= FEWEST]
    return found


def slices_of(data: Packed) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Which tables belong to each slice, shape (G,). Those that hold all tables say nothing new and are left out."""
    found = {f"system {name}": data.system == name for name in np.unique(data.system)}
    for modality in MODALITIES:
        seen = data.values[data.starts, NAMES.index(f"has:{modality}")] > 0
        found |= {f"with {modality}": seen, f"without {modality}": ~seen}
    small = np.bincount(data.group, minlength=len(data)) <= SMALL
    found |= {f"up to {SMALL} services": small, f"more than {SMALL} services": ~small}
    return {name: there for name, there in found.items() if there.any() and not there.all()}


def _not_to_be_believed(data: Packed) -> list[str]:
    """Labels of services that show no sign: of several views, the one that shows most counts."""
    marked = np.add.reduceat(data.guilty, data.starts) > 0
    with_sign = np.logical_or.reduceat(data.guilty & supported(data.table), data.starts)
    labelled = np.unique(data.case[marked | data.lost])
    believed = np.unique(data.case[with_sign])
    missing = len(labelled) - len(believed)
    if not len(labelled) or missing <= MOST_WITHOUT_SIGN * len(labelled):
        return []
    return [f"{missing} of {len(labelled)} labels name a service that shows no sign of trouble: look at them first"]


def _not_better(slices: Sequence[Slice]) -> list[str]:
    if not slices:
        return ["no label says what caused an incident"]
    if slices[0].gain.low > 0:
        return []
    return [f"not better beyond noise on what people labelled: {_sentence(slices[0])}"]


def fallen(slices: Sequence[Slice], risk: float, *, margin: float = 1.0) -> list[str]:
    """Falls that chance does not explain, or larger than ``margin``. ``risk`` is that of each slice."""
    # The interval of a slice was taken at RISK; a rarer chance lies farther out in proportion to the normal quantile.
    wider = NormalDist().inv_cdf(1 - risk) / NORMAL
    found = []
    for one in slices:
        reach = one.gain.value + (one.gain.high - one.gain.value) * wider
        error = (one.gain.high - one.gain.low) / (2 * NORMAL)
        if reach < 0 or (one.what == "AC@1" and one.gain.value < -max(margin, error)):
            found.append(f"falls on {one.part} incidents, {_sentence(one)}")
    return found


def _sentence(one: Slice) -> str:
    low, high = one.gain.low, one.gain.high
    return (f"{one.name}: {one.what} {one.champion:.2f} -> {one.challenger:.2f}, gain {one.gain.value:+.3f} "
            f"({low:+.3f} to {high:+.3f}), {one.incidents} incidents")  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """The family that did best out of system becomes a champion with its confidence fitted.

    python -m pipelines.promote --trained DIR --evaluated DIR --out FILE

    ``--trained`` holds a folder for each family (``pipelines.train``), ``--evaluated`` says which is best
    (``pipelines.evaluate_rankers``). Prints its digest and calibration. What ships changes only when somebody copies
    FILE to ``models/``.
    """
    parser = ArgumentParser(prog="python -m pipelines.promote", description="Make a champion of what was trained.")
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--evaluated", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    best = json.loads((options.evaluated / "rankers.json").read_text(encoding="utf-8"))["best"]
    kind, ranker, _, card = read(options.trained / best / "ranker.json")
    answers = read_answers(options.trained / best / "held_back.npz")
    confidence, held_back = calibrate({name: many for name, many in answers.items() if any(a.told for a in many)})
    digest = dump(options.out, kind, ranker, confidence, {**card, "calibration": held_back, "limits": LIMITS})
    sys.stdout.write(json.dumps({"champion": best, "digest": digest, "calibration": held_back}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
