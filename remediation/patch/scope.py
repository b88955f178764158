"""Which files a patch may touch: inside the repository, inside its scope, and none that only a person may decide on."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data.errors import ProposalError
from remediation.protected import PROTECTED_PATHS, protected_files

MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class Scope:
    """``allowed`` are shell patterns of paths (empty: the whole repository); ``protected`` win over them."""

    allowed: tuple[str, ...] = ()
    protected: tuple[str, ...] = PROTECTED_PATHS


def resolve(repository: Path, path: str, scope: Scope) -> Path:
    """The file that ``path`` (from the top of the repository) names.

    Raises:
        ProposalError: it leaves the repository, goes through a link, is git's own, protected, or out of scope.
    """
    pure = PurePosixPath(path)
    if not path.strip() or "\\" in path or "\0" in path:
        raise ProposalError("outside scope: a path is needed, from the top of the repository, with forward slashes")
    if pure.is_absolute() or ".." in pure.parts:
        raise ProposalError("outside scope: the path leaves the repository; give it from the top of the repository")
    if any(part.lower() == ".git" for part in pure.parts):
        raise ProposalError("outside scope: git's own files are never edited")
    name = str(pure)
    if protected_files([name], scope.protected):
        raise ProposalError("outside scope: a protected path (CI, credentials, owners); a person has to change it")
    if scope.allowed and not _allowed(name, scope.allowed):
        raise ProposalError(f"outside scope: only {', '.join(scope.allowed[:5])} may be changed here")
    target = repository / pure
    if any(parent.is_symlink() for parent in (target, *target.parents) if parent.is_relative_to(repository)):
        raise ProposalError("outside scope: the path goes through a symbolic link, which may lead anywhere")
    return target


def read(target: Path) -> str:
    """The text of an existing file.

    Raises:
        ProposalError: it is missing, not a plain file, too large to be reviewed, or not text in UTF-8.
    """
    if not target.is_file():
        raise ProposalError("missing: there is no such file")
    if target.stat().st_size > MAX_BYTES:
        raise ProposalError(f"outside scope: the file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return target.read_bytes().decode("utf-8")
    except UnicodeDecodeError as failed:
        raise ProposalError("outside scope: the file is not text in UTF-8") from failed


def _allowed(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern.rstrip("/") + "/") for pattern in patterns)
