"""What callers only waited for, or only saw fail: how trouble is passed on down the calls, by what spans say.

Metrics tell that a service is slow, not where its requests lose the time: a percentile of all its requests may be that
of the few that go on to one slow callee. Spans tell. Of what a service's requests lose more than they did, its own work
has a part, and each of those it calls has one: what they take longer, and what is waited for them beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats
from models.base import PASSED_ON, Finding
from models.grouped import groups_of
from models.slower import Ends, LostTime, Slowed, slowed

# Trouble is followed so many calls down; what goes round in a circle is not followed for ever.
DEEPEST = 16


@dataclass(frozen=True)
class Passing:
    """``share`` in [0, 1] of what ``caller`` suffers is ``callee``'s doing: of the time it loses, or of failures."""

    caller: str
    callee: str
    share: float
    failures: bool = False


def passings(lost: LostTime, findings: Iterable[Finding]) -> tuple[Passing, ...]:
    """What spans say of it; ``findings`` are what was found in the same spans."""
    failed = [(finding.service, *finding.detail[PASSED_ON]) for finding in findings if PASSED_ON in finding.detail]
    return (
        *_of_time(lost),
        *(Passing(caller, callee, share, failures=True) for callee, caller, share in failed),
    )


def _of_time(told: LostTime) -> list[Passing]:
    called = told.window.where(told.window.caller != told.window.service)
    took = slowed(told.before, called, "duration_ms", ("service", "caller", "operation"), told.floor)
    at_callee = _at_callee(told.gap, told.ends, len(told.names.services))
    ways = [
        (told.own, told.own.keys["service"], None, told.own.trust),
        (took, took.keys["caller"], took.keys["service"], took.trust),
        (told.gap, told.gap.keys["caller"], told.gap.keys["service"], told.gap.trust * at_callee),
        (told.peer, told.peer.keys["service"], told.peer.keys["callee"], told.peer.trust),
    ]
    rise = [np.maximum(part.now - part.base, 0.0) * part.calls for part, *_ in ways]
    total, calls = np.zeros(len(told.names.services)), np.zeros(len(told.names.services))
    for (part, caller, *_), lost in zip(ways, rise, strict=True):
        np.add.at(total, caller, lost)
        np.maximum.at(calls, caller, part.calls)
    # A doubt of what would hardly be noticed, for every call.
    total += told.floor * calls
    between = [
        (caller, callee, lost * trust)
        for (_, caller, callee, trust), lost in zip(ways, rise, strict=True)
        if callee is not None
    ]
    callers, callees, lost = (np.concatenate(parts) for parts in zip(*between, strict=True))
    groups = groups_of(callers, callees)
    shares = groups.sum(lost) / total[groups.keys[0]]
    return [
        Passing(told.names.service(caller), told.names.service(callee), float(share))
        for caller, callee, share in zip(*groups.keys, shares, strict=True)
        if share > 0
    ]


def _at_callee(gap: Slowed, ends: Ends, services: int) -> Floats:
    """How much of what is waited on each way is its callee's end's, in [0, 1]: the end's whose other ways wait, too."""
    slow = np.zeros(services)
    slow[ends.service] = np.maximum(ends.together, 0.0) ** 2
    callee, caller = slow[gap.keys["service"]], slow[gap.keys["caller"]]
    return np.asarray(callee / np.maximum(callee + caller, 1e-9))


def passed_down(
    amount: Floats, passed: Sequence[Passing], row: Mapping[str, int], *, failures: bool
) -> tuple[Floats, Floats]:
    """How trouble moves down the calls; what a callee is given it passes on in turn.

    Args:
        amount: what each service suffers by what metrics tell, shape (S,).

    Returns:
        What comes to each of ``amount`` from its callers, and the share it keeps of its own and of that; shapes (S,).
    """
    told = [
        (row[one.caller], row[one.callee], one.share)
        for one in passed
        if one.failures is failures and one.caller in row and one.callee in row
    ]
    if not told:
        return np.zeros(len(amount)), np.ones(len(amount))
    caller, callee = (np.array(ends, dtype=np.intp) for ends in list(zip(*told, strict=True))[:2])
    share = np.array([share for *_, share in told])
    given = np.bincount(caller, weights=share, minlength=len(amount))
    handed = share / np.maximum(given, 1.0)[caller]
    got, moving = np.zeros(len(amount)), np.asarray(amount, dtype=float)
    for _ in range(DEEPEST):
        moving = np.bincount(callee, weights=moving[caller] * handed, minlength=len(amount))
        if not moving.any():
            break
        got += moving
    return got, 1.0 - np.minimum(given, 1.0)
