"""One module a format, each with ``change(text, change) -> text``.

A key is a path: ``server.limits.timeout``, ``/server/limits/timeout`` (JSON pointer, RFC 6901), or
``containers[0].image``, ``containers[name=web].image``. Where a mapping's own keys hold dots, the longest key
that fits wins.
"""

from __future__ import annotations

import re

from data.errors import ProposalError


class Missing(Exception):
    """The key, or what it stands in, is not in the file."""


def segments(key: str) -> list[str]:
    """The steps of a key's path.

    Raises:
        ProposalError: a step is empty.
    """
    if key.startswith("/"):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in key[1:].split("/")]
    else:
        steps = re.sub(r"\[([^\]]*)\]", r".\1", key.strip()).lstrip(".").split(".")
    if not all(steps):
        raise ProposalError(f"missing: {key!r} is not a path to a key, such as server.timeout or items[0].name")
    return steps


def number_like(old: object, new: object) -> object:
    """``new`` as a number or truth value where ``old`` is one and ``new`` is its text: models quote what is no text."""
    if not isinstance(new, str):
        return new
    if isinstance(old, bool):
        return {"true": True, "false": False}.get(new.lower(), new)
    for kind in (int, float):
        if isinstance(old, int | float) and not isinstance(old, bool):
            try:
                return kind(new)
            except ValueError:
                continue
    return new
