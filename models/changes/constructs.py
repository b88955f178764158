"""What code does without saying so in words: a regular expression, a table definition, a spawned task."""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.changes.words import vocabulary

# A pattern in code, and the words for what it does.
_CONSTRUCTS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), vocabulary(words))
    for pattern, words in (
        (r"=\s*/[^/ ]+/|\[[^\]]*-[^\]]*\][+*{]|\)[+*]\$?|\bre\.\w+\(|regexp?\b", "regex pattern match"),
        (r"\balter\s+table\b|\bcreate\s+(unique\s+)?index\b", "migration schema table lock"),
        (r"\bselect\b.+\bfrom\b|\binsert\s+into\b|\bupdate\s+\w+\s+set\b|\bdelete\s+from\b", "query sql table row"),
        (
            r"\bgo\s+(func|\w+\()|\bspawn\(|new Thread\(|asyncio\.create_task|tokio::spawn",
            "goroutine thread concurrent",
        ),
        (r"\bmake\(chan\b|\bchannel\(", "channel goroutine concurrent"),
        (r"\bmap\[|new (Hash|Concurrent)?\w*Map\b|\bappend\(|\.push\(|\.add\(", "map append memory"),
        (r"\bopen\(|Dial\(|NewReader\(|connect\(", "open connection handle"),
        (r"\bwhile\b.*\b(true|1)\b|\bfor\s*\{|\bfor\s*\(;;\)", "loop"),
        (r"==\s*(nil|null|None)\b|!=\s*(nil|null|None)\b|\bis (not )?None\b|\?\.", "null guard"),
        (r"https?://|\b\d+\.\d+\.\d+\.\d+\b", "url address host"),
        (r"time\.(Now|Second|Minute|Hour)|datetime|Date\(|Instant\.", "time"),
        (r"json|protobuf|\bproto\b|unmarshal|deserializ|`json:", "json serialize format"),
    )
)


def constructs_in(lines: Sequence[str]) -> frozenset[str]:
    """The words for what the lines do, as stems."""
    return frozenset().union(*(words for pattern, words in _CONSTRUCTS if any(map(pattern.search, lines))))
