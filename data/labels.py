"""What became of an incident, as a label to learn from: who said what did it, and how far to believe that.

Labels differ in what stands behind them. A person who looked into it afterwards knows; a fix that was approved and
after which the alert recovered suggests that its cause was right; an approval alone says that it was plausible.
Those that nobody gave as such are *weak*, are marked so, and weigh less.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from pydantic import Field, model_validator

from data.domain import Noun, Utc, now


class Origin(StrEnum):
    """Where a label comes from; the first are believed most."""

    post_hoc = "post_hoc"
    corrected = "corrected"
    recovered = "recovered"
    approved = "approved"
    rejected = "rejected"


# How much an incident counts in training, beside one that a person looked into afterwards. ``rejected`` says what did
# not do it: that is used to judge confidence, and teaches a ranker nothing.
WEIGHT: Mapping[Origin, float] = MappingProxyType(
    {Origin.post_hoc: 1.0, Origin.corrected: 1.0, Origin.recovered: 0.5, Origin.approved: 0.2, Origin.rejected: 0.0}
)
STRONG = frozenset({Origin.post_hoc, Origin.corrected})


class Label(Noun):
    """What a person says, afterwards, that caused an incident. The newest of an incident stands.

    ``services`` is empty where ``nothing_wrong``: the alert was a false one. ``changes`` is None where nothing is said
    of changes, empty where none did it. ``fault`` is the kind of fault in a word or two, such as ``memory leak``: the
    reports tell how well each kind is served.
    """

    incident_id: str
    by: str
    at: Utc = Field(default_factory=now)
    services: tuple[str, ...] = ()
    changes: tuple[str, ...] | None = None
    nothing_wrong: bool = False
    fault: str = Field(default="", max_length=64)
    comment: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Label:
        if self.nothing_wrong == bool(self.services):
            raise ValueError("name the services that caused it, or say that nothing was wrong")
        return self
