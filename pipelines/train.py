"""Train: rankers of every kind, each judged on systems it has not learned from; the best is kept.

    python -m pipelines.train --prepared DIR --out DIR [--kinds prior,linear,boosted]

Each system in turn is held back: a ranker learns from all the others and answers about that one. Every made incident
is a system of its own, so these are held back by parts. What wins on average over systems, each counting the same, is
fitted once more on everything that may be learned from and written to ``ranker.json``; its answers about what was held
back go to ``held_back.npz``, for :mod:`pipelines.calibrate`. Prepared sets without a licence are answered by the winner
and never learned from.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.telemetry import Floats
from models.metrics import bootstrap
from models.rankers import CATALOGUE, fit
from models.rankers.examples import digest_of, load
from models.rankers.held import Answered, answered, hits, macro
from models.rankers.packed import Packed, pack
from models.rankers.state import dump
from pipelines.prepare import LICENCES, MADE

# Each made incident is a system of its own; so many parts of them are held back in turn.
PARTS = 2
# Beside one recorded system, made ones together count this many times as much.
MADE_WEIGHT = 3.0
DEFAULT_KINDS = ("prior", "linear", "boosted")


@dataclass(frozen=True)
class Trial:
    """One kind of ranker on what it had not learned from: its answers about each system."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, list[Answered]] = field(default_factory=dict)

    @property
    def macro(self) -> float:
        return macro(self.answers)


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    report = train(options.prepared, options.out, options.kinds.split(","))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.train", description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True, help="what pipelines.prepare wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--kinds", default=",".join(DEFAULT_KINDS), help=f"of {', '.join(CATALOGUE)}; or kind:NAME=N:..."
    )
    return parser


def train(prepared: Path, out: Path, kinds: Sequence[str] = DEFAULT_KINDS) -> dict[str, Any]:
    """Compare ``kinds``, write the winner, and say how each did.

    Raises:
        InputError: where nothing that may be learned from was prepared.
    """
    paths = sorted(prepared.glob("*.npz"))
    systems = dict(load(path) for path in paths)
    learnable = [name for name in systems if name in LICENCES]
    if len(learnable) < 2:
        raise InputError(f"needs two systems of {', '.join(LICENCES)}, to hold one back", field=str(prepared))
    data = weighed(pack({name: systems[name] for name in learnable}))
    trials = [_tried(data, *_kind_of(text)) for text in kinds]
    best = max(trials, key=lambda t: t.macro)  # the first, so the plainer, where they tie
    ranker = fit(best.kind, data, **best.options)
    others = {name: systems[name] for name in systems if name not in LICENCES}
    report = {
        "about": "Ranks the services that may have caused an incident. Numbers alone: no name, text or time is kept.",
        "kind": best.kind,
        "options": dict(best.options),
        "learned_from": {
            n: {"incidents": len({e.case for e in systems[n]}), "licence": LICENCES[n]} for n in learnable
        },
        "data_digest": hashlib.sha256("".join(digest_of(path) for path in paths).encode()).hexdigest(),
        "out_of_system": {_title(t): figures(t.answers, trials[0].answers) for t in trials},
    }
    if others:
        rest = pack(others)
        report["benchmarks"] = figures(answered(rest, ranker.scores(rest.table)))
    out.mkdir(parents=True, exist_ok=True)
    dump(out / "ranker.json", best.kind, ranker, None, report)
    save_answers(out / "held_back.npz", best.answers)
    return report


def _kind_of(text: str) -> tuple[str, dict[str, Any]]:
    """``boosted:trees=300:rate=0.05`` as the kind and its options."""
    kind, *rest = text.split(":")
    return kind, {name: json.loads(value) for name, _, value in (option.partition("=") for option in rest)}


def _title(trial: Trial) -> str:
    return ":".join([trial.kind, *(f"{name}={value}" for name, value in trial.options.items())])


