"""What the incident's page shows of how bad it is."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Severity
from data.impact import Impact, ImpactTerm
from serving import impact as words

_SHOWN = 12


@dataclass(frozen=True)
class ImpactView:
    """An impact that was kept, and the severity the incident is held to have."""

    impact: Impact
    held: Severity

    @property
    def chances(self) -> tuple[tuple[Severity, float], ...]:
        return words.chances(self.impact)

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        return words.facts(self.impact)

    @property
    def is_raised(self) -> bool:
        """Whether the incident is held to be worse than this alone would say."""
        return self.held.rank > self.impact.severity.rank

    @property
    def terms(self) -> tuple[ImpactTerm, ...]:
        """What was measured, then what the text says, each strongest first."""
        return words.measured(self.impact) + words.said(self.impact)

    @property
    def shown(self) -> tuple[ImpactTerm, ...]:
        return self.terms[:_SHOWN]

    @property
    def most(self) -> float:
        """The strongest term's log-odds, for scale."""
        return max((abs(term.log_odds) for term in self.terms), default=1.0) or 1.0
