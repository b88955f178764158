"""What a unified diff, or a fragment of one, changes: words lost and gained, values edited, lines only moved."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache

from models.changes.words import stems

_COMMENT = re.compile(r"^\s*(//|#(?!\s*(include|define|if))|/?\*|--\s|<!--|\"\"\"|''')")
# A statement that writes a log line and does nothing else.
_LOG_STATEMENT = re.compile(
    r"^\s*(?:\w+\.)*_?(?:s?log(?:ger|ging|rus)?|console)(?:\(\))?"
    r"\.(?:log|trace|debug|info|warn(?:ing)?|error|print)\w*\([^;]*\);?\s*$"
    # Whatever it is called, what is given a level and a text: telemetry.log("INFO", ...), out.log(Level.WARN, ...).
    r"|^\s*(?:\w+\.)+log\(\s*[\"']?(?:\w+\.)*(?:trace|debug|info|notice|warn(?:ing)?|error|critical|fatal)\b"
    r"[^;]*\);?\s*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])(\d[\d_]*(?:\.\d+)?)\s*\*?\s*([A-Za-z.]+|%)?")
# A number by the name of its argument or key: attempts=3, ttl: 60.
_NAMED_NUMBER = re.compile(r"\b([A-Za-z_]\w*)\s*[:=]\s*(\d+(?:\.\d+)?)\b")
# Generated and minified files have lines and diffs without end; what matters is seldom past these.
MAX_LINE = 400
MAX_PAIRED_LINES = 40
_DEFINITION = re.compile(r"\b(def|func|fn|function|class|interface|struct|void)\b|^\w[\w<>\[\], ]* \w+\([^)]*\)\s*\{")
_TOKEN = re.compile(r"\w+|[^\w\s]")
# Units as code and configuration write them, in a common base; bare numbers have factor one.
_UNITS = {
    **dict.fromkeys(("ns", "time.nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "time.microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "time.millisecond", "milliseconds", "millis"), 1e-3),
    **dict.fromkeys(("s", "sec", "time.second", "seconds", "second"), 1.0),
    **dict.fromkeys(("m", "min", "time.minute", "minutes", "minute"), 60.0),
    **dict.fromkeys(("h", "time.hour", "hours", "hour"), 3600.0),
    **dict.fromkeys(("d", "days", "day"), 86400.0),
    **dict.fromkeys(("k", "kb"), 1e3),
    **dict.fromkeys(("mb",), 1e6),
    **dict.fromkeys(("g", "gb"), 1e9),
    "ki": 2.0**10,
    "kib": 2.0**10,
    "mi": 2.0**20,
    "mib": 2.0**20,
    "gi": 2.0**30,
    "gib": 2.0**30,
}


@dataclass(frozen=True)
class Edit:
    """One line rewritten with the same shape: ``old`` became ``new``."""

    old: str
    new: str

    @cached_property
    def numbers(self) -> tuple[tuple[float, float], ...]:
        """The numbers that differ, as (old, new) in a common unit where units are written."""
        before, after = numbers_in(self.old), numbers_in(self.new)
        if len(before) != len(after):
            named, renamed = dict(_NAMED_NUMBER.findall(self.old)), dict(_NAMED_NUMBER.findall(self.new))
            kept = [(float(named[name]), float(renamed[name])) for name in named if name in renamed]
            return tuple((a, b) for a, b in kept if a != b)
        return tuple((a, b) for a, b in zip(before, after, strict=True) if a != b)

    @cached_property
    def replaced(self) -> tuple[tuple[str, str], ...]:
        """The tokens replaced one for one, where all the others stayed; empty where more than that happened."""
        before, after = _TOKEN.findall(self.old), _TOKEN.findall(self.new)
        if len(before) != len(after):
            return ()
        swapped = tuple((a, b) for a, b in zip(before, after, strict=True) if a != b)
        return swapped if len(swapped) <= 2 else ()

    @property
    def is_definition(self) -> bool:
        """Whether the line names a function or type: replacing a word there is most often a rename."""
        return bool(_DEFINITION.search(self.new))

    @property
    def largest_ratio(self) -> float:
        """new / old of the number that changed most, in [1e-3, 1e3]; 1 where none did."""
        ratios = [min(max(b, 1e-9) / max(a, 1e-9), 1e3) for a, b in self.numbers]
        return max(max(ratios, key=lambda r: abs(math.log(r)), default=1.0), 1e-3)

    @property
    def size(self) -> float:
        """How far its numbers moved, in orders of magnitude, at most 1.5: little moved can do little."""
        return min(abs(math.log10(self.largest_ratio)), 1.5)


@dataclass(frozen=True)
class Diff:
    """The lines a change removed and added, without their markers; comments, log statements, blank lines left out."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    context: tuple[str, ...]

    @cached_property
    def lost(self) -> Counter[str]:
        """Stems removed and not added again."""
        return self._stems(self.removed) - self._stems(self.added)

    @cached_property
    def gained(self) -> Counter[str]:
        """Stems added that were not there in the lines removed."""
        return self._stems(self.added) - self._stems(self.removed)

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """Pairs of removed and added lines that are one line rewritten."""
        pairs: list[Edit] = []
        left = list(_distinct(self.added, self.removed))
        left = left[:MAX_PAIRED_LINES]
        for old in _distinct(self.removed, self.added)[:MAX_PAIRED_LINES]:
            near = max(left, key=lambda new: similarity(old, new), default=None)
            if near is not None and similarity(old, near) >= 0.6:
                if _TOKEN.findall(old) != _TOKEN.findall(near):
                    pairs.append(Edit(old, near))
                left.remove(near)
        return tuple(pairs)

    @cached_property
    def formatting_only(self) -> bool:
        """Whether the same tokens remain in the same order."""
        return self._tokens(self.removed) == self._tokens(self.added)

    @cached_property
    def moved_only(self) -> bool:
        """Whether the same lines remain in another order."""
        return not self.formatting_only and _bag(self.removed) == _bag(self.added)

    @cached_property
    def only_adds(self) -> bool:
        return bool(self.added) and not self.removed

    @cached_property
    def share_lost(self) -> float:
        """The share of the removed stems that did not come back, in [0, 1]."""
        removed = self._stems(self.removed).total()
        return self.lost.total() / removed if removed else 0.0

    @staticmethod
    def _stems(lines: tuple[str, ...]) -> Counter[str]:
        return Counter(word for line in lines for word in stems(line))

    @staticmethod
    def _tokens(lines: tuple[str, ...]) -> list[str]:
        return [token for line in lines for token in _TOKEN.findall(line)]


