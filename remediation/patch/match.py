"""Where a snippet stands in a file: in exactly one place, or nowhere that may be edited.

A snippet is looked for as it is. Where it is not found so, it is looked for line by line with the white space
at both ends of each line left aside, for language models often quote code at another indentation. Text that is
found more than once, even as a part of a longer word, is ambiguous, and an ambiguous edit is no edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from data.errors import ProposalError


class Match(StrEnum):
    """How a change found its place."""

    exact = "exact"
    whitespace = "whitespace"
    structured = "structured"
    whole_file = "whole_file"


@dataclass(frozen=True)
class Place:
    """Where an edit goes: characters ``start`` to ``end`` of the file.

    ``shift`` is the white space that each line of the file has in front of what the snippet has there.
    """

    start: int
    end: int
    match: Match
    shift: str = ""
    unshift: str = ""


def locate(text: str, snippet: str) -> Place:
    """The one place of ``snippet`` in ``text``; both with ``\\n`` line ends.

    Raises:
        ProposalError: it is empty, missing, ambiguous, or only a part of longer words.
    """
    if not snippet.strip():
        raise ProposalError("missing: the snippet to find is empty; quote the lines to change")
    found = _occurrences(text, snippet)
    if len(found) > 1:
        raise ProposalError(f"ambiguous: the snippet is found {len(found)} times; quote more of the lines around it")
    if found:
        start = found[0]
        if _inside_word(text, start) or _inside_word(text, start + len(snippet)):
            raise ProposalError("missing: the snippet is found only as a part of a longer word; quote whole words")
        return Place(start, start + len(snippet), Match.exact)
    return _by_lines(text, snippet)


def line_bounds(text: str, place: Place) -> tuple[int, int]:
    """Start of the first line that ``place`` touches, and the end of its last one, newline included."""
    start = text.rfind("\n", 0, place.start) + 1
    last = max(place.end - 1, place.start)
    end = text.find("\n", last)
    return start, len(text) if end == -1 else end + 1


def _occurrences(text: str, snippet: str) -> list[int]:
    """Every position, overlapping ones too, up to three."""
    found: list[int] = []
    at = text.find(snippet)
    while at != -1 and len(found) < 3:
        found.append(at)
        at = text.find(snippet, at + 1)
    return found


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and _is_word(text[at - 1]) and _is_word(text[at])


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _by_lines(text: str, snippet: str) -> Place:
    wanted = _trimmed(snippet.split("\n"))
    lines = text.split("\n")
    bare, sought = [line.strip() for line in lines], [line.strip() for line in wanted]
    first = [i for i in range(len(lines) - len(wanted) + 1) if bare[i] == sought[0]]
    found = [i for i in first if bare[i : i + len(wanted)] == sought]
    if not found:
        raise ProposalError("missing: the snippet is not in the file; quote it as the file has it")
    if len(found) > 1:
        raise ProposalError(
            f"ambiguous: the snippet is found {len(found)} times when white space is left aside; "
            "quote more of the lines around it"
        )
    at = found[0]
    shift, unshift = _shift(lines[at : at + len(wanted)], wanted)
    start = sum(len(line) + 1 for line in lines[:at])
    end = start + sum(len(line) + 1 for line in lines[at : at + len(wanted)]) - 1
    return Place(start, end, Match.whitespace, shift, unshift)


def _trimmed(lines: list[str]) -> list[str]:
    """Without the blank lines at both ends."""
    kept = [i for i, line in enumerate(lines) if line.strip()]
    return lines[kept[0] : kept[-1] + 1]


def _shift(there: list[str], wanted: list[str]) -> tuple[str, str]:
    """What every line of the file has before, or lacks of, what the snippet has: one constant, or no match."""
    pairs = [(_indent(a), _indent(b)) for a, b in zip(there, wanted, strict=True) if a.strip()]
    for longer, shorter, swapped in (
        ([a for a, _ in pairs], [b for _, b in pairs], False),
        ([b for _, b in pairs], [a for a, _ in pairs], True),
    ):
        extra = longer[0][: len(longer[0]) - len(shorter[0])] if len(longer[0]) >= len(shorter[0]) else None
        if extra is not None and all(long == extra + short for long, short in zip(longer, shorter, strict=True)):
            return ("", extra) if swapped else (extra, "")
    raise ProposalError(
        "missing: the snippet's lines are in the file at other indentations, and how is not the same for each; "
        "quote them as the file has them"
    )


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
