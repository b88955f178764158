"""Evaluate: rankers over the cases of a data set, with the labels opened only after all have answered."""

from __future__ import annotations

import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from data.datasets import Case, Truth
from data.domain import Alert, ChangeKind
from data.errors import InputError
from data.telemetry import Telemetry
from models.baselines import BASELINES, Baseline
from models.calibration import brier, expected_calibration_error, reliability
from models.metrics import ac_at_k, avg_at_k, bootstrap, reciprocal_rank

FIGURES = ("ac_at_1", "ac_at_3", "ac_at_5", "avg_at_5", "mrr")


@dataclass(frozen=True)
class Answer:
    """What a ranker said of one case. ``confidence`` and the changes are None where it says nothing of them."""

    services: Mapping[str, float]
    confidence: float | None = None
    changes: Mapping[str, float] | None = None
    no_change: float = 0.0


Ranker = Callable[[Alert, Telemetry], Answer]


@dataclass(frozen=True)
class Outcome:
    """One ranker on one case. ``figures`` is empty where the label names no service."""

    system: str
    milliseconds: float
    figures: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    change: ChangeOutcome | None = None


@dataclass(frozen=True)
class ChangeOutcome:
    """How the changes were judged; shares rather than yes or no, because scores may tie.

    ``first`` is None where no change was to blame, ``decoy`` where none was planted.
    """

    right: float
    first: float | None
    decoy: float | None
    none_to_blame: bool


@dataclass(frozen=True)
class Evaluation:
    """The outcomes of every ranker, in the order of the cases, and what loading them took."""

    cases: int
    outcomes: Mapping[str, tuple[Outcome, ...]]
    load_ms: float


def default_rankers() -> dict[str, Ranker]:
    """Ours first, then the trivial ones."""
    return {"qai": rank_with_qai, **{name: _plain(score) for name, score in BASELINES.items()},
            "latest_deploy": rank_latest_deploy}  # fmt: skip


def rank_with_qai(alert: Alert, telemetry: Telemetry) -> Answer:
    """The product's own investigation, as ``diagnose`` runs it."""
    from pipelines.investigate import investigate

    diagnosis = investigate(alert, telemetry)
    return Answer(
        services={candidate.service: candidate.probability for candidate in diagnosis.candidates},
        confidence=diagnosis.confidence,
        changes={change.id: change.probability for change in diagnosis.changes},
        no_change=diagnosis.no_change_probability,
    )


def rank_latest_deploy(alert: Alert, telemetry: Telemetry) -> Answer:
    """Blames the last deploy before the alert, as people in a hurry do: the commit it carried, where that is known.

    Without deploys the last change is blamed. It ranks no services.
    """
    before = sorted((c for c in telemetry.changes if c.timestamp <= alert.fired_at), key=lambda c: (c.timestamp, c.id))
    deploys = [change for change in before if change.kind is ChangeKind.deploy]
    if not before:
        return Answer({}, changes={})
    blamed = (deploys or before)[-1]
    return Answer({}, changes={blamed.commit or blamed.id: 1.0})


def _plain(score: Baseline) -> Ranker:
    return lambda alert, telemetry: Answer(score(alert, telemetry))


def evaluate(
    cases: Iterable[Case], rankers: Mapping[str, Ranker], *, on_case: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Every ranker on every case; ``on_case`` hears how many are done.

    Time is wall-clock of the ranker alone; its first call also pays for the libraries it loads. A ranker that
    raises ends the evaluation: a crash is not a low score.

    Raises:
        InputError: if there is no case.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in rankers}
    count, load_ms = 0, 0.0
    for case, milliseconds in _timed(cases):
        answers = {name: _ask(ranker, case) for name, ranker in rankers.items()}
        truth = case.truth()
        for name, (answer, elapsed) in answers.items():
            outcomes[name].append(_judge(case, answer, elapsed, truth))
        count, load_ms = count + 1, load_ms + milliseconds
        on_case(count)
    if not count:
        raise InputError("holds no complete case", field="path")
    return Evaluation(count, {name: tuple(all_) for name, all_ in outcomes.items()}, load_ms)


def _timed(cases: Iterable[Case]) -> Iterator[tuple[Case, float]]:
    iterator = iter(cases)
    while True:
        start = perf_counter()
        case = next(iterator, None)
        if case is None:
            return
        yield case, (perf_counter() - start) * 1000


def _ask(ranker: Ranker, case: Case) -> tuple[Answer, float]:
    start = perf_counter()
    answer = ranker(case.alert, case.telemetry)
    return answer, (perf_counter() - start) * 1000