@lru_cache(maxsize=4_096)
def parse_diff(text: str) -> Diff:
    """The diff in ``text``: unified, or a fragment whose lines start with ``+``, ``-`` or a space."""
    lines = [line for line in text.splitlines() if not line.startswith(("+++", "---", "diff ", "index ", "@@"))]
    parts = {mark: tuple(_code(line[1:]) for line in lines if line[:1] == mark) for mark in "+- "}
    return Diff(*(tuple(line for line in parts[mark] if line) for mark in "-+ "))


@lru_cache(maxsize=16_384)
def similarity(a: str, b: str) -> float:
    """How alike two lines are, in [0, 1], numbers left out."""
    left, right = (re.sub(r"\d[\d_.]*", "0", text) for text in (a, b))
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


@lru_cache(maxsize=16_384)
def numbers_in(text: str) -> tuple[float, ...]:
    """The numbers in ``text``, each in the base of the unit written beside it (seconds, bytes), else bare."""
    found = []
    for digits, unit in _NUMBER.findall(text):
        value = float(digits.replace("_", ""))
        factor = 1.0 if unit == "M" else _UNITS.get(unit.lower().rstrip("."), 1.0)
        found.append(value * (1e6 if unit == "M" else factor))
    return tuple(found)


def _code(line: str) -> str:
    return "" if _COMMENT.match(line) or _LOG_STATEMENT.match(line) else line.strip()[:MAX_LINE]


def _bag(lines: tuple[str, ...]) -> Counter[str]:
    return Counter(" ".join(_TOKEN.findall(line)) for line in lines)


def _distinct(lines: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple((Counter(lines) - Counter(other)).elements())
