"""Whether a change does something, is small enough to be reviewed, and leaves protected paths alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remediation.checks.check import Check
from remediation.protected import PROTECTED_PATHS, protected_files

MAX_FILES = 30
MAX_LINES = 2000


def check_scope(diff: str, files: Sequence[str], protected: Iterable[str] = PROTECTED_PATHS) -> tuple[Check, ...]:
    """Whether a change does something, is small enough to be reviewed, and leaves protected paths alone.

    Args:
        diff: unified diff of the change.
        files: every file it touches, as paths from the top of the repository.
        protected: patterns of paths only a person may decide on.
    """
    added = sum(line.startswith("+") and not line.startswith("+++ ") for line in diff.splitlines())
    removed = sum(line.startswith("-") and not line.startswith("--- ") for line in diff.splitlines())
    guarded = protected_files(files, protected)
    return (
        Check(
            name="changes_something",
            passed=bool(files),
            detail=f"{len(files)} file(s) change" if files else "nothing would change",
        ),
        Check(
            name="size",
            passed=len(files) <= MAX_FILES and added + removed <= MAX_LINES,
            detail=f"+{added} -{removed} lines in {len(files)} file(s); at most {MAX_LINES} lines in {MAX_FILES} files",
        ),
        Check(
            name="protected_paths",
            passed=not guarded,
            detail=f"needs a person: {', '.join(guarded[:10])}" if guarded else "no protected path is touched",
        ),
    )
