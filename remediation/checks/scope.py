"""What is wrong with a change, found by looking at the change itself. Plain rules; no model is asked."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Sequence

from data.domain import Noun

MAX_FILES = 30
MAX_LINES = 2000

# Files that run, or unlock, something outside the service: a person looks at these, whatever a policy says.
PROTECTED_PATHS = (
    ".github/**",
    ".gitlab/**",
    ".circleci/**",
    ".buildkite/**",
    ".ci/**",
    "**/.gitlab-ci.yml",
    "**/.travis.yml",
    "**/Jenkinsfile",
    "**/azure-pipelines.yml",
    "**/bitbucket-pipelines.yml",
    "**/CODEOWNERS",
    "**/.gitmodules",
    "**/.gitattributes",
    "**/.env",
    "**/.env.*",
    "**/.npmrc",
    "**/.pypirc",
    "**/.netrc",
    "**/*.pem",
    "**/*.key",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/id_rsa*",
    "**/id_ed25519*",
    "**/*secret*",
    "**/*credential*",
)


class Check(Noun):
    """One question asked of a change: what was looked at, whether it is in order, and what was seen."""

    name: str
    passed: bool
    detail: str


# Without these a change is not proposed at all; a person can decide on the others.
REQUIRED = frozenset({"changes_something", "size"})


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


def failures(checks: Iterable[Check], names: Collection[str] = REQUIRED) -> tuple[Check, ...]:
    """The checks among ``names`` that did not pass."""
    return tuple(check for check in checks if not check.passed and check.name in names)


def protected_files(files: Iterable[str], protected: Iterable[str] = PROTECTED_PATHS) -> tuple[str, ...]:
    """The files that match a protected pattern. Case is ignored; ``**/`` also matches the top folder."""
    patterns = [variant.lower() for pattern in protected for variant in _variants(pattern)]
    return tuple(name for name in files if any(fnmatch.fnmatchcase(name.lower(), p) for p in patterns))


def _variants(pattern: str) -> tuple[str, ...]:
    return (pattern, pattern.removeprefix("**/")) if pattern.startswith("**/") else (pattern,)
