"""A unified diff as lines a page can mark: what was added, what was removed, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINES = 2000

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")


@dataclass(frozen=True)
class Line:
    """``kind`` is added, removed, context, hunk or note. Numbers are those of the old and the new file."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "-"}.get(self.kind, "")


@dataclass(frozen=True)
class FileDiff:
    """One file's part. ``is_cut`` when it was too long to show whole."""

    path: str
    lines: tuple[Line, ...]
    is_cut: bool = False

    @property
    def added(self) -> int:
        return sum(line.kind == "added" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "removed" for line in self.lines)


def files(diff: str) -> tuple[FileDiff, ...]:
    """The files a unified diff touches, in its order. Text that is no diff yields none."""
    found: list[FileDiff] = []
    path, lines = "", list[Line]()
    old = new = 0

    def close() -> None:
        if path:
            found.append(FileDiff(path, tuple(lines[:MAX_LINES]), is_cut=len(lines) > MAX_LINES))

    # Only "\n" ends a line of a diff; str.splitlines would also break at a form feed inside a source line.
    for text in diff.removesuffix("\n").split("\n") if diff else ():
        if text.startswith("diff --git "):
            close()
            path, lines, old, new = _path_in_header(text), [], 0, 0
        elif (hunk := _HUNK.match(text)) is not None:
            old, new = int(hunk[1]), int(hunk[2])
            lines.append(Line("hunk", hunk[3].strip()))
        elif not old and not new:
            path, note = _header(text, path)
            lines.extend(note)
        else:
            line = _content(text, old, new)
            old, new = old + (line.old is not None), new + (line.new is not None)
            lines.append(line)
    close()
    return tuple(found)


def _content(text: str, old: int, new: int) -> Line:
    if text.startswith("+"):
        return Line("added", text[1:], None, new)
    if text.startswith("-"):
        return Line("removed", text[1:], old, None)
    if text.startswith("\\"):
        return Line("note", text[2:])
    return Line("context", text[1:], old, new)


def _header(text: str, path: str) -> tuple[str, list[Line]]:
    """The path as the ``---`` and ``+++`` lines give it, and what a reviewer must know besides."""
    for prefix in ("+++ ", "--- "):
        if text.startswith(prefix) and (name := text[4:].split("\t")[0]) != "/dev/null":
            return name.removeprefix("a/" if prefix == "--- " else "b/"), []
    known = ("new file", "deleted file", "rename ", "old mode", "new mode", "Binary files", "GIT binary patch")
    return path, [Line("note", text)] if text.startswith(known) else []


def _path_in_header(text: str) -> str:
    return text.rpartition(" b/")[2] or text.removeprefix("diff --git ")
