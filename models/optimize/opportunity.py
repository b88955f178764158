"""One thing that could be better, with what it rests on and what is not known about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

from models.optimize.history import Floats


class OpportunityKind(StrEnum):
    oversized = "oversized"
    undersized = "undersized"
    idle = "idle"
    missing_index = "missing_index"
    repeated_query = "repeated_query"
    small_pool = "small_pool"
    large_pool = "large_pool"
    small_cache = "small_cache"


class Sizes(TypedDict, total=False):
    """What is allotted to one instance, now and then."""

    cpu_cores: tuple[float, float]
    memory_mib: tuple[float, float]


@dataclass(frozen=True)
class Target:
    """What a service has and should have; None where that is not known or not to change.

    Attributes:
        replicas: instances now and then.
        cpu_cores, memory_mib: allotted to one instance, now and then.
        instances: how many instances the change reaches, on average over the history; fractional under autoscaling.
    """

    replicas: tuple[float, int] | None = None
    cpu_cores: tuple[float, float] | None = None
    memory_mib: tuple[float, float] | None = None
    instances: float | None = None


@dataclass(frozen=True)
class Fact:
    """One observation: ``key`` names it within its opportunity, ``text`` is the sentence, ``detail`` the figures."""

    key: str
    text: str
    detail: dict[str, Any] = field(default_factory=dict)
    is_span: bool = False


@dataclass(frozen=True, eq=False)
class Opportunity:
    """One recommendation about one service.

    Attributes:
        subject: what of the service: "cpu", an operation, a pool; empty where the service as a whole.
        action: what to do, as an imperative sentence without a full stop.
        confidence: Laplace's rule of succession on ``blocks``: how likely the next stretch of time shows the same.
        blocks: stretches of time in which it held, and how many there were.
        target: the sizes now and then, where it is about size.
        peaks: daily peaks of each resource that the target rests on; empty where it rests on none.
        resized: the target that other daily peaks would give; None where there is no target.
        days: how many days the history has.
        effect: what is won besides money, in a clause.
        unknown: what was not seen and could overturn it, one sentence each.
    """

    service: str
    kind: OpportunityKind
    action: str
    facts: tuple[Fact, ...]
    confidence: float
    blocks: tuple[int, int]
    risk: str
    subject: str = ""
    target: Target | None = None
    peaks: tuple[Floats, ...] = ()
    resized: Callable[[Sequence[Floats]], Target] | None = None
    days: int = 0
    effect: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same recommendation has the same key in every run."""
        return "/".join(part for part in (self.service, str(self.kind), self.subject) if part)


@dataclass(frozen=True)
class Looked:
    """What one look found, and what it could not judge, one sentence each."""

    found: tuple[Opportunity, ...] = ()
    refused: tuple[str, ...] = ()


def together(looks: Sequence[Looked]) -> Looked:
    return Looked(tuple(o for look in looks for o in look.found), tuple(r for look in looks for r in look.refused))


def succession(held: int, of: int) -> float:
    """Probability that the next trial succeeds after ``held`` of ``of`` did, all rates being equally likely before.

    Laplace's rule of succession. A day seen twice is no certainty: 2 of 2 gives 0.75.
    """
    return (held + 1) / (of + 2)
