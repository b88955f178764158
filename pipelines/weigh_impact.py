"""Learn how much each sign of an incident says of the harm to users, and measure it on systems not learned from.

    python -m pipelines.weigh_impact [COUNT]    # some minutes for the 700 that the shipped weights rest on

The truth is not in the recording: made incidents know the share of all users' requests that failed or were slow while
the trouble lasted (:mod:`data.datasets.synthetic.harm`), the signs are read from whatever was recorded of it. Every
incident is of a system of its own, so that folds hold systems out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.datasets.synthetic import KnownTruth, synthesize
from data.domain import Severity
from data.errors import InputError
from data.telemetry import Floats
from models.impact.declared import declared_log_odds
from models.impact.learned import SHIPPED, ImpactWeights, Measured, Weight, signs_of, tilted
from models.kept import digest
from pipelines.impact import measure
from pipelines.investigate import investigate
from pipelines.severity import macro_f1

SEED, COUNT = 4242, 700
SERVICES = (5, 60)
FOLDS = 5
STRENGTH = 3.0
# What the severities are to mean: the share of users' requests that failed or were slow.
LEVELS = {Severity.medium: 0.01, Severity.high: 0.05, Severity.critical: 0.2}
RANKS = np.arange(len(Severity))
BY_RANK = tuple(sorted(Severity, key=lambda severity: severity.rank))


@dataclass(frozen=True)
class Example:
    """One incident: what was measured of it, what its users had of it, and what the first rule called it."""

    measured: Measured
    harmed: float
    by_rule: Severity
    kind: str

    @property
    def severity(self) -> Severity:
        return severity_of_harm(self.harmed)


def main(arguments: Sequence[str]) -> None:
    if len(arguments) > 1 or not all(text.isdecimal() for text in arguments):
        raise InputError("give the number of incidents to make, or nothing", field="COUNT")
    found = list(examples(int(arguments[0]) if arguments else COUNT))
    state = learn(found).as_json()
    card = {
        "made_by": f"python -m pipelines.weigh_impact {len(found)}",
        "learned_from": f"{len(found)} made incidents, seed {SEED}, systems of {SERVICES[0]} to {SERVICES[1]} services",
        "levels": {severity.value: least for severity, least in LEVELS.items()},
        "held_back": evaluate(found),
    }
    kept = {"card": card, "digest": digest(state), "state": state}
    SHIPPED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(card, indent=2) + "\n")


def severity_of_harm(harmed: float) -> Severity:
    """What an incident is to be called that hurt this share of users' requests."""
    return max((s for s, least in LEVELS.items() if harmed >= least), key=lambda s: s.rank, default=Severity.low)


def examples(count: int, *, seed: int = SEED) -> Iterator[Example]:
    """``count`` made incidents, each of a system of its own, as an investigation sees them."""
    for number in range(count):
        case = synthesize((seed, number), services=SERVICES)
        diagnosis = investigate(case.alert, case.telemetry)
        truth = case.truth()
        assert isinstance(truth, KnownTruth)
        measured = measure(case.alert, case.telemetry, diagnosis)
        yield Example(measured, truth.harmed, diagnosis.severity, truth.kind)


def learn(found: Sequence[Example]) -> ImpactWeights:
    """The weights that make the severities of ``found`` likeliest, drawn a little towards nothing."""
    names = sorted({name for example in found for name in signs_of(example.measured)})
    table = np.array([[signs_of(e.measured).get(name, (np.nan,))[0] for name in names] for e in found])
    centre, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0) + 1e-9
    ranks = np.array([e.severity.rank for e in found])
    # What is not known is as it usually is, which says nothing.
    usual, slopes = _fit(np.nan_to_num((table - centre) / spread), ranks)
    weights = [Weight(round(s / d, 6), round(c, 6)) for s, d, c in zip(slopes, spread, centre, strict=True)]
    return ImpactWeights(
        {severity: round(float(usual[severity.rank]), 6) for severity in Severity},
        dict(zip(names, weights, strict=True)),
    )


