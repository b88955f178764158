"""Readers for the loosely typed values that vendors send: times, tags, numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from data.domain import as_utc
from data.errors import InputError

# Epoch seconds stay below this until the year 5138; epoch milliseconds passed it in March 1973.
_MILLISECONDS_FROM = 1e11
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def parse_time(value: Any, *, field: str) -> datetime:
    """An instant from ISO 8601 text or epoch seconds, milliseconds, microseconds or nanoseconds.

    Raises:
        InputError: if ``value`` is neither, or names a year outside 2000-2199.
    """
    if isinstance(value, datetime):
        return as_utc(value)
    try:
        instant = _from_number(float(value)) if _is_number(value) else _from_iso(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"{value!r} is not a time; send ISO 8601 (2026-01-31T12:00:00Z) or epoch seconds or milliseconds",
            field=field,
        ) from error
    if not _EARLIEST <= instant < _LATEST:
        raise InputError(f"{value!r} lies outside the years 2000 to 2199", field=field)
    return instant


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value) is not None


def _from_number(seconds: float) -> datetime:
    if not math.isfinite(seconds):
        raise ValueError("not finite")
    for _ in ("milliseconds", "microseconds", "nanoseconds"):
        if abs(seconds) >= _MILLISECONDS_FROM:
            seconds /= 1000.0
    return datetime.fromtimestamp(seconds, UTC)


def _from_iso(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text.strip()))


def parse_tags(value: Any) -> dict[str, str]:
    """Tags as a mapping, from a mapping, a list of ``key:value`` items, or a comma-separated string.

    A bare tag maps to an empty string. Repeated keys are joined with a comma. Where a string separates
    its tags with comma and space, a lone comma belongs to a tag's value.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(k): "" if v is None else str(v) for k, v in value.items()}
    if isinstance(value, str):
        items: Sequence[Any] = re.split(r",\s+" if re.search(r",\s", value) else ",", value)
    elif isinstance(value, Sequence):
        items = value
    else:
        items = [value]
    tags: dict[str, str] = {}
    for item in items:
        key, _, text = str(item).strip().partition(":")
        if key:
            tags[key] = f"{tags[key]},{text}" if key in tags else text
    return tags


def parse_number(value: Any) -> float | None:
    """A finite float, or None where there is none to be had."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
