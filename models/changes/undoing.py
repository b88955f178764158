"""Which changes undo which: a revert restores what was there before, and what was undone does nothing any more.

People revert what harms, and a revert brings back what ran well. A ranking that reads each change by itself takes a
revert, which holds every word of the change that it undoes, for that change's equal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from data.domain import Change, ChangeKind
from models.changes.context import ChangeContext
from models.changes.signal import Signal

# What ran until an hour ago is known to work; what ran last month met another world.
RESTORES, RESTORES_LEAST = -3.0, -0.8
RECENT = timedelta(days=1)
SAYS_SO = -1.2
# What is undone does nothing any more, whatever speaks for it; data that it left behind may.
UNDONE = -6.0
# To have been undone once says that somebody thought it harmful.
AGAIN = 0.8
# Trouble outlives its cause for a while, and clocks differ.
LINGERS = timedelta(seconds=30)

_QUOTED = re.compile(r"^(?:Revert|Rollback|Roll back|Back out)\s+\"(.+)\"\s*$", re.IGNORECASE | re.MULTILINE)
_BY_ID = re.compile(r"\breverts? commit ([0-9a-f]{7,40})\b", re.IGNORECASE)
_SAYS_SO = re.compile(r"^(?:\w+(?:\([^)]*\))?!?:\s*)?(revert|roll(ing)? ?back|back(ing)? out|undo)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Undoing:
    """How one change stands to the others.

    ``undoes``: the latest earlier change it takes back; ``undone_by``: the first later one that takes it back;
    ``repeats``: the latest earlier change that did the same and had been undone by then.
    """

    undoes: Change | None = None
    undone_by: Change | None = None
    repeats: Change | None = None


def undoings(ordered: Sequence[Change]) -> Mapping[str, Undoing]:
    """For each of ``ordered`` (by time), what it undoes, what undid it, and what it does again."""
    standing: list[Change] = []
    undone: list[Change] = []
    undoes: dict[str, Change] = {}
    undone_by: dict[str, Change] = {}
    repeats: dict[str, Change] = {}
    for change in ordered:
        if change.kind is ChangeKind.deploy:
            continue
        target = next((earlier for earlier in reversed(standing) if takes_back(change, earlier)), None)
        if target:
            undone_by[target.id] = change
            standing.remove(target)
            undone.append(target)
        # To undo a revert is to do again what it had undone.
        again = undoes.get(target.id) if target else next((c for c in reversed(undone) if _same(change, c)), None)
        if again:
            repeats[change.id] = again
        elif target:
            undoes[change.id] = target
        standing.append(change)
    return {c.id: Undoing(undoes.get(c.id), undone_by.get(c.id), repeats.get(c.id)) for c in ordered}


def takes_back(later: Change, earlier: Change) -> bool:
    """Whether ``later`` undoes ``earlier``: by its diff or values if recorded, else by its message."""
    if later.kind is not earlier.kind:
        return False
    if later.kind is not ChangeKind.commit:
        before, after = _values(later), _values(earlier)
        return bool(before and after) and before == (*after[:2], after[3], after[2])
    named = _BY_ID.search(later.summary)
    if named:
        return earlier.id.startswith(named.group(1).lower())
    if later.diff and earlier.diff:
        removed, added = _lines(earlier.diff)
        return bool(removed or added) and later.files == earlier.files and _lines(later.diff) == (added, removed)
    quoted = _QUOTED.search(later.summary)
    return quoted is not None and quoted.group(1).strip() == earlier.summary.strip()


def undoing_signals(
    change: Change, undoing: Undoing, effects: Mapping[str, datetime], context: ChangeContext
) -> list[Signal]:
    """Evidence from what a change undoes, from what undid it, and from its being done again.

    Args:
        effects: when each change took effect.
    """
    signals = [_restores(change, undoing, effects)]
    ended = effects.get(undoing.undone_by.id) if undoing.undone_by else None
    over = sum(b.probability for b in context.began if ended and ended + LINGERS <= b.at)
    if over > 0:
        signals.append(Signal(math.log1p(over * math.expm1(UNDONE)), "it had been undone before the trouble began"))
    elif ended is None or ended > context.alert.fired_at:
        again = undoing.repeats
        signals.append(Signal(AGAIN if again else 0.0, "it does again what had been undone"))
    return [s for s in signals if s.weight]


def _restores(change: Change, undoing: Undoing, effects: Mapping[str, datetime]) -> Signal:
    if undoing.undoes:
        lasted = effects[change.id] - effects[undoing.undoes.id]
        weight = RESTORES_LEAST + (RESTORES - RESTORES_LEAST) * 0.5 ** (lasted / RECENT)
        return Signal(weight, f"it restores what ran until {_ago(lasted)} before it")
    says = change.kind is ChangeKind.commit and _SAYS_SO.search(change.summary)
    return Signal(SAYS_SO if says else 0.0, "it says that it restores what was there before")


def _ago(lasted: timedelta) -> str:
    minutes = max(lasted / timedelta(minutes=1), 0.0)
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def _same(a: Change, b: Change) -> bool:
    """Whether two changes do one thing."""
    if a.kind is not b.kind or a.service != b.service:
        return False
    if a.kind is not ChangeKind.commit:
        return bool(_values(a)) and _values(a) == _values(b)
    return bool(a.diff and b.diff) and a.files == b.files and _lines(a.diff or "") == _lines(b.diff or "")


def _values(change: Change) -> tuple[object, ...]:
    """Whose setting or flag, which, from what, to what; empty where ``extra`` does not hold key, before and after."""
    extra = change.extra
    if not all(name in extra for name in ("key", "before", "after")) or extra["before"] == extra["after"]:
        return ()
    return change.service, extra["key"], extra["before"], extra["after"]


@lru_cache(maxsize=4_096)
def _lines(diff: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines removed and added, without regard to their order."""
    lines = [line for line in diff.splitlines() if not line.startswith(("+++", "---")) and line[1:].strip()]
    removed, added = (sorted(line[1:].strip() for line in lines if line[0] == mark) for mark in "-+")
    return tuple(removed), tuple(added)
