"""Files that only a person may decide on, whatever a rule says."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

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


def protected_files(files: Iterable[str], protected: Iterable[str] = PROTECTED_PATHS) -> tuple[str, ...]:
    """The files that match a protected pattern. Case is ignored; ``**/`` also matches the top folder."""
    patterns = [variant.lower() for pattern in protected for variant in _variants(pattern)]
    return tuple(name for name in files if any(fnmatch.fnmatchcase(name.lower(), p) for p in patterns))


def _variants(pattern: str) -> tuple[str, ...]:
    return (pattern, pattern.removeprefix("**/")) if pattern.startswith("**/") else (pattern,)
