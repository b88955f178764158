"""Runbooks as a folder of Markdown: the sections that are about what is wrong.

A section is a heading and the text below it. Its score is the inverse document frequency of the words looked for that
it holds, and of those in its heading again: a section called "cart is slow" is about that, one that mentions it is not.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from data.errors import ConfigError

MOST_FILES = 500
MOST_BYTES = 500_000
MOST_SHOWN = 4
SHOWN_CHARACTERS = 1_500
_HEADING = re.compile(r"^#{1,6}\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A part of a runbook: the file it is in, its heading, and its text."""

    file: str
    heading: str
    text: str


def excerpts(folder: Path, wanted: Set[str]) -> tuple[str, ...]:
    """The sections below ``folder`` that hold most of the ``wanted`` words (in lower case), the best first.

    Each begins with where it stands. None where no section holds any.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"QAI_RUNBOOKS: {folder} is no folder; name one with runbooks in Markdown")
    sections = [section for path in _files(folder) for section in _sections(path, folder)]
    words = [(_words(section.heading) & wanted, _words(section.text) & wanted) for section in sections]
    seen = Counter(word for heading, text in words for word in heading | text)

    def worth(found: Set[str]) -> float:
        return sum(math.log((1 + len(sections)) / seen[word]) for word in found)

    scored = [(worth(heading) + worth(heading | text), at) for at, (heading, text) in enumerate(words)]
    best = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))[:MOST_SHOWN]
    return tuple(_shown(sections[at]) for _, at in best)


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".md", ".markdown", ".txt"))
    return [path for path in found if path.is_file() and path.stat().st_size <= MOST_BYTES][:MOST_FILES]


def _sections(path: Path, folder: Path) -> Iterator[Section]:
    text, name = path.read_text(encoding="utf-8", errors="replace"), path.relative_to(folder).as_posix()
    marks = [(match.start(), match.end(), match.group(1).strip()) for match in _HEADING.finditer(text)]
    begins = text[: marks[0][0]] if marks else text
    if begins.strip():
        yield Section(name, path.stem, begins.strip())
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    for (_, after, heading), end in zip(marks, ends, strict=True):
        if body := text[after:end].strip():
            yield Section(name, heading, body)


def _shown(section: Section) -> str:
    return f"{section.file}, {section.heading}:\n{section.text[:SHOWN_CHARACTERS]}"


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower()))
