"""Numbers behind a piece of evidence: what an indicator was before, and what it became."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from data.domain import Evidence, EvidenceKind


@dataclass(frozen=True)
class Reading:
    """One indicator of one service, before and during the incident; either number may be unknown."""

    evidence: str
    name: str
    service: str | None
    baseline: float | None
    current: float | None
    unit: str = ""

    @property
    def rose(self) -> bool:
        """Whether it is known to have gone up."""
        return self.baseline is not None and self.current is not None and self.current > self.baseline

    def rose_by(self, times: float) -> bool:
        """Whether it is known to have gone up to so many times what it was, or what one would be."""
        return self.rose and self.current is not None and self.current >= times * max(self.baseline or 0.0, 1.0)

    @property
    def words(self) -> frozenset[str]:
        """The words its name is made of, in lower case."""
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name).lower()
        return frozenset(re.findall(r"[a-z0-9]+", spaced))

    def target(self) -> str:
        """The level to return to, as words: ``120 ms``, or the level before the incident where it is not known."""
        if self.baseline is None:
            return "its level before the incident"
        return f"{number(self.baseline)} {self.unit}".strip()


def reading_of(item: Evidence) -> Reading | None:
    """The numbers in an evidence's detail: ``metric``, what it was (``base``), what it became (``now``), ``unit``."""
    name = item.detail.get("metric") or item.detail.get("indicator")
    if item.kind not in (EvidenceKind.metric, EvidenceKind.span) or not isinstance(name, str) or not name:
        return None
    unit = item.detail.get("unit")
    return Reading(
        evidence=item.id,
        name=name,
        service=item.service,
        baseline=_number(item.detail, "base", "baseline"),
        current=_number(item.detail, "now", "current"),
        unit=unit if isinstance(unit, str) else "",
    )


def number(value: float) -> str:
    """A figure as a person would write it: four significant digits, no trailing zeros."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _number(detail: dict[str, object], *keys: str) -> float | None:
    for key in keys:
        value = detail.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None
