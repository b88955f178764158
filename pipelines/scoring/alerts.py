"""How severe alerts sound, before anything has been measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import Field

from data.domain import Noun, Severity
from data.reports import Report
from models.severity import shipped


class AlertRequest(Noun):
    """What a monitor or a person wrote. ``stated`` is the severity its sender gave it, in the sender's word."""

    title: str = ""
    text: str = Field(default="", max_length=20_000)
    service: str = ""
    expression: str = ""
    stated: str = ""
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class TermReply(Noun):
    """One thing that moved the score; ``log_odds`` above zero speak for ``of``."""

    name: str
    of: str
    log_odds: float


class AlertScore(Noun):
    """Probabilities of each severity, and the one to call it by, which is not simply the likeliest."""

    severity: Severity
    probabilities: dict[Severity, float]
    terms: list[TermReply]


def score_alerts(batch: Sequence[AlertRequest]) -> list[AlertScore]:
    """Each alert by itself."""
    return [_scored(request) for request in batch]


def _scored(request: AlertRequest) -> AlertScore:
    said = request.model_dump()
    found = shipped().assess(Report(**{**said, "stated": request.stated.strip().lower()}))
    terms = [TermReply(**asdict(term)) for term in found.terms]
    return AlertScore(severity=found.severity, probabilities=found.probabilities, terms=terms)
