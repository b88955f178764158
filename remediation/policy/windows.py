"""When something may be changed: windows that are open at some hours, and freezes that last for a while."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from data.domain import Outcome
from remediation.policy.kinds import ActionRequest
from remediation.policy.parts import Part, Restriction

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Stricter = Literal[Outcome.ask, Outcome.refuse]
_DAY_MINUTES = 24 * 60


def _minutes(value: object) -> int:
    found = re.fullmatch(r"(\d{2}):([0-5]\d)", value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else _DAY_MINUTES + 1
    if minutes > _DAY_MINUTES:
        raise ValueError('a time of day is written as "09:00", from "00:00" to "24:00"')
    return minutes


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('is no time zone; use a name such as "UTC" or "Europe/Berlin"') from error
    return name


Minutes = Annotated[int, BeforeValidator(_minutes)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class Hours(Part):
    """Hours of some days, in minutes since midnight; ``begins`` is in, ``ends`` is not.

    Hours that end before they begin go past midnight and belong to the day they begin on.
    """

    days: tuple[Day, ...] = Field(default=_DAYS, min_length=1)
    begins: Minutes = Field(alias="from")
    ends: Minutes = Field(alias="to")

    @model_validator(mode="after")
    def _last(self) -> Self:
        if self.begins == self.ends:
            raise ValueError('"from" and "to" are the same; for whole days write "00:00" and "24:00"')
        return self

    def hold(self, local: datetime) -> bool:
        """Whether ``local``, a time of day where the window is, falls into them."""
        minute = local.hour * 60 + local.minute
        today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
        if self.begins < self.ends:
            return today in self.days and self.begins <= minute < self.ends
        return (today in self.days and minute >= self.begins) or (yesterday in self.days and minute < self.ends)


class Window(Restriction):
    """When changes may be made; outside of it an answer becomes stricter. Open while any of its ``hours`` hold."""

    name: str = Field(min_length=1, max_length=80)
    hours: tuple[Hours, ...] = Field(min_length=1)
    zone: Zone = "UTC"
    outside: Stricter = Outcome.ask

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(ZoneInfo(self.zone))
        return any(hours.hold(local) for hours in self.hours)

    def next_opening(self, after: datetime) -> datetime:
        """The next instant at which some of its hours begin, in its own time zone."""
        zone = ZoneInfo(self.zone)
        local = after.astimezone(zone)
        starts = [
            datetime.combine(day, time(hours.begins // 60 % 24, hours.begins % 60), zone)
            for day in (local.date() + timedelta(days=n) for n in range(9))
            for hours in self.hours
            if _DAYS[day.weekday()] in hours.days
        ]
        return min(start for start in starts if start > local)


class Freeze(Restriction):
    """A while in which nothing is changed, or only by a person. Times without an offset are in ``zone``."""

    name: str = Field(min_length=1, max_length=80)
    begins: datetime = Field(alias="from")
    ends: datetime = Field(alias="to")
    reason: str = Field(min_length=1, max_length=200)
    zone: Zone = "UTC"
    during: Stricter = Outcome.refuse

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.first >= self.last:
            raise ValueError('"to" must be later than "from"')
        return self

    @property
    def first(self) -> datetime:
        return self._instant(self.begins)

    @property
    def last(self) -> datetime:
        return self._instant(self.ends)

    def holds(self, request: ActionRequest) -> bool:
        """Whether ``request`` falls into it."""
        return self.first <= request.at < self.last and self.covers(request)

    def _instant(self, value: datetime) -> datetime:
        return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(self.zone))).astimezone(UTC)
