"""Which paths are asked for, with what varies in them left out."""

from __future__ import annotations

import re

from models.logs.masking import SHOWN

_REQUEST = re.compile(r"\b(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)\s+(?:https?://[^/\s\"]+)?(/[^\s\"?#]*)")
# Numbers, and ids of eight or more characters with a digit in them; "v1" is part of the path.
_ID = re.compile(r"\d+|(?=[^/]*\d)[\w.~+=-]{8,}")


def request_path(line: str) -> str | None:
    """The path of the HTTP request in ``line``, ids as ``<*>`` and without its query; None if there is no request."""
    found = _REQUEST.search(line)
    if found is None:
        return None
    return "/".join(SHOWN if _ID.fullmatch(part) else part for part in found[1].split("/"))
