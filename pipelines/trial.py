"""Trial: a challenger learned from what people said, and held against the champion. Changes nothing.

The challenger is the ranker that ships with a correction learned from all labels (:mod:`models.rankers.corrected`),
beside made incidents that keep it from forgetting the rest. Labels are cross-validated by incident, the champion's too:
had it learned from some of them, it would be judged on what it knows by heart.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError, ModelError
from data.registry import SHIPPED, Entry, Registry
from data.telemetry import Floats
from models.calibration import reliability
from models.confidence import Confidence
from models.rankers import Ranker
from models.rankers.corrected import correct
from models.rankers.examples import Example, load
from models.rankers.held import Answered, answered, firsts
from models.rankers.packed import Packed, pack
from models.rankers.state import read
from pipelines import calibrate
from pipelines.explained import examples
from pipelines.feedback import Boards, LabelledCase
from pipelines.prepare import MADE, SIZES, Source, prepare
from pipelines.promote import Answers, Judgement, judge

LIMITS = (
    "Learned from a few labels of one organisation: it corrects the ranker that ships and does not replace it. "
    "It knows no names, so it cannot learn that one service fails more often than others."
)


@dataclass(frozen=True)
class Recipe:
    """How a challenger is learned and judged.

    Attributes:
        made, held: how many incidents are made to learn beside labels, and others to judge by.
        ridge: how dear it is to differ from the ranker that ships.
        enough: this many labels that are believed fully weigh as much as all made incidents together.
        folds: of the cross-validation.
        seed, sizes: of the made incidents; the fewest and the most services of a made system.
        prepared: a folder of prepared files (``pipelines.prepare``) to judge by, too; never learned from.
    """

    made: int = 200
    held: int = 200
    ridge: float = 0.02
    enough: float = 40.0
    folds: int = 5
    seed: int = 7000
    sizes: tuple[tuple[int, int], ...] = SIZES
    prepared: Path | None = None


@dataclass(frozen=True, eq=False)
class Trial:
    """A challenger and how it was judged; ``card`` says what it learned from and goes where it goes."""

    kind: str
    ranker: Ranker
    confidence: Confidence
    judgement: Judgement
    card: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Lessons:
    """Made and labelled incidents in one table; ``incident`` is whose each is, empty for made ones. Shape (G,)."""

    data: Packed
    incident: npt.NDArray[np.str_]

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.incident != "")

    def known_to(self, entry: Entry) -> npt.NDArray[np.bool_]:
        """What a version learned from; nothing of this for the one that ships."""
        known = list(entry.about.get("incidents", ()))
        return np.asarray(np.isin(self.incident, known) | ((self.incident == "") & bool(known)))


def trial(boards: Boards, registry: Registry, cases: Sequence[LabelledCase], recipe: Recipe) -> Trial:
    """A challenger learned from ``cases``, judged beside the champion.

    Raises:
        InputError: if no snapshot of the labelled incidents is left.
    """
    champion = registry.champion()
    kind, shipped, _, _ = read(registry.entry(SHIPPED).path)
    _, incumbent, sure, _ = read(champion.path)
    if sure is None:
        raise ModelError(f"the champion (version {champion.version}) has not been calibrated")
    lessons, held = lessons_from(boards, cases, recipe), held_back(boards.folder, recipe)
    data, everything = lessons.data, np.ones(len(lessons.data), bool)
    theirs = out_of_fold(kind, shipped, data, lessons.known_to(champion), recipe)
    ours = out_of_fold(kind, shipped, data, everything, recipe)
    kind, ranker = correct(kind, shipped, data, ridge=recipe.ridge)
    confidence = confidence_for(answered(data, ours), answered(data, theirs), sure)
    new = lessons.labelled[data.group]
    judgement = judge(
        data.only(lessons.labelled),
        (Answers(theirs[new], sure), Answers(ours[new], confidence)),
        held,
        (Answers(incumbent.scores(held.table), sure), Answers(ranker.scores(held.table), confidence)),
    )
    answers = [a for many in answered(data, ours).values() for a in many if a.told]
    card = {
        "made_by": "qai-sre retrain",
        "code": boards.code,
        "instead_of": champion.version,
        "recipe": {name: value for name, value in asdict(recipe).items() if name != "prepared"},
        **_learned_from(cases, lessons),
        "promote": judgement.promote,
        "reasons": list(judgement.reasons),
        "figures": [one.as_json() for one in judgement.slices],
        "reliability": _reliability(answers, confidence),
        "examples": examples(boards, cases, incumbent, ranker),
        "limits": LIMITS,
    }
    return Trial(kind, ranker, confidence, judgement, card)


def lessons_from(boards: Boards, cases: Sequence[LabelledCase], recipe: Recipe) -> Lessons:
    """What there is to learn from, each table with its weight."""
    systems: dict[str, list[Example]] = {MADE: load(prepare(*made_sources(boards.folder, recipe)[0]))[1]}
    owners: dict[str, list[str]] = {MADE: [""] * len(systems[MADE])}
    belief = {case.incident.id: case.weight for case in cases}
    for number, case in enumerate(cases):
        examples = boards.of(case, number)
        systems.setdefault(f"labelled {case.system}", []).extend(examples)
        owners.setdefault(f"labelled {case.system}", []).extend([case.incident.id] * len(examples))
    systems = {name: examples for name, examples in systems.items() if examples}
    if len(systems) < 2:
        raise InputError("no snapshot of the labelled incidents is left to learn from", field="feedback")
    data = pack(systems)
    incident = np.array([owner for name in systems for owner in owners[name]])
    by_label = np.array([belief.get(owner, 1.0) for owner in incident])
    # A system's tables weigh one together: made ones keep that, labelled ones as much as their labels are worth.
    share = np.ones(len(data))
    for name in set(systems) - {MADE}:
        worth = sum(belief[owner] for owner in set(owners[name]))
        share[data.system == name] = min(worth / recipe.enough, 1.0) / max(worth / len(set(owners[name])), 1e-9)
    return Lessons(replace(data, weight=data.weight * share * by_label), incident)


def held_back(folder: Path, recipe: Recipe) -> Packed:
    """Incidents with a known cause that nothing is learned from."""
    systems = {MADE: load(prepare(*made_sources(folder, recipe)[1]))[1]}
    for path in sorted(recipe.prepared.glob("*.npz")) if recipe.prepared else ():
        name, examples = load(path)
        systems[f"prepared {name}"] = examples
    return pack(systems)


def made_sources(folder: Path, recipe: Recipe) -> tuple[tuple[Source, Path], tuple[Source, Path]]:
    """What is made to learn beside labels, and to judge by, each with the folder where it is kept."""
    return (
        (Source(MADE, str(recipe.made), recipe.seed, sizes=recipe.sizes), folder / "made"),
        (Source(MADE, str(recipe.held), recipe.seed + 1, sizes=recipe.sizes), folder / "held"),
    )


def out_of_fold(kind: str, ranker: Ranker, data: Packed, taught: npt.NDArray[np.bool_], recipe: Recipe) -> Floats:
    """Scores of all rows, each by ``ranker`` corrected with what is ``taught`` of the other folds; shape (N,)."""
    scores = ranker.scores(data.table)
    for fold in range(recipe.folds) if taught.any() else ():
        out = data.case % recipe.folds == fold
        _, corrected = correct(kind, ranker, data.only(taught & ~out), ridge=recipe.ridge)
        scores[out[data.group]] = corrected.scores(data.only(out).table)
    return scores


def confidence_for(
    ours: Mapping[str, list[Answered]], theirs: Mapping[str, list[Answered]], now: Confidence
) -> Confidence:
    """The confidence that costs no system much of its calibration: of the champion's, one fitted on the challenger's
    out-of-fold answers, and one fitted on those about made incidents alone.

    A correction moves the scores that the champion's numbers were fitted on; but numbers that fit one hard system, too,
    are not sure enough elsewhere. The highest probability stays: it is that of all incidents ever tried.

    Args:
        ours, theirs: out-of-fold answers of challenger and champion, by system.
    """
    told = {name: answers for name, answers in ours.items() if any(a.told for a in answers)}
    if len(told) < 2:
        return now
    halves = {str(half): [a for a in told.get(MADE, ()) if a.case % 2 == half] for half in (0, 1)}
    fits = [data for data in (told, halves) if all(any(a.told for a in many) for many in data.values())]
    choices = [now, *(replace(calibrate.calibrate(data)[0], most=now.most) for data in fits)]
    before = {name: calibrate.judge(theirs[name], now)["brier"] for name in told}
    return max(choices, key=lambda c: min(before[n] - calibrate.judge(many, c)["brier"] for n, many in told.items()))


def _reliability(answers: list[Answered], confidence: Confidence) -> list[dict[str, float]]:
    sure, right = firsts(answers, confidence)
    return [{name: round(value, 3) for name, value in asdict(row).items()} for row in reliability(sure, right)]


def _learned_from(cases: Sequence[LabelledCase], lessons: Lessons) -> dict[str, Any]:
    learned = [case for case in cases if case.incident.id in set(lessons.incident.tolist())]
    said = "".join(f"{c.incident.id}{c.services}{c.weight}" for c in learned)
    digest = hashlib.sha256(lessons.data.values.tobytes() + lessons.data.guilty.tobytes() + said.encode())
    return {
        "data_digest": digest.hexdigest(),
        "incidents": [case.incident.id for case in learned],
        "labels": dict(Counter(str(case.origin) for case in learned)),
        "weak": sum(case.is_weak for case in learned),
        "systems": dict(Counter(case.system for case in learned)),
    }
