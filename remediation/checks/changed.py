"""What a change does to each file, as the checks read it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath


@dataclass(frozen=True)
class ChangedFile:
    """One file before and after; None where it does not exist. Undecodable bytes are shown as replacement marks."""

    path: str
    before: str | None
    after: str | None

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix.lower()

    @cached_property
    def added(self) -> tuple[tuple[int, str], ...]:
        """Lines that are new, with their numbers (from 1) in the file afterwards."""
        return tuple((n, line) for sign, n, line in self._lines if sign == "+")

    @cached_property
    def removed(self) -> tuple[tuple[int, str], ...]:
        """Lines that are gone, with their numbers in the file before."""
        return tuple((n, line) for sign, n, line in self._lines if sign == "-")

    @cached_property
    def _lines(self) -> tuple[tuple[str, int, str], ...]:
        old, new = (self.before or "").splitlines(), (self.after or "").splitlines()
        found: list[tuple[str, int, str]] = []
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                found += [("-", i + 1, old[i]) for i in range(i1, i2)]
                found += [("+", j + 1, new[j]) for j in range(j1, j2)]
        return tuple(found)


@dataclass(frozen=True)
class ChangeSet:
    """Everything a change does: its files and its unified diff."""

    files: tuple[ChangedFile, ...]
    diff: str

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files)

    @property
    def kept(self) -> tuple[ChangedFile, ...]:
        """The files that exist afterwards."""
        return tuple(file for file in self.files if file.after is not None)


def change_set(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> ChangeSet:
    """The change from one set of file texts to another; a path missing from a mapping does not exist there."""
    files = tuple(
        ChangedFile(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )
    return ChangeSet(files, "".join(_diff(file) for file in files))


def _diff(file: ChangedFile) -> str:
    old = (file.before or "").splitlines(keepends=True)
    new = (file.after or "").splitlines(keepends=True)
    names = (
        f"a/{file.path}" if file.before is not None else "/dev/null",
        f"b/{file.path}" if file.after is not None else "/dev/null",
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in difflib.unified_diff(old, new, *names))
