"""Pictures and audio notes: told by their bytes, sent in each provider's own shape, kept on record by digest."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from types import ModuleType

import pytest

from data.errors import InputError
from remediation.llm import Attachment, Prompt
from remediation.llm.attachments import MAX_BYTES, named, read_attachment
from remediation.llm.gemini import GeminiDrafter
from remediation.llm.openai_api import OpenAIDrafter

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
WAV = b"RIFF\x24\0\0\0WAVEfmt "
OGG = b"OggS\0\x02"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (WAV, "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (OGG, "audio/ogg"),
    ],
)
def test_the_first_bytes_tell_the_kind(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "misnamed.txt"
    path.write_bytes(content)
    assert read_attachment(path) == Attachment(media_type=kind, content=content)


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"", PNG + b"\0" * MAX_BYTES, None])
def test_anything_else_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dashboard.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="--attach"):
        read_attachment(path)


def test_what_went_along_is_kept_by_digest() -> None:
    shown = named(Attachment(media_type="image/png", content=PNG))
    assert shown == f"image/png, 16 bytes, sha256 {hashlib.sha256(PNG).hexdigest()}"


def prompt() -> Prompt:
    attached = (("image/png", PNG), ("audio/wav", WAV), ("audio/ogg", OGG))
    return Prompt(
        system="rules", user="data", attachments=tuple(Attachment(media_type=k, content=c) for k, c in attached)
    )


def test_gemini_is_sent_inline_data(model_server: ModuleType) -> None:
    with model_server.serving("{}") as script:
        reply = GeminiDrafter("k", "m", script.url).draft(prompt())
    body = script.requests[0]
    parts = body["contents"][0]["parts"] if isinstance(body["contents"], list) else body["contents"]["parts"]
    assert parts[0] == {"text": "data"}
    # The library writes this one name in snake case, which the API's JSON takes as well.
    sent = [(p["inlineData"]["mime_type"], base64.urlsafe_b64decode(p["inlineData"]["data"])) for p in parts[1:]]
    assert sent == [("image/png", PNG), ("audio/wav", WAV), ("audio/ogg", OGG)]
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["responseJsonSchema"]["required"]
    assert (reply.prompt_tokens, reply.answer_tokens) == (100, 50)


def test_openai_is_sent_data_urls_and_audio_and_told_of_the_rest(model_server: ModuleType) -> None:
    with model_server.serving("{}") as script:
        OpenAIDrafter("k", "m", f"{script.url}/v1").draft(prompt())
    body = script.requests[0]
    text, picture, audio, other = body["messages"][1]["content"]
    assert text == {"type": "text", "text": "data"}
    assert picture["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert audio["input_audio"] == {"data": base64.b64encode(WAV).decode(), "format": "wav"}
    assert "audio/ogg cannot be shown" in other["text"]
    assert body["response_format"]["json_schema"]["strict"] is True


def test_a_key_is_in_no_repr() -> None:
    assert "s3cret" not in repr(OpenAIDrafter("s3cret", "m")) + repr(GeminiDrafter("s3cret", "m"))
