"""How the count of a template since a moment compares with its rate before."""

from __future__ import annotations

from enum import StrEnum
from math import sqrt

# Standard deviations of a count (Poisson) that a rise or fall must exceed; files hold hundreds of templates.
SURPRISING = 4.0
# A rise is worth a word from this factor on.
NOTABLE = 2.0


class Trend(StrEnum):
    """What became of a template."""

    new = "new"
    surging = "surging"
    vanished = "vanished"
    steady = "steady"


def expected_count(before: int, exposure: float) -> float:
    """Lines due since the moment. ``exposure``: the time since, as a multiple of the time before."""
    return before * exposure


def trend_of(before: int, since: int, exposure: float) -> Trend:
    """New if never seen before, vanished if due since and not seen, surging if far above its rate."""
    expected = expected_count(before, exposure)
    rise = (since - expected) / sqrt(expected + since + 1.0)
    if since and not before:
        return Trend.new
    if before and not since:
        # Chance alone leaves out what is due n times with probability exp(-n).
        return Trend.vanished if expected >= SURPRISING else Trend.steady
    return Trend.surging if rise > SURPRISING and since > NOTABLE * expected else Trend.steady
