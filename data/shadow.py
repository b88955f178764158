"""What a challenger would have said of an incident, beside what the champion did say."""

from __future__ import annotations

from data.domain import ModelUsed, Noun, Probability


class ShadowAnswer(Noun):
    """One incident, answered by both from what was seen at the time. Nobody acted on the challenger's answer.

    Attributes:
        says: the first service each named; None where nothing supported a cause.
        tells: whether the first was worth naming at all.
        failed: what went wrong where the challenger gave no answer; empty where it did.
    """

    champion: ModelUsed | None
    challenger: ModelUsed
    champion_says: str | None
    challenger_says: str | None
    champion_confidence: Probability
    challenger_confidence: Probability
    champion_tells: bool
    challenger_tells: bool
    failed: str = ""

    @property
    def agree(self) -> bool:
        return self.champion_says == self.challenger_says