def weighed(data: Packed) -> Packed:
    """Made incidents, of which there are many and no two of one system, count for more than one recorded system."""
    return replace(data, weight=data.weight * np.where(data.system == MADE, MADE_WEIGHT, 1.0))


def _tried(data: Packed, kind: str, options: Mapping[str, Any]) -> Trial:
    scores = np.zeros(len(data.group))
    for held_back in folds(data):
        ranker = fit(kind, data.only(~held_back), **options)
        scores[held_back[data.group]] = ranker.scores(data.only(held_back).table)
    return Trial(kind, options, answered(data, scores))


def folds(data: Packed) -> Iterator[npt.NDArray[np.bool_]]:
    """Which tables are held back together, shape (G,): a recorded system whole, made incidents by parts."""
    for system in np.unique(data.system):
        mine = data.system == system
        parts = PARTS if system == MADE else 1
        yield from (mine & (data.case % parts == part) for part in range(parts))


def figures(
    answers: Mapping[str, list[Answered]], beside: Mapping[str, list[Answered]] | None = None
) -> dict[str, Any]:
    """AC@1 of each system with its interval over incidents, and their mean; the gain over ``beside`` where given."""
    rows: dict[str, Any] = {}
    for system, mine in sorted(answers.items()):
        found = _by_case(mine)
        if not len(found):
            continue
        estimate = bootstrap(found.tolist())
        rows[system] = {"ac_at_1": _round(estimate.value), "interval": [_round(estimate.low), _round(estimate.high)]}
        if beside is not None and beside is not answers:
            gain = bootstrap((found - _by_case(beside[system])).tolist())
            rows[system]["gain"] = [_round(gain.value), _round(gain.low), _round(gain.high)]
    return {"macro": _round(macro(answers)), "systems": rows}


def _by_case(answers: list[Answered]) -> Floats:
    """One number an incident: the mean over the ways it was shown. Intervals over showings would be too narrow."""
    told = np.array([a.case for a in answers if a.told])
    _, number = np.unique(told, return_inverse=True)
    return np.asarray(np.bincount(number, weights=hits(answers)) / np.maximum(np.bincount(number), 1))


def save_answers(path: Path, systems: Mapping[str, Sequence[Answered]]) -> None:
    """All answers in one file of arrays; :func:`read_answers` gives them back."""
    flat = [
        (name, i, a, share, s) for name, many in systems.items() for i, a in enumerate(many) for share, s in a.views
    ]
    arrays = {
        "system": np.array([name for name, *_ in flat]),
        "showing": np.array([i for _, i, *_ in flat]),
        "share": np.array([share for *_, share, _ in flat]),
        "size": np.array([len(s) for *_, s in flat]),
        "scores": np.concatenate([s for *_, s in flat]),
        "guilty": np.concatenate([a.guilty for _, _, a, *_ in flat]),
        "blind_spots": np.array([a.blind_spots for _, _, a, *_ in flat]),
        "lost": np.array([a.lost for _, _, a, *_ in flat]),
        "case": np.array([a.case for _, _, a, *_ in flat]),
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes its own keyword for a bool


def read_answers(path: Path) -> dict[str, list[Answered]]:
    """What :func:`save_answers` wrote."""
    with np.load(path) as arrays:
        a = dict(arrays)
    ends = np.cumsum(a["size"])
    found: dict[str, dict[int, Answered]] = {}
    for i, end in enumerate(ends):
        rows = slice(end - a["size"][i], end)
        view = (float(a["share"][i]), a["scores"][rows])
        many = found.setdefault(str(a["system"][i]), {})
        before = many.get(int(a["showing"][i]))
        views = (*before.views, view) if before else (view,)
        many[int(a["showing"][i])] = Answered(
            views, int(a["blind_spots"][i]), a["guilty"][rows], bool(a["lost"][i]), int(a["case"][i])
        )
    return {name: list(many.values()) for name, many in found.items()}


def _round(value: float) -> float:
    return round(value, 3)


if __name__ == "__main__":
    main(sys.argv[1:])
