"""How far each family of evidence is to be trusted: multipliers beside the weights set by hand, fitted on incidents.

A conditional logit (McFadden 1974): the explanations of an incident compete, and each one's log-odds are the sum of its
families' weights, each times that family's multiplier. Multipliers start at one, what was set by hand, and are drawn
back to it by a ridge, so that what incidents say nothing of stays as it was. None may turn negative: evidence may be
worth nothing, but not its opposite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.changes.signal import Signal
from models.kept import digest, load_kept

SHIPPED = Path(__file__).with_name("weighing.json")
NONE = ""
MOST = 3.0
_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Weighing:
    """``multipliers``: family -> what its weights are multiplied by, in [0, 3]; one for a family not named."""

    multipliers: Mapping[str, float] = field(default_factory=dict)

    def of(self, signals: Iterable[Signal]) -> list[Signal]:
        """``signals`` with the weights they are trusted with."""
        return [s._replace(weight=s.weight * self.multipliers.get(s.family, 1.0)) for s in signals]


BY_HAND = Weighing()


@lru_cache(maxsize=1)
def shipped() -> Weighing:
    """The fitted multipliers that come with this package."""
    return load_kept(SHIPPED, _from_json, "weighing of changes", "python -m pipelines.weigh_changes")


def kept(weighing: Weighing, card: Mapping[str, Any]) -> dict[str, Any]:
    """``weighing`` as it is kept in a file; ``card`` says how it was made and how well it does."""
    state = {"multipliers": dict(weighing.multipliers)}
    return {"digest": digest(state), "state": state, "card": dict(card)}


def _from_json(state: Any) -> Weighing:
    return Weighing({str(name): float(value) for name, value in state["multipliers"].items()})


@dataclass(frozen=True)
class Judged:
    """One incident to learn from.

    ``evidence``: explanation (a change's id, or :data:`NONE`) -> its signals; ``right``: the explanations that are
    right, any of which counts; ``share``: how much the incident counts.
    """

    evidence: Mapping[str, Sequence[Signal]]
    right: frozenset[str]
    share: float = 1.0


def families(incidents: Iterable[Judged]) -> tuple[str, ...]:
    """Every family of evidence heard in ``incidents``, in the order of the alphabet."""
    return tuple(sorted({s.family for i in incidents for signals in i.evidence.values() for s in signals if s.family}))


def fit(incidents: Sequence[Judged], *, ridge: float) -> Weighing:
    """The multipliers that make the right explanations likeliest.

    Args:
        incidents: each with at least one right explanation; others are left out.
        ridge: how many incidents' worth of evidence (in nats) it takes to move one multiplier by one from 1.
    """
    from scipy.optimize import minimize

    names = families(incidents)
    tables = [_table(incident, names) for incident in incidents if incident.right & set(incident.evidence)]

    def loss(multipliers: Floats) -> tuple[float, Floats]:
        value, slope = ridge * float(((multipliers - 1.0) ** 2).sum()), 2.0 * ridge * (multipliers - 1.0)
        for table, fixed, right, share in tables:
            nats, gradient = _surprise(table, fixed, right, multipliers)
            value, slope = value + share * nats, slope + share * gradient
        return value, slope

    found = minimize(loss, np.ones(len(names)), jac=True, method="L-BFGS-B", bounds=[(0.0, MOST)] * len(names))
    return Weighing({name: round(float(m), 3) for name, m in zip(names, found.x, strict=True)})


def _table(incident: Judged, names: Sequence[str]) -> tuple[Floats, Floats, npt.NDArray[np.bool_], float]:
    """Weights by explanation and family, shape (N, F); those of no family, (N,); which explanations are right, (N,)."""
    column = {name: j for j, name in enumerate(names)}
    explanations = sorted(incident.evidence)
    table, fixed = np.zeros((len(explanations), len(names))), np.zeros(len(explanations))
    for i, explanation in enumerate(explanations):
        for signal in incident.evidence[explanation]:
            if signal.family:
                table[i, column[signal.family]] += signal.weight
            else:
                fixed[i] += signal.weight
    return table, fixed, np.array([e in incident.right for e in explanations], dtype=bool), incident.share


def _surprise(table: Floats, fixed: Floats, right: npt.NDArray[np.bool_], multipliers: Floats) -> tuple[float, Floats]:
    """How unlikely the right explanations are held together, in nats, and its slope in the multipliers, (F,)."""
    odds = table @ multipliers + fixed
    share = np.exp(odds - odds.max())
    share /= share.sum()
    held = max(float(share[right].sum()), _LEAST_SHARE)
    among = np.where(right, share, 0.0) / held
    return -float(np.log(held)), np.asarray((share - among) @ table)
