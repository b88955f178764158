"""What a diff does that tends to break things, whatever the symptoms: guards lost, values moved, calls in loops."""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.changes.diff import Diff, Edit
from models.changes.signal import Signal
from models.changes.words import vocabulary

# What keeps a system safe, as code in any common language writes it.
GUARDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        (
            "a check for a missing value",
            r"[!=]==?\s*(nil|null|none|undefined)\b|\bis (not )?none\b|optional|isEmpty|\?\.",
        ),
        (
            "a check for emptiness",
            r"\blen\([^)]*\)\s*[=!<>]=?\s*\d|\bif not (?!exists)\w+|\.(length|size\(\))\s*[=!<>]=*\s*\d|\.empty\?",
        ),
        ("a bound check", r"\bif\b.*[<>]=?.*\b(len|size|max|min|limit|\d+)\b"),
        ("a timeout", r"time_?out|deadline"),
        ("a lock", r"\b(un)?lock\b|mutex|synchronized|semaphore|for_update|FOR UPDATE"),
        ("a retry limit", r"attempts?\b|max_?retries|circuit_?breaker"),
        ("a pause between attempts", r"back_?off|jitter|exponential"),
        ("a limit", r"\blimit\b|maximum_?size|max_?(entries|size|conns?|items)|rate_?limit|throttle"),
        ("error handling", r"\b(catch|except|rescue|recover|finally)\b|if err\b"),
        ("the release of a resource", r"\bclose\(|defer |dispose|\bwith (open|closing|session)|release\("),
        ("waiting for a result", r"\bawait\b|\.(join|wait|get|result)\(\)|<-\s*done"),
        ("a transaction", r"transaction|\batomic\b|rollback"),
        ("input validation", r"validat|sanitiz|\bassert\b|\brequire[sd]?\("),
        ("a cache", r"cache\b|memoiz|lru_"),
        ("an index", r"\bcreate\s+(unique\s+)?index|db_index|\badd_index"),
        ("an access right", r"\ballow\b|permission|authoriz|\bgrant\b|\":\w+\""),
    )
)
# A risk below this is no more than any edit carries.
NEGLIGIBLE = 0.35
REWORDS = -2.0
GUARD_LOST, GUARDS_LOST_MOST, GUARD_ADDED = 1.3, 2.2, -0.8
_DESTRUCTIVE = re.compile(r"\b(drop|truncate|delete from|rename (column|to))\b", re.IGNORECASE)
# Without CONCURRENTLY an index build, like most ALTER TABLE, locks out writers (PostgreSQL manual, 13.3.2).
_RESTRUCTURING = re.compile(r"\balter\s+table\b|\bcreate\s+(unique\s+)?index\s+(?!concurrently)", re.IGNORECASE)
_SETTING = re.compile(r"^[\"']?([A-Za-z][\w.-]*)[\"']?\s*[:=]\s*[^=({\s]")
_LOOP = re.compile(r"\b(for|while|foreach|each|map|loop)\b", re.IGNORECASE)
_REMOTE = re.compile(
    r"\bselect\b.*\bfrom\b|\bquery\w*\(|\bexecute\(|\bfetch\w*\(|\bfind\w*\(|\.get\w*\(|\bawait\b|\bctx\b|http|rpc|\.load\w*\(|\.call\(",
    re.IGNORECASE,
)
# A call that does something for many items at once, as client libraries name it.
_BATCH = re.compile(r"[._]?(?:batch|bulk|multi|mget)\w*\(|\w+_?(?:many|all|batch|bulk|multi)\(", re.IGNORECASE)
# A query that asks for many rows at once, by their keys; and one that asks by one key.
_QUERY_FOR_MANY = re.compile(r"\bin\s*\(\s*(?:[?%:${]|select\b)|=\s*any\s*\(|\$in\b|__in\s*=|\.in_\(", re.IGNORECASE)
_QUERY = re.compile(r"\bselect\b.*\bfrom\b|\bquery\w*\(|\bexecute\(|\bfind\w*\(|\.filter\w*\(", re.IGNORECASE)
# No plain index serves what is compared after a function has changed it (Winand, SQL Performance Explained, 2012).
_OBSCURED = re.compile(
    r"\b(?:where|and|on)\s+(?:lower|upper|trim|date|cast|substr\w*|coalesce)\s*\(\s*[\w.]+[^=<>]*\)\s*[=<>]",
    re.IGNORECASE,
)
# Bytes made into text, or many bytes made at once: what holds them is far larger than what people write into fields.
_BULK = re.compile(
    r"\bb(?:ase)?64_?(?:en|url|std)|\bbase64\.\w*encode|\bbtoa\(|[\"']base64[\"']|\bbytearray\(|\bBuffer\.alloc|\bmake\(\[\]byte",
    re.IGNORECASE,
)
_UNBOUNDED = re.compile(r"while\s*\(?\s*(true|1)\b|for\s*\{|for\s*\(;;\)|\bloop\s*\{", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"]{2,})\"|'([^']{2,})'|`([^`]{2,})`")
# A quoted text of several words, none of them a statement in a query language.
_PROSE = re.compile(
    r"\"(?!\s*(?:select|insert|update|delete|create|alter|drop|with)\b)[^\"]*\w \w[^\"]*\"|"
    r"'(?!\s*(?:select|insert|update|delete|create|alter|drop|with)\b)[^']*\w \w[^']*'",
    re.IGNORECASE,
)
# Values of these starve what they serve when they shrink.
_CAPACITY = vocabulary(
    "max limit size pool connection thread worker replica memory cpu timeout deadline ttl quota rate burst concurrency "
    "buffer retention capacity budget heap expiry lifetime core instances"
)
# Values of these load what they act on when they grow.
_LOAD = vocabulary("batch retry attempt record poll prefetch depth parallelism fanout cost rounds page sample rate")


