"""What was done to the world for an incident, and what came of it. All kept with the incident, oldest first.

Operation      a write to a running system, worked out and not made: what it is now, what it would become
Applied        a write that was made, with what it takes to take it back
Recovery       what telemetry says of it afterwards
TakingBack     it did not help, so it is to be taken back: on record before anything is written
TakenBack      it was taken back, or why not
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from data.domain import Noun, Utc, now


class Operation(Noun):
    """One write to a running system.

    Attributes:
        kind: the remedy's kind, such as ``scale``.
        target: what is written to, as its platform names it.
        summary: the write as one imperative sentence, with what it was and what it becomes.
        before, after: the state that is changed and nothing else, under the platform's own names. A platform writes
            only where it finds ``before``, and has nothing to do where it finds ``after``.
        irreversible: why it cannot be taken back; None where :meth:`reversed` takes it back.
        canary: how it is tried on a part first; None where it is done as a whole.
    """

    kind: str
    service: str
    target: str
    summary: str
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]
    irreversible: str | None = None
    canary: str | None = None

    def reversed(self) -> Operation:
        """The operation that takes this one back."""
        summary = f"Take back: {self.summary}"
        return self.model_copy(update={"before": self.after, "after": self.before, "summary": summary, "canary": None})


class Applied(Noun):
    """A write that was made.

    Attributes:
        action: what the policy calls it.
        service: what it was done to.
        by: who or what decided on it.
        in_effect: since when what was changed is what runs; None where that is not ours to know, such as a merge that
            somebody else's pipeline deploys.
        operation, pull_request: what it was: one of the two.
    """

    action: str
    service: str
    by: str
    summary: str
    at: Utc = Field(default_factory=now)
    in_effect: Utc | None = None
    operation: Operation | None = None
    pull_request: int | None = None

    @property
    def is_canary(self) -> bool:
        """Whether it was done to a part only, to see what comes of it."""
        return self.operation is not None and self.operation.canary is not None


class RecoveryOutcome(StrEnum):
    """What came of a write.

    ``recovered``: what alerted is back in its usual range, what was said to hold holds, nothing else got worse.
    ``partly``: what alerted is back, and something else that was said to hold is not, or could not be seen.
    ``not_recovered``: in the time given it did not come back. ``worse``: something got worse that had been well, or
    what alerted did. ``failed``: it could not be made as a whole. ``unverified``: what alerted could not be seen.
    """

    recovered = "recovered"
    partly = "partly"
    not_recovered = "not_recovered"
    worse = "worse"
    failed = "failed"
    unverified = "unverified"

    @property
    def is_bad(self) -> bool:
        """Whether what was done is better taken back."""
        return self in (RecoveryOutcome.not_recovered, RecoveryOutcome.worse, RecoveryOutcome.failed)


class Recovery(Noun):
    """What telemetry says of a write; ``seen`` and ``unseen`` are sentences a person can check."""

    outcome: RecoveryOutcome
    action: str
    service: str
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    at: Utc = Field(default_factory=now)

    @property
    def sentence(self) -> str:
        """The outcome and what it rests on."""
        blind = f"; not seen: {'; '.join(self.unseen)}" if self.unseen else ""
        return f"{self.outcome.value.replace('_', ' ')}: {'; '.join(self.seen) or 'nothing was seen'}{blind}"


class TakingBack(Noun):
    """The intent to take back what was done."""

    because: str
    at: Utc = Field(default_factory=now)


class TakenBack(Noun):
    """What was done is undone; ``problem`` says why where it is not."""

    summary: str
    by: str
    problem: str | None = None
    at: Utc = Field(default_factory=now)
