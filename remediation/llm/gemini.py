"""Gemini through ``google-genai`` with structured output; another server by ``GOOGLE_GEMINI_BASE_URL``.

https://ai.google.dev/gemini-api/docs/structured-output
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from remediation.llm import DrafterError, Prompt, Reply
from remediation.llm.answer import schema


@dataclass(frozen=True)
class GeminiDrafter:
    """``base_url`` None is Google's own."""

    api_key: str
    model: str
    base_url: str | None = None
    timeout_s: float = 60.0

    @property
    def name(self) -> str:
        return "gemini"

    def draft(self, prompt: Prompt) -> Reply:
        import httpx2  # what google-genai speaks HTTP with
        from google import genai
        from google.genai import errors, types

        options = types.HttpOptions(
            api_version="v1beta",
            base_url=self.base_url,
            timeout=int(self.timeout_s * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        parts = [types.Part.from_text(text=prompt.user)]
        parts += [types.Part.from_bytes(data=a.content, mime_type=a.media_type) for a in prompt.attachments]
        started = time.monotonic()
        try:
            with genai.Client(api_key=self.api_key, http_options=options) as client:
                answer = client.models.generate_content(
                    model=self.model,
                    contents=types.Content(role="user", parts=parts),
                    config=types.GenerateContentConfig(
                        system_instruction=prompt.system,
                        response_mime_type="application/json",
                        response_json_schema=schema(),
                        temperature=0.0,
                    ),
                )
                text = answer.text
        except (errors.APIError, httpx2.HTTPError, ValueError, OSError) as failed:
            raise DrafterError(f"gemini: {type(failed).__name__}: {' '.join(str(failed).split())[:200]}") from failed
        if not text:
            raise DrafterError("gemini: an empty answer, or one that was blocked")
        usage = answer.usage_metadata
        return Reply(
            text=text,
            model=self.model,
            prompt_tokens=usage.prompt_token_count if usage else None,
            answer_tokens=usage.candidates_token_count if usage else None,
            seconds=time.monotonic() - started,
        )
