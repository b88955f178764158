"""Gemini through ``google-genai`` with structured output; another server by ``GOOGLE_GEMINI_BASE_URL``.

https://ai.google.dev/gemini-api/docs/structured-output
"""

from __future__ import annotations

from dataclasses import dataclass

from remediation.llm import Prompt, Reply
from remediation.llm.answer import schema
from remediation.llm.hosted import HostedDrafter


@dataclass(frozen=True)
class GeminiDrafter(HostedDrafter):
    """Pictures and audio of any kind go along as inline data."""

    @property
    def name(self) -> str:
        return "gemini"

    def _ask(self, prompt: Prompt) -> Reply:
        from google import genai
        from google.genai import types

        options = types.HttpOptions(
            api_version="v1beta",
            base_url=self.base_url,
            timeout=int(self.timeout_s * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        parts = [types.Part.from_text(text=prompt.user)]
        parts += [types.Part.from_bytes(data=a.content, mime_type=a.media_type) for a in prompt.attachments]
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
        usage = answer.usage_metadata
        return Reply(
            text=answer.text or "",
            model=self.model,
            prompt_tokens=usage.prompt_token_count if usage else None,
            answer_tokens=usage.candidates_token_count if usage else None,
        )

    def _failures(self) -> tuple[type[Exception], ...]:
        import httpx2  # what google-genai speaks HTTP with
        from google.genai import errors

        return errors.APIError, httpx2.HTTPError, ValueError, OSError
