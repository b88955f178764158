"""The words Nexus uses: one place, so that the same thing is always called the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from data.domain import IncidentStatus, RejectReason, now

STATUS = {
    IncidentStatus.open: "Open",
    IncidentStatus.investigating: "Investigating",
    IncidentStatus.awaiting_approval: "Waiting for approval",
    IncidentStatus.merged: "Fix merged",
    IncidentStatus.escalated: "Needs a person",
    IncidentStatus.resolved: "Resolved",
}

REJECT_REASON = {
    RejectReason.wrong_cause: "The cause is another service",
    RejectReason.wrong_change: "The service is right, the change is not",
    RejectReason.unsafe_fix: "The fix is not safe",
    RejectReason.incomplete_fix: "The fix does not go far enough",
    RejectReason.already_fixed: "It is fixed already",
    RejectReason.not_an_incident: "This is not an incident",
    RejectReason.other: "Something else (say what below)",
}


def percent(probability: float) -> str:
    """Whole percents, never claiming certainty that is not there."""
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{probability * 100:.0f} %"


def how_sure(probability: float) -> str:
    """A probability in words."""
    steps = (
        (0.9, "very likely"),
        (0.7, "likely"),
        (0.5, "more likely than not"),
        (0.25, "one of several possibilities"),
    )
    return next((word for least, word in steps if probability >= least), "a guess")


def clock(moment: datetime) -> str:
    """For example ``23 Nov 2026, 03:12:45 UTC``."""
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def time_of_day(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def age(moment: datetime) -> str:
    """How long ago, in the largest unit that says something; app.js counts on in the same words."""
    return span((now() - moment).total_seconds())


def span(seconds: float) -> str:
    """A length of time in one or two units."""
    minutes = int(max(seconds, 0) // 60)
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def relative(moment: datetime, to: datetime) -> str:
    """For example ``4 min before the alert``."""
    seconds = (moment - to).total_seconds()
    if abs(seconds) < 1:
        return "at the alert"
    length = f"{abs(seconds):.0f} s" if abs(seconds) < 60 else span(abs(seconds))
    return f"{length} {'after' if seconds > 0 else 'before'} the alert"


def label(value: str) -> str:
    """``config_change`` as ``Config change``."""
    return value.replace("_", " ").capitalize()


def number(value: float) -> str:
    return f"{value:.4g}"


def status_word(status: IncidentStatus) -> str:
    return STATUS.get(status, label(status.value))


def web_link(url: str | None) -> str:
    """The URL if it is one to click on; nothing for ``javascript:`` and its like."""
    return url if url and url.lower().startswith(("https://", "http://")) else ""


def digest(content: object) -> str:
    """A short name for what is drawn: the same content keeps its drawing when the page around it is renewed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "how_sure": how_sure,
    "clock": clock,
    "time_of_day": time_of_day,
    "age": age,
    "relative": relative,
    "label": label,
    "digest": digest,
    "number": number,
    "status_word": status_word,
    "web_link": web_link,
    "reason_word": REJECT_REASON.__getitem__,
}
