"""Whose failure a failed call is: the caller's, or that of whom it called. Told by who answered what.

A client's span that fails says that a call failed, not who made it fail. A server error, or a refusal for want of
capacity, is the word of whoever answered. Where nobody answered it may be either, or the way between them; where the
callee tells of its other calls and not of these, they did not get through to it. OpenTelemetry has callers count 4xx
answers as errors, and callees not (Semantic Conventions, HTTP spans, "Status"): such a call may be a bad request or a
refused one.
"""

from __future__ import annotations

import re
from functools import lru_cache

# An answer that says that the callee could not: HTTP 5xx and 429, gRPC's words for the same.
_COULD_NOT = re.compile(
    r"\b(?:5\d\d|429)\b|too many requests|rate.?limit|throttl|resource.?exhausted|overload|service.?unavailable"
    r"|internal.?server.?error|quota",
    re.IGNORECASE,
)
_SILENT = re.compile(r"time[d-]?.?out|did not answer|no answer|deadline", re.IGNORECASE)
# How much of the failure belongs to the callee.
ANSWERED, LOST, EITHER = 0.9, 0.75, 0.5


@lru_cache(maxsize=4_096)
def share_of_callee(said: str, *, tells: bool) -> float:
    """How much of a failed call is the callee's failure, in [0, 1].

    Args:
        said: the error, or the status, of the caller's span.
        tells: whether the callee has spans of its own for other calls.
    """
    if _SILENT.search(said):
        return LOST if tells else EITHER
    return ANSWERED if _COULD_NOT.search(said) else EITHER
