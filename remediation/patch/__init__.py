"""A proposal's changes, put into a working tree: every one of them, or none.

Each change is matched against the files as they are before any of them, so their order means nothing. A change
that cannot be placed with certainty is refused with the reason, and then nothing at all is written.

    plan = plan_changes(repository, changes, scope)
    if plan.applies:
        write(plan)
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from data.errors import ActionError, ProposalError
from data.proposal import CodeAction, CodeChange, ConfigurationChange
from remediation.patch.edit import Edit, edit
from remediation.patch.match import Match
from remediation.patch.scope import Scope, read, resolve
from remediation.patch.structured import configured
from remediation.syntax import is_checked, syntax_problem

__all__ = ["Match", "Placed", "Plan", "Scope", "plan_changes", "write"]

MAX_CHANGES = 100
_MAX_VARIANTS = 8


@dataclass(frozen=True)
class Placed:
    """What became of one change: ``match`` says how its place was found, ``problem`` why it was refused."""

    file_path: str
    match: Match | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Plan:
    """``files`` holds the new text of each file (None: the file goes); empty where any change was refused."""

    changes: tuple[Placed, ...]
    files: dict[Path, str | None] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        return bool(self.changes) and all(change.problem is None for change in self.changes)


@dataclass
class _File:
    """One file while its changes are gathered; ``before`` is None where it does not exist yet."""

    path: Path
    name: str
    before: str | None
    newline: str = "\n"
    edits: list[tuple[int, Edit]] = field(default_factory=list)
    settings: list[tuple[int, ConfigurationChange]] = field(default_factory=list)
    whole: list[tuple[int, str | None]] = field(default_factory=list)


def plan_changes(
    repository: Path, changes: Sequence[CodeChange | ConfigurationChange | Placed], scope: Scope | None = None
) -> Plan:
    """Where each change goes and what every file becomes. Reads; writes nothing.

    Args:
        repository: top of the working tree.
        changes: edits of files and of settings; one that was refused before it came here is passed on as it is.
        scope: which files may be touched; None for the whole tree but for protected paths.
    """
    limits = scope or Scope()
    root = repository.resolve()
    placed: list[Placed] = []
    files: dict[Path, _File] = {}
    for number, change in enumerate(changes):
        if isinstance(change, Placed):
            placed.append(change)
            continue
        name = change.file_path if isinstance(change, CodeChange) else change.path
        try:
            if number >= MAX_CHANGES:
                raise ProposalError(f"outside scope: more than {MAX_CHANGES} changes; split the proposal")
            placed.append(Placed(name, _gather(root, name, number, change, files, limits)))
        except ProposalError as refused:
            placed.append(Placed(name, problem=str(refused)))
    texts: dict[Path, str | None] = {}
    for file in files.values():
        try:
            texts[file.path] = _result(file)
        except ProposalError as refused:
            for number in _numbers(file):
                if placed[number].problem is None:
                    placed[number] = Placed(placed[number].file_path, problem=str(refused))
    unchecked = tuple(f.name for f in files.values() if texts.get(f.path) is not None and not is_checked(f.name))
    plan = Plan(tuple(placed), texts, unchecked)
    return plan if plan.applies else Plan(plan.changes)


def write(plan: Plan) -> None:
    """Put the planned texts into the files; on a failure, every file already written gets its old content back.

    Raises:
        ActionError: a file could not be written; the tree is as it was.
    """
    undo: list[tuple[Path, bytes | None]] = []
    try:
        for path, text in plan.files.items():
            before = path.read_bytes() if path.exists() else None
            _put(path, text.encode("utf-8") if text is not None else None)
            undo.append((path, before))
    except OSError as failed:
        for path, before in reversed(undo):
            _put(path, before)
        raise ActionError(f"{failed.filename or 'a file'} could not be written: {failed.strerror}") from failed


def _gather(
    root: Path, name: str, number: int, change: CodeChange | ConfigurationChange, files: dict[Path, _File], scope: Scope
) -> Match:
    target = resolve(root, name, scope)
    file = files.get(target) or _open(target, name)
    if isinstance(change, ConfigurationChange):
        if file.before is None:
            raise ProposalError("missing: there is no such file")
        configured(file.before, change)
        file.settings.append((number, change))
        match = Match.structured
    elif change.action in (CodeAction.create_file, CodeAction.delete_file):
        file.whole.append((number, _whole(file, change)))
        match = Match.whole_file
    else:
        if file.before is None:
            raise ProposalError("missing: there is no such file; use create_file to make one")
        made = edit(file.before, _unix(change))
        file.edits.append((number, made))
        match = made.match
    files[target] = file
    return match


def _open(target: Path, name: str) -> _File:
    if not target.exists():
        return _File(target, name, None)
    raw = read(target)
    newline = "\r\n" if "\r\n" in raw and raw.count("\r\n") == raw.count("\n") else "\n"
    return _File(target, name, raw.replace("\r\n", "\n") if newline == "\r\n" else raw, newline)


def _unix(change: CodeChange) -> CodeChange:
    return change.model_copy(
        update={
            "old_content_snippet": change.old_content_snippet.replace("\r\n", "\n"),
            "new_content_snippet": change.new_content_snippet.replace("\r\n", "\n"),
        }
    )


def _whole(file: _File, change: CodeChange) -> str | None:
    if change.action is CodeAction.create_file:
        if file.before is not None:
            raise ProposalError("ambiguous: the file exists already; replace a part of it instead")
        if not change.new_content_snippet:
            raise ProposalError("nothing to do: the new file would be empty")
        return change.new_content_snippet
    if file.before is None:
        raise ProposalError("missing: there is no such file")
    said = change.old_content_snippet.replace("\r\n", "\n").strip()
    if said and said not in file.before:
        raise ProposalError("missing: the file does not hold what the change says it does")
    return None


def _numbers(file: _File) -> list[int]:
    return [number for number, _ in (*file.edits, *file.settings, *file.whole)]


def _result(file: _File) -> str | None:
    """What the file becomes by all of its changes together."""
    kinds = [bool(file.edits), bool(file.settings), bool(file.whole)]
    if sum(kinds) > 1 or len(file.whole) > 1:
        raise ProposalError("ambiguous: the file is edited in ways that exclude one another; give one kind of change")
    if file.whole:
        after = file.whole[0][1]
        problem = syntax_problem(file.name, None, after) if after is not None else None
        if problem:
            raise ProposalError(problem)
        return after
    assert file.before is not None
    candidates = _edited(file.before, [made for _, made in file.edits]) if file.edits else [_set(file)]
    problems: list[str] = []
    for after in candidates:
        problem = syntax_problem(file.name, file.before, after)
        if problem is None:
            return after.replace("\n", file.newline) if file.newline != "\n" else after
        problems.append(problem)
    raise ProposalError(problems[0])


def _set(file: _File) -> str:
    text = file.before
    assert text is not None
    for _, change in file.settings:
        text = configured(text, change)
    return text


def _edited(text: str, edits: list[Edit]) -> list[str]:
    """The text with all edits made; one for each way their indentation can be meant, the likelier first."""
    ordered = sorted(edits, key=lambda made: (made.start, made.end))
    for one, two in pairwise(ordered):
        if two.start < one.end or (one.start, one.end) == (two.start, two.end):
            raise ProposalError("ambiguous: two changes overlap in the file; make them one")
    results = [""]
    at = 0
    for made in ordered:
        results = [r + text[at : made.start] + new for r in results for new in made.texts][:_MAX_VARIANTS]
        at = made.end
    return [result + text[at:] for result in results]


def _put(path: Path, content: bytes | None) -> None:
    """Replace a file in one move, so that nobody ever reads half of it; its permissions stay."""
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".qai-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
