"""What a change is judged against, and what the judgement looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from data.domain import Alert
from data.topology import ServiceGraph

_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)"
_LEVELS = re.compile(rf"\bfrom {_NUMBER}\s*\S{{0,8}} to {_NUMBER}", re.IGNORECASE)

_COUNTS = re.compile(rf"\bran {_NUMBER} times where {_NUMBER} were usual", re.IGNORECASE)


def _number(text: str) -> float:
    return float(text.replace(",", ""))


@dataclass(frozen=True)
class Symptom:
    """One thing the telemetry shows to have gone wrong.

    Attributes:
        service: whose telemetry it is; any entity, such as a database or a queue.
        kind: ``"metric"``, ``"log"`` or ``"span"``.
        name: the metric or operation; the severity for a log where nothing better is known.
        text: the log template or error text; for a metric, a sentence such as "rose from 12 ms to 1,480 ms".
        score: how abnormal it is, in no particular unit; only its order among symptoms of its kind counts.
        channel: which way of looking showed it (:class:`~models.base.Channel`); empty where that is not known.
    """

    service: str
    kind: str
    name: str
    text: str = ""
    score: float = 0.0
    channel: str = ""

    @property
    def levels(self) -> tuple[float, float] | None:
        """What it moved from and to, as its text says it, units left out; None where it does not.

        Of a metric the level, of calls in spans how many were usual and how many there were.
        """
        if self.kind == "span" and (counts := _COUNTS.search(self.text)):
            return _number(counts.group(2)), _number(counts.group(1))
        found = _LEVELS.search(self.text) if self.kind == "metric" else None
        return (_number(found.group(1)), _number(found.group(2))) if found else None

    @property
    def is_steady(self) -> bool:
        """Whether it is a level that hardly moved: no complaint, but something to compare with."""
        return self.levels is not None and abs(self.levels[1] - self.levels[0]) < 0.1 * abs(self.levels[0])


@dataclass(frozen=True)
class Beginning:
    """A guess at when the trouble began: ``at``; until ``well_until`` all was surely well (None: not known)."""

    at: datetime
    well_until: datetime | None = None
    probability: float = 1.0


@dataclass(frozen=True)
class ChangeContext:
    """Everything known of an incident when its changes are ranked.

    Attributes:
        alert: what fired, where and when.
        onset: the estimated beginning of the trouble; None where it could not be estimated.
        service_probabilities: service -> probability that it is the root cause; may be empty.
        graph: who calls whom; may be empty.
        symptoms: what the telemetry shows, in any order.
        reporting: the entities that tell of themselves, by metrics, logs or spans of their own; empty if not known.
        beginnings: all guesses at the onset, where there is more to say of it than ``onset``; their probabilities
            sum to one.
    """

    alert: Alert
    onset: datetime | None = None
    service_probabilities: Mapping[str, float] = field(default_factory=dict)
    graph: ServiceGraph = field(default_factory=ServiceGraph)
    symptoms: tuple[Symptom, ...] = ()
    beginnings: tuple[Beginning, ...] = ()
    reporting: frozenset[str] = frozenset()

    @property
    def began(self) -> tuple[Beginning, ...]:
        """When the trouble may have begun: never empty, the alert itself where nothing else is known."""
        return self.beginnings or (Beginning(self.onset or self.alert.fired_at),)


@dataclass(frozen=True)
class ChangeRanking:
    """How probably each change caused the incident, and why.

    ``probabilities`` (change id -> probability) and ``no_change_probability`` sum to one. ``reasons`` holds
    one sentence for each signal that moved a change, strongest first; ``no_change_reasons`` the same for
    the explanation that no recorded change did it.
    """

    probabilities: Mapping[str, float]
    no_change_probability: float
    reasons: Mapping[str, tuple[str, ...]]
    no_change_reasons: tuple[str, ...] = ()

    @property
    def ordered(self) -> tuple[str, ...]:
        """Change ids, most probable first; equals are ordered by id."""
        return tuple(sorted(self.probabilities, key=lambda id_: (-self.probabilities[id_], id_)))
