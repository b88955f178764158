"""What ``bench`` says of an evaluation, as plain values. Figures that no case speaks of are None."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from math import ceil
from typing import Any

import numpy as np

from models.calibration import accuracy_when_answering, brier, expected_calibration_error, reliability
from models.metrics import bootstrap
from pipelines.evaluate import Evaluation, Outcome

FIGURES = ("ac_at_1", "ac_at_3", "ac_at_5", "avg_at_5", "mrr")
# Shares of the cases, the surest ones first.
COVERAGES = (0.5, 0.7, 0.9)


def summarise(evaluation: Evaluation, *, seed: int = 0) -> dict[str, Any]:
    """Every figure of every method; ``seed`` is the bootstrap's."""
    methods, changes = {}, {}
    for name, outcomes in evaluation.outcomes.items():
        if any(outcome.change for outcome in outcomes):
            changes[name] = _change_summary(outcomes, seed)
        if name != "latest_deploy":
            methods[name] = _service_summary(outcomes, seed)
    return {
        "cases": evaluation.cases,
        "methods": methods,
        "changes": changes,
        "load_ms_per_case": evaluation.load_ms / evaluation.cases,
        "peak_memory_mb": evaluation.peak_memory_mb,
    }


def _service_summary(outcomes: tuple[Outcome, ...], seed: int) -> dict[str, Any]:
    scored = [outcome for outcome in outcomes if outcome.figures]
    estimates = {name: bootstrap([o.figures[name] for o in scored], seed=seed) for name in FIGURES}
    systems = {name: _means(part) for name, part in sorted(_by_system(scored).items())}
    return {
        "asked": len(scored),
        **{name: _known(estimate.value) for name, estimate in estimates.items()},
        "interval": {name: [_known(e.low), _known(e.high)] for name, e in estimates.items()},
        **calibration(scored),
        **_abstention(scored),
        "failures": dict(Counter(o.failure for o in outcomes if o.failure)),
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
    return {"cases": len(outcomes), **means, "ece": calibration(outcomes)["ece"]}


def calibration(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Of the first answer's confidence; None for rankers that give none."""
    pairs = [(o.confidence, o.figures["ac_at_1"]) for o in outcomes if o.confidence is not None and o.figures]
    if not pairs:
        return {"ece": None, "brier": None, "reliability": []}
    confidence, correct = [p[0] for p in pairs], [p[1] for p in pairs]
    return {
        "ece": expected_calibration_error(confidence, correct),
        "brier": brier(confidence, correct),
        "reliability": [asdict(row) for row in reliability(confidence, correct)],
    }


def _abstention(outcomes: list[Outcome]) -> dict[str, Any]:
    """How often a ranker would rather name nobody, and how right it is where it names somebody.

    ``ac_at_1_surest``: of the share of the cases it is surest of; ``risk``: the mean error over all coverages (the area
    under the risk-coverage curve, Geifman and El-Yaniv, NeurIPS 2017).
    """
    if all(o.confidence is None for o in outcomes):
        return {"abstained": None, "ac_at_1_answered": None, "ac_at_1_surest": None, "risk": None}
    answered = [o.figures["ac_at_1"] for o in outcomes if not o.abstained]
    curve = accuracy_when_answering([o.confidence or 0.0 for o in outcomes], [o.figures["ac_at_1"] for o in outcomes])
    return {
        "abstained": 1.0 - len(answered) / len(outcomes),
        "ac_at_1_answered": _mean(answered),
        "ac_at_1_surest": {f"{c:g}": float(curve[ceil(c * len(curve)) - 1]) for c in COVERAGES},
        "risk": float(1.0 - curve.mean()),
    }


def _change_summary(outcomes: tuple[Outcome, ...], seed: int) -> dict[str, Any]:
    judged = [outcome.change for outcome in outcomes if outcome.change]
    right = bootstrap([c.right for c in judged], seed=seed)
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
