"""A test that comes with a change: does it fail without the change, and pass with it?

A test that passes either way shows nothing, however well it reads. Both runs are made in the box (``sandbox``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, Skipped
from remediation.checks.people import is_test_path
from remediation.checks.sandbox import Ran, run_boxed, scratch_copy
from remediation.git import Git

NAME = "regression_test"
_FAILED = 1  # pytest's exit code for tests that ran and failed; others mean that they could not run


def check_regression(base: Path, change: ChangeSet) -> Check | Skipped | None:
    """Whether the tests that ``change`` adds tell the tree at ``base`` from the changed one.

    None where it adds none, or changes nothing but tests.
    """
    tests = _added(change)
    if not tests:
        return None
    runnable = [file.path for file in tests if file.suffix == ".py"]
    if not runnable:
        return Skipped(name=NAME, why="only Python's tests can be run by themselves")
    without = _run(base, tests, runnable)
    if isinstance(without, Skipped):
        return without
    with_it = _run(base, change.files, runnable)
    return with_it if isinstance(with_it, Skipped) else _verdict(", ".join(runnable), without, with_it)


def check_regression_since(checkout: Path, base_commit: str, change: ChangeSet) -> Check | Skipped | None:
    """As :func:`check_regression`, of a git checkout's change against ``base_commit``."""
    if not _added(change):
        return None
    with Git(checkout).worktree(base_commit) as base:
        return check_regression(base.directory, change)


def _added(change: ChangeSet) -> list[ChangedFile]:
    """The new tests of a change that is more than tests."""
    if all(is_test_path(file.path) for file in change.files):
        return []
    return [file for file in change.kept if file.before is None and is_test_path(file.path)]


def _verdict(names: str, without: Ran, with_it: Ran) -> Check:
    if without.code == 0:
        return Check(name=NAME, passed=False, detail=f"{names} passes without the change, too: it shows nothing")
    if without.code != _FAILED:
        return Check(name=NAME, passed=False, detail=f"{names} cannot be run without the change: {without.last}")
    if with_it.code != 0:
        return Check(name=NAME, passed=False, detail=f"{names} fails with the change: {with_it.last}")
    return Check(name=NAME, passed=True, detail=f"{names} fails without the change and passes with it")


def _run(base: Path, files: tuple[ChangedFile, ...] | list[ChangedFile], tests: list[str]) -> Ran | Skipped:
    """The tests on a copy of ``base`` in which ``files`` are as they are afterwards."""
    with scratch_copy(base) as copy:
        for file in files:
            _put(copy / file.path, file.after)
        ran = run_boxed(copy, (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests))
    if isinstance(ran, str):
        return Skipped(name=NAME, why=ran)
    return Skipped(name=NAME, why=f"what the test needs is not installed here: {ran.lacks}") if ran.lacks else ran


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
