"""Pictures and audio notes as files: told by their first bytes, not by their names.

Nothing in them can be redacted, so only what a person attaches is ever sent.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from data.errors import InputError
from remediation.llm import Attachment

# What Gemini takes inline in one request is 20 MB, base64 included.
MAX_BYTES = 14_000_000

# https://www.iana.org/assignments/media-types; the signatures are the formats' own.
_KINDS: Final = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("audio/wav", re.compile(rb"RIFF.{4}WAVE", re.DOTALL)),
    ("audio/mpeg", re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")),
    ("audio/ogg", re.compile(rb"OggS")),
    ("audio/flac", re.compile(rb"fLaC")),
    ("audio/mp4", re.compile(rb".{4}ftypM4A", re.DOTALL)),
)


def read_attachment(path: Path) -> Attachment:
    """The picture or audio note at ``path``.

    Raises:
        InputError: it cannot be read, is neither, or is too large to be sent.
    """
    try:
        content = path.read_bytes()
    except OSError as failed:
        raise InputError(f"{path} cannot be read: {failed.strerror}", field="--attach") from failed
    kind = next((kind for kind, signature in _KINDS if signature.match(content)), None)
    if kind is None:
        known = ", ".join(kind for kind, _ in _KINDS)
        raise InputError(f"{path} is none of {known}; convert it first", field="--attach")
    if len(content) > MAX_BYTES:
        raise InputError(f"{path} has {len(content):,} bytes; at most {MAX_BYTES:,} can be sent", field="--attach")
    return Attachment(media_type=kind, content=content)


def named(attached: Attachment) -> str:
    """An attachment as it is kept on record: what it was and its digest, not its content."""
    digest = hashlib.sha256(attached.content).hexdigest()
    return f"{attached.media_type}, {len(attached.content)} bytes, sha256 {digest}"
