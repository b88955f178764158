"""The files a proposal may touch, found by code: those of the blamed service, and those the blamed change touched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from data.domain import Change, Diagnosis
from data.errors import ActionError
from remediation.choice import blamed_change
from remediation.git import Git
from remediation.protected import protected_files

MAX_FILES = 60
MAX_BYTES = 200_000


def blamed_service(diagnosis: Diagnosis) -> str | None:
    """The service most likely at fault; None where nothing seen supports one."""
    best = max(diagnosis.suspects, key=lambda candidate: candidate.probability, default=None)
    return best.service if best else None


def files_in_scope(repository: Path, diagnosis: Diagnosis, changes: Iterable[Change]) -> dict[str, str]:
    """Path and text of every file in scope, of what git tracks; empty where the repository cannot be read."""
    service = blamed_service(diagnosis)
    touched = files_touched(diagnosis, changes)
    try:
        tracked = [name for name in Git(repository).run("ls-files", "-z").split("\0") if name]
    except ActionError:
        return {}
    wanted = [name for name in tracked if name in touched or (service and belongs_to(name, service))]
    files: dict[str, str] = {}
    room = MAX_BYTES
    for name in sorted(wanted, key=lambda name: (name not in touched, name)):
        path = repository / name
        if protected_files([name]) or path.is_symlink() or not path.is_file() or path.stat().st_size > room:
            continue
        try:
            files[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        room -= path.stat().st_size
        if len(files) == MAX_FILES:
            break
    return files


def files_touched(diagnosis: Diagnosis, changes: Iterable[Change]) -> frozenset[str]:
    """The files of the blamed change, and of the commit that it deployed; none where no change is blamed."""
    blamed = blamed_change(diagnosis)
    if blamed is None:
        return frozenset()
    known = {change.id: change for change in changes}
    own = known.get(blamed.id)
    carried = known.get(own.commit) if own and own.commit else None
    return frozenset(name for change in (own, carried) if change for name in change.files)


def belongs_to(path: str, service: str) -> bool:
    """Whether a path names the service in one of its folders, or in the name of a manifest."""
    wanted = _key(service)
    pure = PurePosixPath(path)
    return bool(wanted) and (wanted in {_key(part) for part in pure.parts[:-1]} or wanted == _key(pure.stem))


def _key(name: str) -> str:
    """``Cart-Service``, ``cart_service`` and ``cart`` are one name."""
    return re.sub(r"(?:service|svc|app|server|api)$", "", re.sub(r"[^a-z0-9]", "", name.lower()))