def substance_signals(diff: Diff) -> list[Signal]:
    """Evidence from the diff alone. A diff that does none of these things counts a little against itself."""
    if not diff.removed and not diff.added:
        return [Signal(-2.5, "its diff changes nothing but comments, log statements or blank lines")]
    if diff.formatting_only:
        return [Signal(-3.0, "its diff changes nothing but the layout")]
    if diff.edits and len(diff.edits) == len(diff.removed) == len(diff.added) and all(map(rewords, diff.edits)):
        return [Signal(REWORDS, "its diff only rewords what people read")]
    signals = [
        *_guards(diff),
        *_values(diff.edits),
        *_calls_in_loops(diff),
        *_stored_objects(diff),
        *_bulk(diff),
        *_contracts(diff),
        *_losses(diff),
    ]
    risks = [s for s in signals if s.weight >= NEGLIGIBLE]
    if risks:
        return risks
    if all(s.weight >= 0 for s in signals):
        signals.append(
            Signal(
                -0.9, "its diff only adds" if diff.only_adds else "its diff rewrites without losing a guard or a value"
            )
        )
    return signals


def guards_in(lines: Sequence[str]) -> dict[str, int]:
    """How many lines hold each kind of guard."""
    return {name: sum(bool(pattern.search(line)) for line in lines) for name, pattern in GUARDS}


def _guards(diff: Diff) -> list[Signal]:
    before, after = guards_in(diff.removed), guards_in(diff.added)
    lost = [name for name in before if before[name] > after[name] == 0]
    gained = [name for name in before if after[name] > before[name] == 0]
    if lost:
        return [Signal(min(GUARD_LOST * len(lost), GUARDS_LOST_MOST), f"it removes {_listed(lost)}")]
    return [Signal(GUARD_ADDED, f"it adds {_listed(gained)}")] if gained else []


def _values(edits: Sequence[Edit]) -> list[Signal]:
    """The edit of a number that matters most, by how far it moved and which way."""
    signals = [_value(edit) for edit in edits if edit.numbers]
    return [max(signals, key=lambda s: (s.weight, s.reason))] if signals else []


def _value(edit: Edit) -> Signal:
    ratio = edit.largest_ratio
    words = vocabulary(edit.new)
    starves, spares = (bool(words & _CAPACITY), bool(words & _LOAD))[:: 1 if ratio < 1 else -1]
    weight = (1.3 if starves or not spares else 0.65) * edit.size
    verb, factor = ("lowers", 1 / ratio) if ratio < 1 else ("raises", ratio)
    return Signal(
        weight + (0.7 * min(1.0, edit.size / 0.6) if starves else 0.0),
        f'it {verb} a number {factor:.3g} times in "{_short(edit.new)}"',
    )


