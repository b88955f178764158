"""Hygiene for untrusted text and values: no control characters, stated lengths, bounded depth.

The whole body as it arrived is stored beside the alert, so nothing cut here is lost.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import InputError
from data.parse import parse_tags

UNKNOWN_SERVICE = "unknown"

NAME_CHARACTERS = 200  # services, metrics, tags: fits the columns they are stored in
TITLE_CHARACTERS = 500
TEXT_CHARACTERS = 4000
DEPTH = 6
ITEMS = 200

# C0 and C1 controls but for tab and line feed, and the overrides of direction that make text read otherwise than it is.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WHITE = re.compile(r"\s+")


def clean(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """``text`` without control characters or lone surrogates, at most about ``limit`` characters.

    What is cut is said at the end: ``… [cut from 12345 characters]``.
    """
    whole = _CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8").strip()
    return whole if len(whole) <= limit else f"{whole[:limit]}… [cut from {len(whole)} characters]"


def line(text: str, limit: int = TITLE_CHARACTERS) -> str:
    """``text`` cleaned, on one line."""
    return clean(_WHITE.sub(" ", text), limit)


def name(text: str) -> str:
    """``text`` as a name or identity: one line that fits its column, and still unlike other names when cut."""
    whole = line(text, len(text))
    if len(whole) <= NAME_CHARACTERS:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:16]
    return f"{whole[: NAME_CHARACTERS - 17]}~{digest}"


def scalar(value: Any, *, field: str) -> str | None:
    """``value`` as text; None for null.

    Raises:
        InputError: if ``value`` is a list or an object, or a number beyond reason.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        try:
            return str(value)
        except ValueError as error:  # an int of more digits than Python will print
            raise InputError("the number is too large; send it as text", field=field) from error
    raise InputError("is a list or an object; send text or a number", field=field)


def tidy(value: Any, depth: int = DEPTH) -> Any:
    """Any JSON value with its texts cleaned, its depth and its lists bounded, and every number printable."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _large(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        return "… [nested too deeply; see the stored body]"
    if isinstance(value, Mapping):
        return {name(str(k)): tidy(v, depth - 1) for k, v in _first(list(value.items()))}
    if isinstance(value, Sequence):
        return [tidy(item, depth - 1) for item in _first(value)]
    return clean(repr(value))


def tags(value: Any) -> dict[str, str]:
    """Tags by :func:`data.parse.parse_tags`, with names and values cleaned, values cut, and at most 200 of them.

    Raises:
        InputError: if a tag's value is itself a list or an object of a mapping.
    """
    if isinstance(value, Mapping):
        value = {k: scalar(v, field=f"tags.{line(str(k), 80)}") for k, v in value.items()}
    elif isinstance(value, Sequence) and not isinstance(value, str):
        value = [scalar(item, field="tags") for item in value if item is not None]
    else:
        value = scalar(value, field="tags")
    return {name(k): line(v) for k, v in _first(list(parse_tags(value).items())) if name(k)}


def _first(items: Sequence[Any]) -> Sequence[Any]:
    return items[:ITEMS]


def _large(value: int) -> str:
    try:
        return clean(str(value))
    except ValueError:
        return f"[an integer of {value.bit_length()} bits]"
