"""OpenAI's chat completions with structured output, or any server that speaks them (``OPENAI_BASE_URL``).

https://platform.openai.com/docs/guides/structured-outputs
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any

from remediation.llm import DrafterError, Prompt, Reply
from remediation.llm.answer import schema


@dataclass(frozen=True)
class OpenAIDrafter:
    """``base_url`` None is OpenAI itself."""

    api_key: str
    model: str
    base_url: str | None = None
    timeout_s: float = 60.0

    @property
    def name(self) -> str:
        return "openai"

    def draft(self, prompt: Prompt) -> Reply:
        import openai

        started = time.monotonic()
        try:
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
        except openai.OpenAIError as failed:
            raise DrafterError(f"openai: {type(failed).__name__}: {' '.join(str(failed).split())[:200]}") from failed
        choice = answer.choices[0] if answer.choices else None
        if choice is None or not choice.message.content:
            refusal = choice.message.refusal if choice is not None else None
            raise DrafterError(f"openai: {f'refused: {refusal[:150]}' if refusal else 'an empty answer'}")
        usage = answer.usage
        return Reply(
            text=choice.message.content,
            model=answer.model or self.model,
            prompt_tokens=usage.prompt_tokens if usage else None,
            answer_tokens=usage.completion_tokens if usage else None,
            seconds=time.monotonic() - started,
        )


def _content(prompt: Prompt) -> Any:
    if not prompt.attachments:
        return prompt.user
    parts: list[dict[str, Any]] = [{"type": "text", "text": prompt.user}]
    for attached in prompt.attachments:
        data = base64.b64encode(attached.content).decode("ascii")
        if attached.media_type.startswith("image/"):
            parts.append({"type": "image_url", "image_url": {"url": f"data:{attached.media_type};base64,{data}"}})
        elif attached.media_type in ("audio/wav", "audio/mpeg"):
            kind = "wav" if attached.media_type == "audio/wav" else "mp3"
            parts.append({"type": "input_audio", "input_audio": {"data": data, "format": kind}})
    return parts