def _calls_in_loops(diff: Diff) -> list[Signal]:
    if _comes(_UNBOUNDED, diff):
        return [Signal(1.2, "it adds a loop without a bound")]
    if _goes(_BATCH, diff) and _in_loop(diff.added):
        return [Signal(1.8, "it replaces one call for many items by a call for each")]
    if _goes(_QUERY_FOR_MANY, diff) and any(map(_QUERY.search, diff.added)) and _in_loop(diff.added):
        return [Signal(1.8, "it replaces one query for many items by a query for each")]
    looped = any(map(_LOOP.search, (*diff.added, *diff.context)))
    before, after = (sum(bool(_REMOTE.search(line)) for line in lines) for lines in (diff.removed, diff.added))
    if looped and after > before == 0 and not diff.only_adds:
        return [Signal(1.8, "it adds calls or queries where there is a loop and were none before")]
    return []


def _comes(pattern: re.Pattern[str], diff: Diff) -> bool:
    """Whether lines added hold what no line removed held."""
    return any(map(pattern.search, diff.added)) and not any(map(pattern.search, diff.removed))


def _goes(pattern: re.Pattern[str], diff: Diff) -> bool:
    """Whether lines removed held what no line added holds."""
    return any(map(pattern.search, diff.removed)) and not any(map(pattern.search, diff.added))


def _in_loop(lines: Sequence[str]) -> bool:
    return any(map(_LOOP.search, lines))


def _stored_objects(diff: Diff) -> list[Signal]:
    """Statements that change stored data or its structure while it is in use, or make it slow to find."""
    if any(map(_DESTRUCTIVE.search, diff.added)):
        return [Signal(1.5, "it drops, renames or deletes stored objects")]
    if _comes(_OBSCURED, diff):
        return [Signal(1.0, "it compares what a function makes of a column, which no plain index serves")]
    if any(map(_RESTRUCTURING.search, diff.added)):
        return [Signal(0.9, "it alters a table that is in use")]
    return []


def _bulk(diff: Diff) -> list[Signal]:
    """Data that grows: encoded images and files in requests, large buffers."""
    if _comes(_BULK, diff):
        return [Signal(0.9, "it makes or encodes many bytes at once")]
    return []


def _contracts(diff: Diff) -> list[Signal]:
    """One value, name or argument exchanged for another in a line otherwise kept."""
    best = Signal(0.0, "")
    for edit in diff.edits:
        if edit.numbers or rewords(edit):
            continue
        weight = 0.0
        if _SETTING.match(edit.new) and _key(edit.old) == _key(edit.new):
            weight = 0.9
        elif _quoted(edit.old) - _quoted(edit.new) and _quoted(edit.new) - _quoted(edit.old):
            weight = 0.8
        elif edit.replaced and not edit.is_definition:
            weight = 0.5
        best = max(best, Signal(weight, f'it changes a value or name others may rely on in "{_short(edit.new)}"'))
    return [best] if best.weight else []


def rewords(edit: Edit) -> bool:
    """Whether only prose differs: what people read, not what programs compare."""
    before, after = _PROSE.findall(edit.old), _PROSE.findall(edit.new)
    return bool(before and after) and before != after and _PROSE.sub("", edit.old) == _PROSE.sub("", edit.new)


def _quoted(line: str) -> set[str]:
    return {text for found in _QUOTED.findall(line) for text in found if text}


def _key(line: str) -> str:
    found = _SETTING.match(line)
    return found.group(1) if found else ""


def _losses(diff: Diff) -> list[Signal]:
    if diff.moved_only:
        return [Signal(0.4, "it changes the order of statements")]
    if diff.removed and not diff.added:
        return [Signal(0.9, "it only removes")]
    share = diff.share_lost
    return [Signal(0.6 * share, f"{share:.0%} of the words it removes do not come back")] if share > 0.3 else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _short(line: str) -> str:
    return line if len(line) <= 80 else line[:77] + "..."