def _judge(case: Case, answer: Answer, milliseconds: float, truth: Truth) -> Outcome:
    figures = {}
    if truth.services:
        figures = {f"ac_at_{k}": ac_at_k(answer.services, truth.services, k) for k in (1, 3, 5)}
        figures["avg_at_5"] = avg_at_k(answer.services, truth.services, 5)
        figures["mrr"] = reciprocal_rank(answer.services, truth.services)
    return Outcome(case.system, milliseconds, figures, answer.confidence, _judge_changes(answer, truth))


def _judge_changes(answer: Answer, truth: Truth) -> ChangeOutcome | None:
    """``right``: a true change leads and is more probable than none; or none is the most probable and none did it."""
    if answer.changes is None or truth.changes is None:
        return None
    best = max(answer.changes.values(), default=0.0)
    leading = [change for change, score in answer.changes.items() if score == best]
    named = bool(leading) and best > answer.no_change
    first = float(np.mean([c in truth.changes for c in leading])) if leading else 0.0
    fooled = float(np.mean([c in truth.decoys for c in leading])) if named else 0.0
    return ChangeOutcome(
        right=(first if named else 0.0) if truth.changes else float(not named),
        first=first if truth.changes else None,
        decoy=fooled if truth.decoys else None,
        none_to_blame=not truth.changes,
    )


def summarise(evaluation: Evaluation) -> dict[str, Any]:
    """Everything ``bench`` prints, as plain values. Figures no case speaks of are None."""
    methods, changes = {}, {}
    for name, outcomes in evaluation.outcomes.items():
        if any(outcome.change for outcome in outcomes):
            changes[name] = _change_summary(outcomes)
        if name != "latest_deploy":
            methods[name] = _service_summary(outcomes)
    return {
        "cases": evaluation.cases,
        "methods": methods,
        "changes": changes,
        "load_ms_per_case": evaluation.load_ms / evaluation.cases,
        "peak_memory_mb": peak_memory_mb(),
    }


def _service_summary(outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    scored = [outcome for outcome in outcomes if outcome.figures]
    estimates = {name: bootstrap([o.figures[name] for o in scored]) for name in FIGURES}
    systems = {name: _means(part) for name, part in sorted(_by_system(scored).items())}
    return {
        **{name: _known(estimate.value) for name, estimate in estimates.items()},
        "interval": {name: [_known(e.low), _known(e.high)] for name, e in estimates.items()},
        **_calibration(scored),
        "ms_per_case": float(np.mean([o.milliseconds for o in outcomes])),
        "ms_per_case_median": float(np.median([o.milliseconds for o in outcomes])),
        "ms_per_case_max": float(np.max([o.milliseconds for o in outcomes])),
        "macro": {name: _known(float(np.mean([s[name] for s in systems.values()]))) if systems else None
                  for name in FIGURES},
        "systems": systems,
    }  # fmt: skip


def _by_system(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    systems = defaultdict(list)
    for outcome in outcomes:
        systems[outcome.system].append(outcome)
    return systems


def _means(outcomes: list[Outcome]) -> dict[str, Any]:
    means = {name: float(np.mean([o.figures[name] for o in outcomes])) for name in FIGURES}
    return {"cases": len(outcomes), **means, "ece": _calibration(outcomes)["ece"]}


def _calibration(outcomes: list[Outcome]) -> dict[str, Any]:
    """Of the first answer's confidence; None for rankers that give none."""
    pairs = [(o.confidence, o.figures["ac_at_1"]) for o in outcomes if o.confidence is not None]
    if not pairs:
        return {"ece": None, "brier": None, "reliability": []}
    confidence, correct = [p[0] for p in pairs], [p[1] for p in pairs]
    return {
        "ece": expected_calibration_error(confidence, correct),
        "brier": brier(confidence, correct),
        "reliability": [asdict(row) for row in reliability(confidence, correct)],
    }


def _change_summary(outcomes: tuple[Outcome, ...]) -> dict[str, Any]:
    judged = [outcome.change for outcome in outcomes if outcome.change]
    right = bootstrap([c.right for c in judged])
    return {
        "cases": len(judged),
        "right": right.value,
        "right_interval": [right.low, right.high],
        "change_ac_at_1": _mean([c.first for c in judged]),
        "change_right": _mean([c.right for c in judged if not c.none_to_blame]),
        "no_change_right": _mean([c.right for c in judged if c.none_to_blame]),
        "decoy_chosen": _mean([c.decoy for c in judged]),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def peak_memory_mb() -> float:
    """The most memory this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
