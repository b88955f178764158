"""Evaluate: rankers over the cases of a data set, with the labels opened only after all have answered."""

from __future__ import annotations

import resource
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from data.datasets import Case, Truth
from data.domain import Alert, ChangeKind
from data.errors import InputError
from data.telemetry import Telemetry
from models.baselines import BASELINES, Baseline
from models.metrics import ac_at_k, avg_at_k, reciprocal_rank
from pipelines.fan_out import ALONE, Workers, each


@dataclass(frozen=True)
class Answer:
    """What a ranker said of one case. ``confidence`` and the changes are None where it says nothing of them.

    ``abstained`` where it would rather not name anything, though it still ranks; ``failure`` says why it has no answer.
    """

    services: Mapping[str, float]
    confidence: float | None = None
    changes: Mapping[str, float] | None = None
    no_change: float = 0.0
    abstained: bool = False
    failure: str | None = None


Ranker = Callable[[Alert, Telemetry], Answer]


@dataclass(frozen=True)
class Outcome:
    """One ranker on one case. ``figures`` is empty where the label names no service."""

    system: str
    milliseconds: float
    figures: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None
    change: ChangeOutcome | None = None
    abstained: bool = False
    failure: str | None = None


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
    """The outcomes of every ranker, in the order of the cases, what loading them took, and the most memory held."""

    cases: int
    outcomes: Mapping[str, tuple[Outcome, ...]]
    load_ms: float
    peak_memory_mb: float = 0.0


def default_rankers() -> dict[str, Ranker]:
    """Ours first, then the trivial ones."""
    return {"qai": rank_with_qai, **{name: _plain(score) for name, score in BASELINES.items()},
            "latest_deploy": rank_latest_deploy}  # fmt: skip


def rank_with_qai(alert: Alert, telemetry: Telemetry) -> Answer:
    """The product's own investigation, as ``diagnose`` runs it; it abstains where the diagnosis says it cannot tell."""
    from pipelines.investigate import investigate

    diagnosis = investigate(alert, telemetry)
    return Answer(
        services={candidate.service: candidate.probability for candidate in diagnosis.candidates},
        confidence=diagnosis.confidence,
        changes={change.id: change.probability for change in diagnosis.changes},
        no_change=diagnosis.no_change_probability,
        abstained=not diagnosis.can_tell,
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
    cases: Iterable[Case],
    rankers: Mapping[str, Ranker],
    *,
    workers: Workers = ALONE,
    on_case: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Every ranker on every case; ``on_case`` hears how many are done.

    Time is wall-clock of the ranker alone; its first call also pays for the libraries it loads. A ranker that
    raises ends the evaluation: a crash is not a low score.

    Args:
        workers: who ranks; each has the case without its label. Threads are for rankers that only wait for another
            process.

    Raises:
        InputError: if there is no case.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in rankers}
    waiting: deque[Case] = deque()
    clock = _Clock()
    peak = 0.0
    for count, (answers, memory) in enumerate(_asked(_sealed(clock.timed(cases), waiting), rankers, workers), 1):
        case = waiting.popleft()
        truth = case.truth()
        for name, (answer, elapsed) in answers.items():
            outcomes[name].append(_judge(case, answer, elapsed, truth))
        peak = max(peak, memory)
        on_case(count)
    if not clock.laps:
        raise InputError("holds no complete case", field="path")
    kept = {name: tuple(all_) for name, all_ in outcomes.items()}
    return Evaluation(clock.laps, kept, clock.milliseconds, max(peak, peak_memory_mb()))


_Said = tuple[dict[str, tuple[Answer, float]], float]


def _asked(cases: Iterator[Case], rankers: Mapping[str, Ranker], workers: Workers) -> Iterator[_Said]:
    """What every ranker says of each case, in the order of the cases, and the most memory its process ever held."""
    return each(_ask_all, ((case, rankers) for case in cases), workers)


def _sealed(cases: Iterable[Case], waiting: deque[Case]) -> Iterator[Case]:
    """The cases without their labels, which wait in order; telemetry waits with whoever ranks it, not here."""
    for case in cases:
        waiting.append(replace(case, telemetry=Telemetry()))
        yield replace(case, label=_no_label)


def _no_label() -> Truth:
    raise InputError("labels are opened after ranking, by the evaluation", field="label")


def _ask_all(case: Case, rankers: Mapping[str, Ranker]) -> _Said:
    return {name: _ask(ranker, case) for name, ranker in rankers.items()}, peak_memory_mb()


@dataclass
class _Clock:
    """How long something took to come, in all."""

    laps: int = 0
    milliseconds: float = 0.0

    def timed(self, cases: Iterable[Case]) -> Iterator[Case]:
        iterator = iter(cases)
        while True:
            start = perf_counter()
            case = next(iterator, None)
            if case is None:
                return
            self.laps += 1
            self.milliseconds += (perf_counter() - start) * 1000
            yield case


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
    changes = _judge_changes(answer, truth)
    return Outcome(case.system, milliseconds, figures, answer.confidence, changes, answer.abstained, answer.failure)


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


def peak_memory_mb() -> float:
    """The most memory this process ever held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
