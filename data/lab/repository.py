"""A shop's source as a real git repository, the same commit ids each time for the same instant."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from data.domain import as_utc
from data.errors import ConfigError, StoreError

# Commit ids depend on nothing but the history: no user's or machine's git configuration is read.
_NEUTRAL = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC", "LC_ALL": "C"}
BRANCH = "main"


class Commit(NamedTuple):
    """One commit. ``before`` is how long before the end of the history it was made."""

    slug: str
    author: str
    before: timedelta
    message: str


@dataclass(frozen=True)
class History:
    """Commits, oldest first, and the folder with a patch for each: ``NN-slug.patch``, counted from one.

    With ``source``, the newest state of every file lies there, and the first commit is what is left of it
    when the patches are undone; it needs no patch. Without, it is the first patch.
    """

    commits: tuple[Commit, ...]
    patches: Path
    source: Path | None = None

    def patch(self, commit: Commit) -> Path:
        """The unified diff that makes ``commit`` out of the one before it."""
        return self.patches / f"{self.commits.index(commit) + 1:02d}-{commit.slug}.patch"


def build_repository(path: Path, end: datetime, history: History) -> dict[str, str]:
    """Write ``history`` to ``path``, on a branch ``main``, its last commits shortly before ``end``.

    A repository that is there already and holds these commits is left as it is, with whatever was added since.

    Returns:
        The commit id for each slug.

    Raises:
        StoreError: if ``path`` holds something else.
        ConfigError: if git is not installed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        work = Path(folder) / "repository"
        ids = _write_history(work, as_utc(end).replace(microsecond=0), history)
        if not path.exists() or not any(path.iterdir()):
            shutil.rmtree(path, ignore_errors=True)
            work.rename(path)  # all or nothing: an interrupted build leaves no half a repository behind
        elif not holds_commit(path, ids[history.commits[-1].slug]):
            raise StoreError(f"{path} exists and is not this shop's repository; remove it or choose another folder")
    return ids


def holds_commit(repository: Path, commit: str) -> bool:
    """Whether ``commit`` exists in ``repository``."""
    if not (repository / ".git").exists():
        return False
    return _run(repository, "cat-file", "-e", f"{commit}^{{commit}}", check=False).returncode == 0


def git(repository: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What ``git`` printed, run in ``repository`` with no configuration but the repository's own.

    Raises:
        StoreError: with git's message, when it fails.
    """
    return _run(repository, *arguments, environment=environment).stdout


def git_bytes(repository: Path, *arguments: str) -> bytes:
    """What ``git`` printed, for output that is not text."""
    return _run_raw(repository, *arguments).stdout


def commit_patch(repository: Path, patch: Path, author: str, at: datetime, message: str) -> str:
    """Commit ``patch`` on top of what ``repository`` has checked out; returns the commit's id.

    Raises:
        StoreError: if the patch does not apply.
    """
    git(repository, "apply", "--index", str(patch.resolve()))
    return commit_index(repository, author, at, message)


def commit_index(repository: Path, author: str, at: datetime, message: str) -> str:
    """Commit what is staged, as ``author`` (``Name <address>``) and at ``at``; returns the commit's id."""
    name, _, email = author.partition(" <")
    parts = (("NAME", name), ("EMAIL", email.rstrip(">")), ("DATE", f"{int(at.timestamp())} +0000"))
    person = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in parts}
    git(repository, "commit", "--quiet", "--no-gpg-sign", "--no-verify", "-m", message, environment=person)
    return git(repository, "rev-parse", "HEAD").strip()


def patch_applies(repository: Path, patch: Path) -> bool:
    """Whether ``patch`` fits what ``repository`` has checked out."""
    return _run(repository, "apply", "--check", "--index", str(patch.resolve()), check=False).returncode == 0


def _write_history(folder: Path, end: datetime, history: History) -> dict[str, str]:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", f"--initial-branch={BRANCH}", "--object-format=sha1")
    git(folder, "config", "core.autocrlf", "false")
    rest = history.commits
    ids = {}
    if history.source is not None:
        first, rest = history.commits[0], history.commits[1:]
        shutil.copytree(
            history.source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
        for commit in reversed(rest):
            git(folder, "apply", "--reverse", str(history.patch(commit)))
        git(folder, "add", "--all")
        ids[first.slug] = commit_index(folder, first.author, end - first.before, first.message)
    for commit in rest:
        ids[commit.slug] = commit_patch(
            folder, history.patch(commit), commit.author, end - commit.before, commit.message
        )
    return ids


def _run(
    folder: Path, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = _run_raw(folder, *arguments, check=check, environment=environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _run_raw(
    folder: Path, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    # GIT_DIR and its like are set inside hooks, and would turn every command on another repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    full = {**inherited, **_NEUTRAL, **(environment or {})}
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, env=full, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ConfigError("git was not found; install it and put it on PATH") from error
    if check and done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise StoreError(f"git {arguments[0]} failed in {folder}: {said}")
    return done
