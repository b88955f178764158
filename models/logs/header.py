"""Where a file's lines stop being a header (time, host, level, process) and start to say something.

Formats are not listed but learnt from a file's own first lines: the line is read as columns, and a column in which
nearly every line has a time, a level, a number or a mark of its kind is part of the header. What stands between such
columns belongs to it too, and so does a component that nearly every line sets off by ``:`` or ``-``. A file whose
lines have no time and no level in common, such as one of bare messages, has no header.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

# Columns looked at; no format we know has a longer header.
MAX_COLUMNS = 16
# The share of lines that must agree. Files hold stray lines: stack traces, banners, labels.
AGREE = 0.9
# Unknown columns that may stand between two of the header: host, user, component, thread.
MAX_GAP = 4

_GROUP = r"\[(?:[^\[\]]|\[[^\[\]]*\])*+\]"
_FIELD = rf"(?:{_GROUP}|[^\s|]+)"
_END = r"(?:\s*+\|\s*+|\s++|$)"
_COLUMN = re.compile(rf"({_FIELD})(\s*\|\s*|\s+|$)")
_DAY_OR_MONTH = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LEVELS = (
    "trace|debug|dbug|fine|finer|finest|verbose|info|information|informational|notice|note|log|warn|warning"
    "|err|error|severe|failure|crit|critical|alert|emerg|emergency|fatal|panic"
)


class Column(Enum):
    """What a column holds in nearly every line."""

    time = re.compile(
        rf"""(?x) ^[\[(<"']* (?:
            {_DAY_OR_MONTH}[a-z]*[,.]?$
          | .*(?<!\d)\d{{1,2}}:\d\d:\d{{1,2}}
          | .*(?<!\d)(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?
          | \d\d?[-/.]\d\d?(?:[-/.]\d{{2,4}})?[\],]?$
          | (?:19|20)\d{{6}}
          | 1\d{{9}}(?:\d{{3}})?(?:\.\d+)?$ )"""
    )
    level = re.compile(rf"^[\[(<]?(?:(?i:{_LEVELS})|[VDIWEF])[\])>:,/]*$|^[IWEF]\d{{4}}$")
    number = re.compile(r"^[\[(<#*]*[\d.x#]+[\])>:,]*$")
    # A place in the code: file and line.
    origin = re.compile(r"^\S+\.\w{1,5}:\d+[\]):]*$")
    mark = re.compile(r"^[^\w\s]+$|^\[.*\]$", re.DOTALL)
    other = re.compile(r"", re.DOTALL)
    missing = re.compile(r"(?!)")


_TELLING = (Column.time, Column.level)
_COMPONENTS = (r"(?:[^\s:]\S*+\s++){0,2}?[^\s:]\S*+(?<=:)(?:\s++|$)", r"(?:\S++\s++){1,3}?-(?:\s++|$)")


@dataclass(frozen=True)
class Header:
    """How this file's lines begin. ``pattern`` matches the header; its groups ``time`` and ``level`` may be None."""

    pattern: re.Pattern[str]
    columns: tuple[Column, ...]

    def message(self, line: str) -> str:
        """The line without its header; the whole line if it has none, as a stack trace's lines have not."""
        found = self.pattern.match(line)
        return line[found.end() :] if found else line


NO_HEADER = Header(re.compile(r"(?P<time>(?!))?(?P<level>(?!))?"), ())


def learn_header(lines: Sequence[str]) -> Header:
    """The header that nearly all of ``lines`` share; :data:`NO_HEADER` if there is none. A thousand lines will do."""
    rows = [row for line in lines if (row := _columns(line))]
    if len(rows) < 2:
        return NO_HEADER
    kinds = [_kind([row[i][0] if i < len(row) else None for row in rows]) for i in range(MAX_COLUMNS)]
    set_off = [_share(rows, i, _is_set_off) >= AGREE for i in range(MAX_COLUMNS)]
    end = _end(kinds, set_off)
    # A header leaves something to say.
    while end and sum(len(row) <= end for row in rows) > (1 - AGREE) * len(rows):
        end -= 1
    header = tuple(kinds[:end])
    if not any(kind in _TELLING for kind in header):
        return NO_HEADER
    columns = _pattern(header, rows)
    return Header(re.compile(columns + _component(columns, lines)), header)


def _columns(line: str) -> list[tuple[str, str]]:
    """Each column's text and what sets it off from the next."""
    return [(m[1], m[2]) for m in islice(_COLUMN.finditer(line.strip()), MAX_COLUMNS)]


def _kind(fields: list[str | None]) -> Column:
    counts = Counter(_kind_of(field) for field in fields)
    enough = AGREE * len(fields)
    kind, most = counts.most_common(1)[0]
    if most >= enough:
        return kind
    # A date of plain digits looks like a time on some days only.
    if counts[Column.time] + counts[Column.number] >= enough:
        return max(Column.number, Column.time, key=lambda kind: counts[kind])
    return Column.other if counts[Column.missing] <= len(fields) - enough else Column.missing


def _kind_of(field: str | None) -> Column:
    if field is None:
        return Column.missing
    return next(kind for kind in Column if kind.value.search(field))


def _share(rows: list[list[tuple[str, str]]], i: int, wanted: object) -> float:
    assert callable(wanted)
    return sum(len(row) > i and bool(wanted(row[i][1])) for row in rows) / len(rows)


def _is_set_off(end: str) -> bool:
    """A bar, a tab or padding ends a column of a table; prose has single spaces."""
    return "|" in end or "\t" in end or len(end) > 1


def _end(kinds: list[Column], set_off: list[bool]) -> int:
    """How many columns the header has: up to the last of a telling kind, and what hangs on to it."""
    end = gap = 0
    for i, kind in enumerate(kinds):
        if kind is Column.missing:
            break
        if gap > MAX_GAP:
            break
        if _continues(kind, gap, started=end > 0) or (end > 0 and gap == 0 and set_off[i]):
            end, gap = i + 1, 0
        else:
            gap += 1
    return end


def _continues(kind: Column, gap: int, *, started: bool) -> bool:
    if kind in _TELLING:
        return True
    if not started or kind is Column.other:
        return False
    # Numbers are part of messages, too; a mark in nearly every line is none of the message's.
    return gap <= {Column.number: 0, Column.origin: 1}.get(kind, MAX_GAP)


def _pattern(header: tuple[Column, ...], rows: list[list[tuple[str, str]]]) -> str:
    first = {kind: header.index(kind) for kind in _TELLING if kind in header}
    parts = [r"\s*+"]
    for i, kind in enumerate(header):
        field = _field(kind, grouped=any(len(row) > i and row[i][0].startswith("[") for row in rows))
        if kind is Column.level and i == first[kind]:
            field = f"(?P<level>{field})"
        if kind is Column.time and i == first[kind]:
            field = f"(?P<time>{field}"
        parts.append(field)
        if kind is Column.time and _last_of_time(header, first[kind]) == i:
            parts.append(")")
        parts.append(_END if any(len(row) > i and "|" in row[i][1] for row in rows) else r"(?:\s++|$)")
    missing = "".join(f"(?P<{kind.name}>(?!))?" for kind in _TELLING if kind not in header)
    return "".join(parts) + missing


def _field(kind: Column, *, grouped: bool) -> str:
    """What a column looks like; brackets that hold spaces are only sought where some line has brackets."""
    if kind is Column.level:
        return r"[^\s|]*?[A-Za-z][^\s|]*+"
    field = _FIELD if grouped else r"[^\s|]++"
    return rf"(?=\W*+(?:[^\s|]*?[\d:]|{_DAY_OR_MONTH})){field}" if kind is Column.time else field


def _last_of_time(header: tuple[Column, ...], first: int) -> int:
    """Dates of several columns ("Jun 14 15:16:01"): as far as times and the numbers between them go."""
    last = i = first
    while i < len(header) and header[i] in (Column.time, Column.number):
        last = i if header[i] is Column.time else last
        i += 1
    return last


def _component(columns: str, lines: Sequence[str]) -> str:
    """The pattern of a component before the message, if nearly every line has one."""
    header = re.compile(columns)
    rest = [line[found.end() :] for line in lines if (found := header.match(line))]
    for component in _COMPONENTS:
        if rest and sum(bool(re.match(component, text)) for text in rest) >= AGREE * len(rest):
            return f"(?:{component})?"
    return ""
