"""Both providers' libraries against aimock, which others keep and which speaks both wire formats."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from remediation.llm import Attachment, DrafterError, Prompt
from remediation.llm.answer import parse
from remediation.llm.gemini import GeminiDrafter
from remediation.llm.openai_api import OpenAIDrafter

LLMOCK = shutil.which("llmock")
pytestmark = pytest.mark.skipif(LLMOCK is None, reason="npm install -g @copilotkit/aimock@1.43.0 brings llmock")

DRAFT = {
    "root_cause_analysis": {"summary": "Checkout is slow [m1].", "details": "", "factors_contributing": []},
    "proposed_solution": {"type": "code_fix", "summary": "Mend it"},
}
PICTURE = Attachment(media_type="image/png", content=b"\x89PNG\r\n\x1a\n")


@contextmanager
def llmock(folder: Path, *options: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fixture = {"match": {"userMessage": "Incident"}, "response": {"content": json.dumps(DRAFT)}}
    (folder / "draft.json").write_text(json.dumps({"fixtures": [fixture]}))
    command = [str(LLMOCK), "-p", str(port), "-f", str(folder), *options]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await(url)
            yield url
        finally:
            server.terminate()


def _await(url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            httpx.get(f"{url}/health", timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("llmock did not come up")


def openai(url: str) -> OpenAIDrafter:
    return OpenAIDrafter("k", "gpt-5-mini", f"{url}/v1", timeout_s=10)


def gemini(url: str) -> GeminiDrafter:
    return GeminiDrafter("k", "gemini-flash-latest", url, timeout_s=10)


@pytest.mark.parametrize("drafter", [openai, gemini])
def test_a_draft_comes_with_what_it_took(tmp_path: Path, drafter: Callable[[str], OpenAIDrafter]) -> None:
    prompt = Prompt(system="rules", user="Incident INC-1", attachments=(PICTURE,))
    with llmock(tmp_path) as url:
        reply = drafter(url).draft(prompt)
    assert parse(reply.text).root_cause_analysis.summary == "Checkout is slow [m1]."
    assert reply.answer_tokens is not None
    assert reply.seconds > 0


@pytest.mark.parametrize("drafter", [openai, gemini])
@pytest.mark.parametrize(
    ("options", "user"), [(("--chaos-ratelimit", "1"), "Incident INC-1"), (("--strict",), "of nothing it knows")]
)
def test_a_refusal_is_said_at_once(
    tmp_path: Path, drafter: Callable[[str], OpenAIDrafter], options: tuple[str, ...], user: str
) -> None:
    with llmock(tmp_path, *options) as url, pytest.raises(DrafterError):
        drafter(url).draft(Prompt(system="rules", user=user))
