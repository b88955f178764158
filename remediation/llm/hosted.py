"""What every provider of language models shares: one question, timed, and its failures said in one way."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from remediation.llm import DrafterError, Prompt, Reply


@dataclass(frozen=True)
class HostedDrafter(ABC):
    """A provider that is reached over HTTP. ``base_url`` None is the vendor's own server."""

    api_key: str = field(repr=False)
    model: str
    base_url: str | None = None
    timeout_s: float = 60.0

    @property
    @abstractmethod
    def name(self) -> str:
        """What ``Proposal.synthesizer`` says."""

    def draft(self, prompt: Prompt) -> Reply:
        """Ask once.

        Raises:
            DrafterError: no answer came, and why.
        """
        started = time.monotonic()
        try:
            reply = self._ask(prompt)
        except self._failures() as failed:
            said = " ".join(str(failed).split())[:200]
            raise DrafterError(f"{self.name}: {type(failed).__name__}: {said}") from failed
        if not reply.text:
            raise DrafterError(f"{self.name}: an empty answer, or one that was blocked")
        return reply.model_copy(update={"seconds": time.monotonic() - started})

    @abstractmethod
    def _ask(self, prompt: Prompt) -> Reply:
        """The vendor's library, asked without retries of its own."""

    @abstractmethod
    def _failures(self) -> tuple[type[Exception], ...]:
        """What the vendor's library raises where no answer comes."""
