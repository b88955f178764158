"""How bad an incident is, in words: what the report prints and the incident's page draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from data.domain import Severity
from data.impact import Impact, ImpactTerm

SHOWN_TERMS = 4
_NAMED = 8


def facts(impact: Impact) -> tuple[tuple[str, str], ...]:
    """What was measured, as (name, sentence); what nothing counted says so."""
    return (
        ("Reaches", _reach(impact)),
        ("Users", _users(impact)),
        ("Failing", _failing(impact)),
        ("Error budget", _budget(impact)),
        (
            "Anomaly score",
            f"{impact.anomaly_score:.2f} of the alerting service (from 0, as usual, to 1)",
        ),
    )


def chances(impact: Impact) -> tuple[tuple[Severity, float], ...]:
    """Each severity with its probability, the worst first."""
    return tuple((s, impact.probabilities.get(s, 0.0)) for s in sorted(Severity, key=lambda s: -s.rank))


def measured(impact: Impact) -> tuple[ImpactTerm, ...]:
    """The terms of what was measured, strongest first."""
    return _strongest([term for term in impact.terms if not term.of])


def said(impact: Impact) -> tuple[ImpactTerm, ...]:
    """The terms of what the alert's text says, strongest first."""
    return _strongest([term for term in impact.terms if term.of])


def impact_lines(impact: Impact, severity: Severity) -> Iterator[str]:
    """The impact in plain text, a line at a time. ``severity``: what the incident is held to be."""
    yield f"{impact.severity.value}: " + ", ".join(f"{s.value} {p:.0%}" for s, p in chances(impact))
    if severity is not impact.severity:
        yield f"held to be {severity.value}, as its telemetry alone would say: the higher counts"
    for name, sentence in facts(impact):
        yield f"{name}: {sentence}"
    for term in measured(impact):
        yield f"{term.log_odds:+.2f} {term.text}"
    words = said(impact)
    for term in words[:SHOWN_TERMS]:
        yield f"{term.log_odds:+.2f} {term.text}, for {term.of}"
    if len(words) > SHOWN_TERMS:
        yield f"and {len(words) - SHOWN_TERMS} weaker terms of the text; --json has them"


def _strongest(terms: Sequence[ImpactTerm]) -> tuple[ImpactTerm, ...]:
    return tuple(sorted(terms, key=lambda term: -abs(term.log_odds)))


def _reach(impact: Impact) -> str:
    if len(impact.services) < 2:
        return "only the suspected cause itself, as far as is known"
    shown = ", ".join(impact.services[:_NAMED]) + (" and more" if len(impact.services) > _NAMED else "")
    return f"{len(impact.services)} services, {len(impact.symptomatic)} of which show it: {shown}"


def _users(impact: Impact) -> str:
    if impact.users is None:
        return "not known: no metric counts users or sessions there"
    return f"{impact.users:,.0f} users or sessions on the services it reaches"


def _failing(impact: Impact) -> str:
    if impact.failing is None:
        return "not known: no metric counts the share that fails at the alerting service"
    if not impact.failing:
        return "nothing at the alerting service since it began"
    return f"{_share(impact.failing)} at the alerting service since it began"


def _budget(impact: Impact) -> str:
    if impact.burn_rate is None:
        return "not known, for what fails is not counted"
    if impact.budget_gone_h is None:
        return "nothing of it is being spent"
    gone = impact.budget_gone_h
    left = f"{gone:.1f} hours" if gone < 48 else f"{gone / 24:.0f} days"
    return f"burns {impact.burn_rate:.3g} times as fast as allowed; a budget of 30 days would be gone in {left}"


def _share(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"
