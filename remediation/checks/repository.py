"""The change that stands in a git repository: its working tree against a revision."""

from __future__ import annotations

from pathlib import Path

from data.errors import ActionError, InputError
from remediation.checks.changed import ChangeSet, change_set
from remediation.git import Git
from remediation.patch import Plan
from remediation.patch.scope import read

MAX_FILE_BYTES = 2_000_000


def changes_since(repository: Path, base: str = "HEAD") -> ChangeSet:
    """Every file that differs between ``base`` and the working tree, untracked ones that git does not ignore too.

    Raises:
        InputError: the folder is no git repository, or the revision is none of it.
    """
    git = Git(repository)
    try:
        top = Path(git.run("rev-parse", "--show-toplevel").strip())
    except ActionError as failed:
        raise InputError(f"{repository} is no git repository: {failed}", field="--repo") from failed
    commit = None if base.startswith("-") else git.commit(base)
    if commit is None:
        raise InputError(f"{base!r} is no revision of {repository}; give a commit, branch or tag", field="--base")
    git = Git(top)
    tracked = git.run("diff", "--name-only", "--no-renames", "-z", commit, "--").split("\0")
    untracked = git.run("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    paths = sorted({path for path in (*tracked, *untracked) if path})
    before = {path: _at(git, commit, path) for path in paths}
    after = {path: _now(top / path) for path in paths}
    return change_set(before, after)


def placed_changes(plan: Plan, root: Path) -> ChangeSet:
    """What a plan that has not been written yet does to the files below ``root``."""
    top = root.resolve()
    names = {path: path.relative_to(top).as_posix() for path in plan.files}
    before = {name: read(path) if path.exists() else None for path, name in names.items()}
    return change_set(before, {names[path]: text for path, text in plan.files.items()})


def _at(git: Git, commit: str, path: str) -> str | None:
    shown = git.try_run("cat-file", "blob", f"{commit}:{path}")
    return shown.out if shown.ok else None


def _now(path: Path) -> str | None:
    if path.is_symlink():
        return f"link to {path.readlink()}\n"
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_FILE_BYTES:
        return f"a file of {path.stat().st_size} bytes\n"
    return path.read_bytes().decode("utf-8", "replace")
