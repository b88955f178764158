"""Language models draft words and patches; everything that counts is decided by code around them.

A drafter turns a prompt into text. It ranks nothing, sets no confidence, chooses no scope and sends no message:
:mod:`remediation.llm.guard` holds what it wrote to the evidence, the files in scope and the gates.
"""

from __future__ import annotations

from typing import Protocol

from data.domain import Noun
from data.errors import QaiError


class Attachment(Noun):
    """A picture of a dashboard or topology, or an audio note, shown to models that can take it."""

    media_type: str
    content: bytes


class Prompt(Noun):
    """What a model is shown: redacted, fenced and within its budget. ``system`` is ours, ``user`` holds the data."""

    system: str
    user: str
    attachments: tuple[Attachment, ...] = ()


class Reply(Noun):
    """What a model answered, and what that took. ``text`` is JSON if the model did as asked."""

    text: str
    model: str
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    seconds: float = 0.0


class DrafterError(QaiError):
    """A model could not be asked, or gave no answer: not configured, refused, late, or failing."""


class Drafter(Protocol):
    """One provider of language models."""

    @property
    def name(self) -> str:
        """What ``Proposal.synthesizer`` says: ``gemini`` or ``openai``."""
        ...

    def draft(self, prompt: Prompt) -> Reply:
        """Ask once, without retries of the library's own.

        Raises:
            DrafterError: no answer came, and why.
        """
        ...
