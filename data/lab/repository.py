"""The shop's source as a real git repository, the same commit ids each time for the same instant."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from data.domain import as_utc
from data.errors import ConfigError, StoreError
from data.lab.history import HISTORY, Commit, patch_of

# Commit ids depend on nothing but the history: no user's or machine's git configuration is read.
_NEUTRAL = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC", "LC_ALL": "C"}


def build_repository(path: Path, end: datetime) -> dict[str, str]:
    """Write the shop's history to ``path``, on a branch ``main``, its last commits shortly before ``end``.

    A repository that is there already and holds these commits is left as it is, with whatever was added since.

    Returns:
        The commit id for each slug of :data:`~data.lab.history.HISTORY`.

    Raises:
        StoreError: if ``path`` holds something else.
        ConfigError: if git is not installed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        work = Path(folder) / "repository"
        ids = _write_history(work, as_utc(end).replace(microsecond=0))
        if not path.exists() or not any(path.iterdir()):
            shutil.rmtree(path, ignore_errors=True)
            work.rename(path)  # all or nothing: an interrupted build leaves no half a repository behind
        elif not holds_commit(path, ids[HISTORY[-1].slug]):
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


def _write_history(folder: Path, end: datetime) -> dict[str, str]:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main", "--object-format=sha1")
    git(folder, "config", "core.autocrlf", "false")
    return {commit.slug: _write_commit(folder, commit, end) for commit in HISTORY}


def _write_commit(folder: Path, commit: Commit, end: datetime) -> str:
    _run(folder, "apply", "--index", "-", text=patch_of(commit).read_text(encoding="utf-8"))
    instant = f"{int((end - commit.before).timestamp())} +0000"
    person = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", commit.name), ("EMAIL", commit.email), ("DATE", instant))
    }
    git(folder, "commit", "--quiet", "--no-gpg-sign", "--no-verify", "-m", commit.message, environment=person)
    return git(folder, "rev-parse", "HEAD").strip()


def _run(
    folder: Path,
    *arguments: str,
    check: bool = True,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    # GIT_DIR and its like are set inside hooks, and would turn every command on another repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**inherited, **_NEUTRAL, **(environment or {})},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigError("git was not found; install it and put it on PATH") from error
    if check and done.returncode:
        raise StoreError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}")
    return done
