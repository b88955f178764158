"""What a person has to see before it is merged, though nothing is wrong with it by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from remediation.checks.changed import ChangeSet
from remediation.checks.check import Check, verdict

_HOST: Final = re.compile(
    r"\b(?:https?|wss?|ftp|ssh|git)://(?:[^\s/@\"']*@)?([A-Za-z0-9.-]+\.[A-Za-z]{2,}|\d+\.\d+\.\d+\.\d+)"
)
_MANIFESTS: Final = frozenset(
    {"package.json", "pyproject.toml", "setup.py", "setup.cfg", "go.mod", "Cargo.toml", "Gemfile", "pom.xml",
     "build.gradle", "composer.json", "Pipfile"}
)  # fmt: skip
_TEST_PATH: Final = re.compile(
    r"(?:^|/)(?:tests?|spec|__tests__)/|(?:^|/)test_[^/]+\.py$|[._](?:test|spec)\.\w+$|_test\.\w+$"
)
_TEST_LINE: Final = re.compile(
    r"\bassert|\bexpect\s*\(|\bdef test_|\bit\s*\(|\btest\s*\(|\bfunc Test|@Test\b|\bt\.(?:Error|Fatal)"
)
_SKIP: Final = re.compile(
    r"@(?:pytest\.mark\.|unittest\.)?(?:skip|xfail|Disabled|Ignore)|"
    r"\b(?:pytest|t)\.skip|\b(?:it|test|describe)\.skip|\bxit\(",
    re.IGNORECASE,
)


def check_hosts(change: ChangeSet) -> Check:
    """Whether the change speaks to a host that its files did not name before."""
    return verdict("new_hosts", _hosts(change), "no host is named that was not named before")


def _hosts(change: ChangeSet) -> Iterator[str]:
    known = {host.lower() for file in change.files for host in _HOST.findall(file.before or "")}
    for file in change.kept:
        for number, line in file.added:
            for host in _HOST.findall(line):
                if host.lower() not in known and host not in ("127.0.0.1", "localhost"):
                    yield f"{file.path}:{number} names a new host, {host}"


def check_dependencies(change: ChangeSet) -> Check:
    """Whether the change adds to, or alters, what is installed from elsewhere."""
    touched = [file for file in change.files if is_dependencies(file.path) and (file.added or file.removed)]
    return verdict("dependencies", (f"{file.path} changes what is installed" for file in touched), "none change")


def is_dependencies(path: str) -> bool:
    """Whether a file says what is installed from elsewhere."""
    name = PurePosixPath(path).name
    return name in _MANIFESTS or bool(re.fullmatch(r"requirements[\w.-]*\.(?:txt|in|lock)", name))


def check_tests_kept(change: ChangeSet) -> Check:
    """Whether the change removes or skips tests: an easy way to make them pass."""
    return verdict("tests_kept", _weakened(change), "no test is removed or skipped")


def is_test_path(path: str) -> bool:
    """Whether a file is a test by where it lies or what it is called."""
    return bool(_TEST_PATH.search(path))


def _weakened(change: ChangeSet) -> Iterator[str]:
    for file in change.files:
        if not is_test_path(file.path):
            continue
        if file.after is None:
            yield f"{file.path} is deleted"
            continue
        lost = sum(bool(_TEST_LINE.search(line)) for _, line in file.removed)
        won = sum(bool(_TEST_LINE.search(line)) for _, line in file.added)
        if lost > won:
            yield f"{file.path} loses {lost - won} assertion(s) or test(s)"
        if any(_SKIP.search(line) for _, line in file.added):
            yield f"{file.path} skips a test"