def evaluate(found: Sequence[Example]) -> list[dict[str, Any]]:
    """A row for each way to judge: ``macro_f1``, ``ranked_probability_score`` (lower is better), ``log_loss``, and
    ``steps_off``, how far the severity named is off on average. Nothing judged was learned from.

    ``systems held out``: each incident is of another system; ``kinds held out``: the kinds of faults are others, too.
    """
    ranks = np.array([e.severity.rank for e in found])
    rows = [_row("first rule", "systems held out", ranks, _certain([e.by_rule.rank for e in found]))]
    kinds = sorted({e.kind for e in found})
    splits = {
        "systems held out": np.arange(len(found)) % FOLDS,
        "kinds held out": np.array([kinds.index(e.kind) % FOLDS for e in found]),
    }
    for split, folds in splits.items():
        for method, judge in _METHODS.items():
            said = np.zeros((len(found), len(Severity)))
            for fold in range(FOLDS):
                held = np.flatnonzero(folds == fold)
                tell = judge([e for e, f in zip(found, folds, strict=True) if f != fold])
                for place in held.tolist():
                    probabilities = tell(found[place].measured)
                    said[place] = [probabilities[severity] for severity in BY_RANK]
            rows.append(_row(method, split, ranks, said))
    return rows


Teller = Callable[[Measured], dict[Severity, float]]


def _learned(known: Sequence[Example]) -> Teller:
    return learn(known).probabilities


def _declared(known: Sequence[Example]) -> Teller:
    """The declared weights, with the shares of severities that go best with them: they are not blamed for those."""
    tilts = np.array([declared_log_odds(e.measured) for e in known])[:, None]
    usual, _ = _fit(tilts, np.array([e.severity.rank for e in known]), slope=1.0)
    shares = {severity: float(usual[severity.rank]) for severity in Severity}
    return lambda measured: tilted(shares, declared_log_odds(measured))


def _nothing(known: Sequence[Example]) -> Teller:
    seen = [e.severity for e in known]
    return lambda _: {severity: (seen.count(severity) + 0.5) / (len(seen) + 2.0) for severity in Severity}


_METHODS: dict[str, Callable[[Sequence[Example]], Teller]] = {
    "learned": _learned,
    "declared weights": _declared,
    "shares of severities alone": _nothing,
}


def _fit(table: Floats, ranks: npt.NDArray[np.intp], slope: float | None = None) -> tuple[Floats, Floats]:
    """The shares of severities where every sign is as usual, shape (4,), and the slopes, shape (K,).

    Args:
        table: shape (N, K). ``ranks``: shape (N,). ``slope``: one for all that is not learned.
    """
    from scipy.optimize import minimize

    true = np.eye(len(RANKS))[ranks]
    fixed = None if slope is None else np.full(table.shape[1], slope)

    def loss(free: Floats) -> tuple[float, Floats]:
        slopes = free[3:] if fixed is None else fixed
        said = _softmax(np.concatenate([[0.0], free[:3]]) + (table @ slopes)[:, None] * RANKS)
        off = said - true
        value = -float(np.log(said[np.arange(len(ranks)), ranks]).sum())
        gradient = off.sum(axis=0)[1:]
        if fixed is None:
            value += 0.5 * STRENGTH * float(slopes @ slopes)
            gradient = np.concatenate([gradient, table.T @ (off @ RANKS) + STRENGTH * slopes])
        return value, gradient

    start = np.zeros(3 + (table.shape[1] if fixed is None else 0))
    best = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return _softmax(np.concatenate([[0.0], best[:3]])[None])[0], best[3:]


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _certain(named: Sequence[int]) -> Floats:
    return np.asarray(np.eye(len(RANKS))[np.array(named)])


def _row(method: str, split: str, ranks: npt.NDArray[np.intp], said: Floats) -> dict[str, Any]:
    true, named = np.eye(len(RANKS))[ranks], said.argmax(axis=1)
    score = ((said.cumsum(axis=1) - true.cumsum(axis=1)) ** 2).sum(axis=1).mean()
    given = said[np.arange(len(ranks)), ranks]
    return {
        "method": method,
        "split": split,
        "incidents": len(ranks),
        "macro_f1": round(macro_f1(ranks, named), 3),
        "ranked_probability_score": round(float(score), 3),
        "log_loss": round(float(-np.log(given).mean()), 3) if given.min() > 0 else None,
        "steps_off": round(float(np.abs(named - ranks).mean()), 3),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
