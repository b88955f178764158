"""What is measured, weighed by what incidents that were made did to their users.

An adjacent-category logit with one weight a sign (Agresti, Analysis of Ordinal Categorical Data, 2010, section 4.1):
each sign makes each severity that much likelier than the next lower one. The shipped weights (``weights.json``) are
made by ``python -m pipelines.weigh_impact``; their card is in the same file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data.domain import BlastRadius, Severity
from data.impact import ImpactTerm
from models.kept import load_kept

SHIPPED = Path(__file__).with_name("weights.json")
# Beyond this a ratio says nothing more; that something got faster, as what fails at once does, says nothing at all.
_FASTEST, _SLOWEST = 1.0, 64.0
# At this many times the usual time half of all requests are too slow (data.datasets.synthetic.harm says why).
_SLOW, _STEEPNESS = 4.0, 3.0


@dataclass(frozen=True)
class Measured:
    """What the telemetry says of an incident; None where it says nothing.

    Attributes:
        failing: the share that fails at the alerting service, in [0, 1].
        slower: how many times as long the alerting service takes as before.
        doors: how many of the services that users meet it reaches, and how many there are.
        door_failing, door_slower: the same as ``failing`` and ``slower``, of the worst of those it reaches.
    """

    anomaly: float
    radius: BlastRadius
    failing: float | None = None
    users: float | None = None
    slower: float | None = None
    doors: tuple[int, int] | None = None
    door_failing: float | None = None
    door_slower: float | None = None


def signs_of(measured: Measured) -> dict[str, tuple[float, str]]:
    """The signs that are known, by name: a number, and what it says in words.

    What is not known of the services users meet is taken from the service that the alert is about.
    """
    found = {"anomaly": (measured.anomaly, f"anomaly score {measured.anomaly:.2f} of its telemetry")}
    if measured.doors is not None:
        reached, known = measured.doors
        found["reach"] = (reached / known, f"it reaches {reached} of {known} services that users meet")
    failing, where = _first(measured.door_failing, measured.failing)
    if failing is not None:
        found["failing"] = (_size(failing), f"{failing:.1%} fail at {where}")
    slower, where = _first(measured.door_slower, measured.slower)
    if slower is not None:
        ratio = min(max(slower, _FASTEST), _SLOWEST)
        found["slower"] = (math.log2(ratio), f"{where} takes {slower:.3g} times as long as before")
    if failing is not None or slower is not None:
        harmed = 1 - (1 - (failing or 0.0)) * (1 - _slow_share(slower or 1.0))
        found["harmed"] = (_size(harmed), f"together, {harmed:.1%} fail or are too slow")
    return found


def _size(share: float) -> float:
    """A share on a scale on which ten times as much is one more, from a thousandth on."""
    return math.log10(1 + 1000 * share)


def _slow_share(ratio: float) -> float:
    """The share of requests that is too slow where they take ``ratio`` times as long on average, beyond the usual."""
    share, usual = (1 / (1 + (_SLOW / times) ** _STEEPNESS) for times in (max(ratio, 1.0), 1.0))
    return float((share - usual) / (1 - usual))


def _first(door: float | None, own: float | None) -> tuple[float | None, str]:
    return (door, "what users meet") if door is not None else (own, "the alerting service")


@dataclass(frozen=True)
class Weight:
    """What one sign adds to the log-odds for each unit above ``centre``, which is what it usually is."""

    log_odds: float
    centre: float


@dataclass(frozen=True)
class ImpactWeights:
    """How much every sign says.

    Attributes:
        usual: the share of each severity among the incidents learned from.
    """

    usual: Mapping[Severity, float]
    signs: Mapping[str, Weight]

    def terms(self, measured: Measured) -> list[ImpactTerm]:
        """What was measured, as terms; what is not known says nothing."""
        return [
            ImpactTerm(text=text, log_odds=round(self.signs[name].log_odds * (value - self.signs[name].centre), 4),
                       learned=True)
            for name, (value, text) in signs_of(measured).items() if name in self.signs
        ]  # fmt: skip

    def probabilities(self, measured: Measured) -> dict[Severity, float]:
        """Of each severity, from what was measured alone."""
        return tilted(self.usual, math.fsum(term.log_odds for term in self.terms(measured)))

    def as_json(self) -> dict[str, Any]:
        signs = {name: {"log_odds": w.log_odds, "centre": w.centre} for name, w in self.signs.items()}
        return {"usual": {s.value: self.usual[s] for s in Severity}, "signs": signs}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ImpactWeights:
        return cls(
            {severity: float(state["usual"][severity.value]) for severity in Severity},
            {name: Weight(float(w["log_odds"]), float(w["centre"])) for name, w in state["signs"].items()},
        )


def tilted(probabilities: Mapping[Severity, float], log_odds: float) -> dict[Severity, float]:
    """``probabilities`` with each severity made that much likelier than the next lower one."""
    raised = {s: p * math.exp(log_odds * s.rank) for s, p in probabilities.items()}
    whole = math.fsum(raised.values())
    return {s: p / whole for s, p in raised.items()}


@cache
def shipped_weights() -> ImpactWeights:
    """The weights that come with the package.

    Raises:
        ModelError: if they are not there, or were changed since they were made.
    """
    return load_kept(SHIPPED, ImpactWeights.from_json, "impact", "python -m pipelines.weigh_impact")
