"""Fit how far each family of evidence on changes is trusted, so that it holds on systems never seen.

    python -m pipelines.weigh_changes synthetic=200 lab=DIR bundles=DIR

judges the changes of every incident, fits the multipliers of :class:`~models.changes.weighing.Weighing` on all systems
but one and scores them on that one, for each in turn and for each strength of the ridge; then fits them on all with the
ridge that did well and writes ``models/changes/weighing.json``. With it goes what it was made from: how many incidents
of each system, a digest of the evidence heard in them, and the digest of the ranker that said where the trouble is. The
same command on the same incidents with the same ranker writes the same file.

Each incident is told three times: as it was; without the change that did it, so that none is right; and with two
innocent changes moved to just before the trouble, so that whoever blames the nearest is wrong. Incidents that a
change caused and those that none did weigh the same in total: how many of either there are was somebody's choice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets import Case, load
from data.domain import Change, ChangeKind
from models.calibration import brier, expected_calibration_error
from models.changes import ChangeContext, none_of, signals_of
from models.changes.releases import same_commit
from models.changes.signal import total
from models.changes.weighing import BY_HAND, NONE, SHIPPED, Judged, Weighing, fit, kept
from models.kept import digest
from models.rankers.state import CHAMPION, champion
from models.ranking import averaged
from pipelines.investigate import change_context, last_instant, look_around, most_telling, rankings_of

RIDGES = (10.0, 30.0, 100.0)
ABOUT_AS_WELL = 0.03
# What each system counts for in all: bundles are few, and the lab is one system, however often it is broken.
MADE = "synthetic"
SHARES = {MADE: 200.0, "lab": 100.0, "bundles": 50.0}
NEAREST, WITHIN_S = 2, 90.0
SEED = 5
FIRST_SEED = 1000


@dataclass(frozen=True)
class Told:
    """One telling of an incident: its changes, which of them did it (none: empty), and what they are judged against."""

    changes: tuple[Change, ...]
    guilty: frozenset[str]
    context: ChangeContext

    def judged(self) -> Judged:
        evidence = {**signals_of(self.changes, self.context), NONE: none_of(self.context)}
        return Judged(evidence, self.guilty or frozenset({NONE}))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.weigh_changes", description=__doc__)
    parser.add_argument("systems", nargs="+", type=_system, metavar="SYSTEM=WHERE", help="synthetic=N, or NAME=DIR")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the multipliers go")
    options = parser.parse_args(arguments)
    systems = {name: incidents(name, where) for name, where in options.systems}
    fitted, report = weigh(systems)
    ranker = json.loads(CHAMPION.read_text(encoding="utf-8"))["digest"]
    told = " ".join(f"{name}={where if name == MADE else 'DIR'}" for name, where in options.systems)
    card = {"made_by": f"python -m pipelines.weigh_changes {told}", "ranker": ranker, **report}
    text = json.dumps(kept(fitted, card), indent=2) + "\n"
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _system(argument: str) -> tuple[str, str]:
    name, is_given, where = argument.partition("=")
    if not (name and is_given and where) or (name == MADE and not where.isdigit()):
        raise argparse.ArgumentTypeError(f"{argument!r} is neither {MADE}=N nor NAME=DIR")
    return name, where


def weigh(systems: Mapping[str, Sequence[Judged]]) -> tuple[Weighing, dict[str, Any]]:
    """The multipliers fitted on all systems, and what those fitted without each one did on it."""
    left_out = {
        ridge: {out: fit(_together(systems, out), ridge=ridge) for out in systems} if len(systems) > 1 else {}
        for ridge in RIDGES
    }
    nats = {
        ridge: float(np.mean([scored(systems[out], w)["nats"] for out, w in fits.items()] or [0.0]))
        for ridge, fits in left_out.items()
    }
    # Of ridges that did about as well, the one that stays nearest to what was set by hand.
    best = max(ridge for ridge in RIDGES if nats[ridge] <= min(nats.values()) + ABOUT_AS_WELL)
    report = {
        "ridge": best,
        "tellings": {name: len(told) for name, told in systems.items()},
        "evidence": {name: evidence_digest(told) for name, told in systems.items()},
        "held_back": {out: scored(systems[out], w) for out, w in left_out[best].items()},
        "by_hand": {name: scored(told, BY_HAND) for name, told in systems.items()},
    }
    return fit(_together(systems, None), ridge=best), report


def evidence_digest(told: Sequence[Judged]) -> str:
    """Of every signal heard for and against every explanation, and of which ones are right."""
    heard = [
        [
            {e: [(s.family, round(s.weight, 6)) for s in signals] for e, signals in one.evidence.items()},
            sorted(one.right),
        ]
        for one in told
    ]
    return digest(heard)


def _together(systems: Mapping[str, Sequence[Judged]], out: str | None) -> list[Judged]:
    """All systems but ``out``, each with its share; half of it for either kind of answer."""
    found: list[Judged] = []
    for name, told in systems.items():
        for kind in (True, False) if name != out else ():
            alike = [one for one in told if (NONE in one.right) is kind]
            found += [replace(one, share=0.5 * SHARES.get(name, 50.0) / len(alike)) for one in alike]
    return found


def scored(told: Sequence[Judged], weighing: Weighing) -> dict[str, float]:
    """Accuracy by kind of answer, nats, Brier score and calibration of the first answer."""
    rows = [_answer(one, weighing) for one in told]
    right, sure, held = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    none = np.array([NONE in one.right for one in told])
    by_answer = {"right_where_none_did": right[none], "right_where_a_change_did_it": right[~none]}
    figures = {name: float(hits.mean()) for name, hits in by_answer.items() if len(hits)}
    figures["nats"] = float(-np.log(np.maximum(held, 1e-6)).mean())
    figures |= {"brier": brier(sure, right), "ece": expected_calibration_error(sure, right)}
    return {name: round(value, 3) for name, value in figures.items()}


def _answer(one: Judged, weighing: Weighing) -> tuple[bool, float, float]:
    """Whether the likeliest explanation is right, how likely it is, and how likely the right ones are."""
    names = sorted(one.evidence)
    odds = np.array([total(weighing.of(one.evidence[name])) for name in names])
    shares = np.exp(odds - odds.max())
    shares /= shares.sum()
    first = int(np.argmax(shares))
    held = sum(float(s) for name, s in zip(names, shares, strict=True) if name in one.right)
    return names[first] in one.right, float(shares[first]), held


def incidents(name: str, where: str) -> list[Judged]:
    """Every telling of every incident of ``name``: ``where`` is its folder, or for ``synthetic`` how many to make."""
    return [told.judged() for case in _cases(name, where) for told in tellings(case)]


def _cases(name: str, where: str) -> Iterator[Case]:
    if name == MADE:
        from data.datasets.synthetic import synthesize

        yield from (synthesize((number, FIRST_SEED)) for number in range(int(where)))
        return
    yield from load("bundles", Path(where))


def tellings(case: Case) -> Iterator[Told]:
    """As it was, without the guilty change, and with innocent ones just before the trouble."""
    context, changes, truth = _context(case), case.telemetry.changes, case.truth()
    if truth.changes is None or not changes:
        return
    guilty = carried(changes, frozenset(truth.changes))
    yield Told(changes, guilty, context)
    if guilty:
        yield Told(tuple(c for c in changes if c.id not in guilty), frozenset(), context)
    began = getattr(truth, "onset", None) or context.began[0].at
    moved = with_nearest(changes, guilty, began, np.random.default_rng(SEED))
    if moved != changes:
        yield Told(moved, guilty, context)


def carried(changes: Sequence[Change], ids: frozenset[str]) -> frozenset[str]:
    """``ids`` and whatever carried them to production: to name either is right."""
    return ids | {c.id for c in changes if c.commit and any(same_commit(c.commit, i) for i in ids)}


def with_nearest(
    changes: tuple[Change, ...], guilty: frozenset[str], began: datetime, rng: np.random.Generator
) -> tuple[Change, ...]:
    """``changes`` with a few innocent ones, and the commits they carry, moved to just before ``began``."""
    innocent = [c for c in changes if c.id not in guilty and c.kind is not ChangeKind.commit]
    chosen = [innocent[i] for i in rng.permutation(len(innocent))[:NEAREST]]
    at = {c.id: began - timedelta(seconds=rng.uniform(0.0, WITHIN_S)) for c in chosen}
    for change in chosen:
        written = at[change.id] - timedelta(seconds=rng.uniform(60.0, 900.0))
        at |= {c.id: written for c in changes if change.commit and same_commit(c.id, change.commit)}
    return tuple(c.model_copy(update={"timestamp": at[c.id]}) if c.id in at else c for c in changes)


def _context(case: Case) -> ChangeContext:
    as_of = last_instant(case.alert, case.telemetry)
    seen = case.telemetry.before(as_of)
    graph, views, unseen = look_around(case.alert, seen, as_of)
    rankings = rankings_of(case.alert, graph, views, unseen)
    ranking = averaged(rankings, [view.onset.probability for view in views], champion().confidence)
    return change_context(case.alert, seen, graph, views, most_telling(views, rankings, ranking), ranking, unseen)


if __name__ == "__main__":
    main(sys.argv[1:])
