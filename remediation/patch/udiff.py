"""A unified diff as code changes: each hunk is the text to find and the text to put there.

Line numbers are not believed, for language models miscount: a hunk's own lines have to be found, in one place.
"""

from __future__ import annotations

import re

from data.errors import InputError
from data.proposal import CodeAction, CodeChange

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_NOWHERE = "/dev/null"


def is_unified_diff(text: str) -> bool:
    """Whether ``text`` looks like a diff rather than like JSON."""
    return bool(re.search(r"^--- .*\n\+\+\+ ", text, re.MULTILINE))


def code_changes(diff: str) -> tuple[CodeChange, ...]:
    """The changes that ``diff`` makes.

    Raises:
        InputError: it renames, copies, changes modes or binary files, or a hunk stands under no file.
    """
    changes: list[CodeChange] = []
    old = new = ""
    lines = diff.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if re.match(r"^(rename|copy) (from|to) |^(old|new) mode |^GIT binary patch|^Binary files ", line):
            raise InputError(f"line {at + 1}: {line[:60]!r} is not an edit of text", field="diff")
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            old, new = _path(line), _path(lines[at + 1])
            at += 2
            continue
        if _HUNK.match(line):
            if not new:
                raise InputError(f"line {at + 1}: a hunk without --- and +++ lines above it", field="diff")
            body, at = _hunk(lines, at + 1)
            changes.append(_change(old, new, body))
            continue
        at += 1
    if not changes:
        raise InputError("no hunk found; give a unified diff with --- and +++ lines and @@ hunks", field="diff")
    return tuple(changes)


def _path(line: str) -> str:
    name = line[4:].split("\t")[0].strip()
    return name if name == _NOWHERE else re.sub(r"^[ab]/", "", name)


def _hunk(lines: list[str], at: int) -> tuple[list[str], int]:
    body: list[str] = []
    while at < len(lines) and (lines[at][:1] in (" ", "+", "-", "\\") or lines[at] == ""):
        if lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            break
        if not lines[at].startswith("\\"):
            body.append(lines[at] or " ")
        at += 1
    # A blank line between two files is no context of the first.
    while body and body[-1] == " " and at < len(lines):
        body.pop()
    return body, at


def _change(old: str, new: str, body: list[str]) -> CodeChange:
    before = "\n".join(line[1:] for line in body if line[0] in " -")
    after = "\n".join(line[1:] for line in body if line[0] in " +")
    if old == _NOWHERE:
        return CodeChange(file_path=new, new_content_snippet=after + "\n", action=CodeAction.create_file)
    if new == _NOWHERE:
        return CodeChange(file_path=old, old_content_snippet=before, action=CodeAction.delete_file)
    if old != new:
        raise InputError(f"{old} would become {new}: a rename is not an edit of text", field="diff")
    return CodeChange(file_path=new, old_content_snippet=before, new_content_snippet=after)
