"""OpenAI's chat completions with structured output, or any server that speaks them (``OPENAI_BASE_URL``).

https://platform.openai.com/docs/guides/structured-outputs
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from remediation.llm import Attachment, DrafterError, Prompt, Reply
from remediation.llm.answer import schema
from remediation.llm.hosted import HostedDrafter

_AUDIO = {"audio/wav": "wav", "audio/mpeg": "mp3"}


@dataclass(frozen=True)
class OpenAIDrafter(HostedDrafter):
    """Pictures go along as data URLs, WAV and MP3 as audio; of any other audio the model is told that it exists."""

    @property
    def name(self) -> str:
        return "openai"

    def _ask(self, prompt: Prompt) -> Reply:
        import openai

        with openai.OpenAI(
            api_key=self.api_key, base_url=self.base_url, timeout=self.timeout_s, max_retries=0
        ) as client:
            answer = client.chat.completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": _content(prompt)},
                ],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "proposal", "strict": True, "schema": schema()},
                },
            )
        message = answer.choices[0].message if answer.choices else None
        if message is not None and message.refusal:
            raise DrafterError(f"openai: refused: {' '.join(message.refusal.split())[:150]}")
        usage = answer.usage
        return Reply(
            text=(message.content if message else None) or "",
            model=answer.model or self.model,
            prompt_tokens=usage.prompt_tokens if usage else None,
            answer_tokens=usage.completion_tokens if usage else None,
        )

    def _failures(self) -> tuple[type[Exception], ...]:
        import openai

        return (openai.OpenAIError,)


def _content(prompt: Prompt) -> Any:
    if not prompt.attachments:
        return prompt.user
    return [{"type": "text", "text": prompt.user}, *(_part(attached) for attached in prompt.attachments)]


def _part(attached: Attachment) -> dict[str, Any]:
    """https://platform.openai.com/docs/guides/images-vision and .../guides/audio"""
    data = base64.b64encode(attached.content).decode("ascii")
    if attached.media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": f"data:{attached.media_type};base64,{data}"}}
    if attached.media_type in _AUDIO:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO[attached.media_type]}}
    return {"type": "text", "text": f"(an attachment of type {attached.media_type} cannot be shown to you)"}
