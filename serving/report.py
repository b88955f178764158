"""A diagnosis in plain text: three lines first, then everything behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from data.domain import Alert, Change, Diagnosis
from pipelines.attribution import attributed

_SHOWN = 5


def report_lines(alert: Alert, changes: Mapping[str, Change], diagnosis: Diagnosis) -> Iterator[str]:
    """The report, a line at a time: what broke, why, how sure; then causes, changes and blind spots."""
    yield from headline(alert, changes, diagnosis)
    yield ""
    yield "Root causes"
    for rank, candidate in enumerate(diagnosis.suspects[:_SHOWN], 1):
        indicator = f" ({candidate.indicator})" if candidate.indicator else ""
        yield f"  {rank}. {percent(candidate.probability):>4}  {candidate.service}{indicator}"
        for item in diagnosis.cited(candidate.evidence)[:3]:
            yield f"         [{item.id}] {item.summary}"
        if len(candidate.path) > 1:
            yield f"         reaches the alert by {' -> '.join(candidate.path)}"
    if not diagnosis.suspects:
        yield "  none: nothing in the telemetry supports a cause"
    if faint := [candidate.service for candidate in diagnosis.candidates if candidate.faint]:
        more = f" and {len(faint) - _SHOWN} more" if len(faint) > _SHOWN else ""
        yield f"  hardly moved, likeliest first: {', '.join(faint[:_SHOWN])}{more}"
    if said := attributed(diagnosis):
        yield "A causal model of the calls, which is no part of the ranking"
        yield from (f"  - {item.summary}" for item in said)
    yield "Changes"
    for line in _changes(changes, diagnosis):
        yield f"  {line}"
    yield "Could not be seen"
    for sentence in diagnosis.unseen or ("nothing known to be missing",):
        yield f"  - {sentence}"


def headline(alert: Alert, changes: Mapping[str, Change], diagnosis: Diagnosis) -> tuple[str, str, str]:
    """What broke, why, how sure: the three lines to read at 3 a.m."""
    reach = len(diagnosis.blast_radius.services)
    broke = f"What broke: {alert.title} ({diagnosis.severity.value}; reaches {reach} service{'s' * (reach != 1)})"
    return broke, f"Why: {_why(changes, diagnosis)}", f"How sure: {_how_sure(diagnosis)}"


def _why(changes: Mapping[str, Change], diagnosis: Diagnosis) -> str:
    if not diagnosis.suspects:
        return "not known; nothing in the telemetry supports a cause"
    cause = _cause(diagnosis)
    blamed = blamed_change(diagnosis)
    if blamed is None and diagnosis.no_change_probability < 0.5:
        return f"{cause}; whether a change caused this could not be seen"
    if blamed is None:
        return f"{cause}; most likely no change caused this"
    return f"{cause}; after {_describe(changes.get(blamed), blamed)}"


def _cause(diagnosis: Diagnosis) -> str:
    if diagnosis.cannot_tell is not None:
        return f"cannot tell; {diagnosis.cannot_tell}"
    lead = diagnosis.suspects[0]
    first = next(iter(diagnosis.cited(lead.evidence)), None)
    return lead.service + (f": {first.summary}" if first else "")


def _how_sure(diagnosis: Diagnosis) -> str:
    if not diagnosis.suspects:
        return "not at all"
    others = ", ".join(f"{c.service} {percent(c.probability)}" for c in diagnosis.suspects[1:3])
    sure = f"{percent(diagnosis.confidence)} on the service"
    if not diagnosis.can_tell:
        sure = f"not enough to name a service; the best guess is {diagnosis.suspects[0].service}"
    text = sure + (f" (else {others})" if others else "")
    blamed = blamed_change(diagnosis)
    if blamed is not None:
        text += f", {percent(diagnosis.changes[0].probability)} on the change"
    elif diagnosis.changes:
        text += f", {percent(diagnosis.no_change_probability)} that no change did it"
    blind = len(diagnosis.unseen)
    return text + (f"; {blind} thing{'s' * (blind != 1)} could not be seen" if blind else "")


def blamed_change(diagnosis: Diagnosis) -> str | None:
    """The change more likely than "no change caused this", if there is one."""
    lead = diagnosis.changes[0] if diagnosis.changes else None
    return lead.id if lead and lead.probability > diagnosis.no_change_probability else None


def _changes(changes: Mapping[str, Change], diagnosis: Diagnosis) -> Iterator[str]:
    rows = [(c.probability, _describe(changes.get(c.id), c.id), c.evidence) for c in diagnosis.changes[:_SHOWN]]
    rows.append((diagnosis.no_change_probability, "no change caused this", diagnosis.no_change_evidence))
    for probability, text, cited in sorted(rows, key=lambda row: -row[0]):
        yield f"{percent(probability):>4}  {text}"
        for item in diagnosis.cited(cited)[:2]:
            yield f"      [{item.id}] {item.summary}"


def _describe(change: Change | None, change_id: str) -> str:
    if change is None:
        return change_id[:12]
    return f"{change.kind.value} {change_id[:12]} {change.summary!r}"


def percent(probability: float) -> str:
    """A probability for people: what is not impossible is not shown as nothing."""
    return "<1%" if 0.0 < probability < 0.005 else f"{probability:.0%}"
