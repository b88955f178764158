"""Which language models draft fixes, as the settings say: Gemini first, OpenAI (or a server like it) after it."""

from __future__ import annotations

from data.errors import ConfigError
from data.settings import Settings
from remediation.llm import Drafter
from remediation.llm.gemini import GeminiDrafter
from remediation.llm.openai_api import OpenAIDrafter
from remediation.synthesize import Synthesizer

# A local server asks for no key, but the client library insists on one.
_NO_KEY = "not-needed"


def synthesizer(settings: Settings) -> Synthesizer:
    """The synthesiser these settings call for; without a key or a base URL, the offline one alone.

    Raises:
        ConfigError: the folder of runbooks is not there.
    """
    if settings.runbooks is not None and not settings.runbooks.is_dir():
        raise ConfigError(f"QAI_RUNBOOKS: {settings.runbooks} is no folder; name one with runbooks in Markdown")
    drafters: list[Drafter] = []
    if settings.gemini_api_key or settings.gemini_base_url:
        key = settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else _NO_KEY
        drafters.append(
            GeminiDrafter(key, settings.gemini_model, settings.gemini_base_url, timeout_s=settings.llm_timeout_s)
        )
    if settings.openai_api_key or settings.openai_base_url:
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else _NO_KEY
        drafters.append(
            OpenAIDrafter(key, settings.openai_model, settings.openai_base_url, timeout_s=settings.llm_timeout_s)
        )
    return Synthesizer(tuple(drafters), tokens=settings.llm_tokens, prices=settings.llm_prices)
