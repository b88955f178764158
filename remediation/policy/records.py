"""How what was proposed and done turned out, as far as a policy weighs it."""

from __future__ import annotations

from enum import StrEnum

from data.domain import Noun, Utc


class Result(StrEnum):
    """What became of one proposed fix.

    ``recovered``: it was carried out and the alert recovered. ``confirmed``: a person said afterwards that its cause
    was right. ``bad``: it was rejected, undone, did not help, or the trouble came back.
    """

    recovered = "recovered"
    confirmed = "confirmed"
    bad = "bad"


class Deed(Noun):
    """One proposed fix and what became of it. ``why`` is a clause that can follow its incident's id."""

    incident_id: str
    at: Utc
    result: Result
    why: str


class TrackRecord(Noun):
    """The deeds of one kind of action on one service, oldest first. What is still open is not among them."""

    deeds: tuple[Deed, ...] = ()
