"""What kind of files a change touches: documentation breaks production less often than code does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.domain import Change, ChangeKind
from models.changes.signal import Signal

# In order; the first pattern that matches a path decides. Weights are log-odds against an ordinary code file.
_KINDS: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (name, weight, re.compile(pattern, re.IGNORECASE))
    for name, weight, pattern in (
        (
            "tests",
            -4.0,
            r"(^|/)(tests?|__tests__|spec|testdata|fixtures|e2e)/|[._-](test|spec)\.\w+$|(^|/)test_\w+\.\w+$",
        ),
        ("tests", -4.0, r"_fuzz\w*\.\w+$|(Test|Tests|Spec|IT)\.(java|kt|scala|cs|groovy)$|(^|/)conftest\.py$"),
        ("documentation", -4.0, r"\.(md|rst|adoc)$|(^|/)(docs?|runbooks?|adr)/|(^|/)(LICENSE|NOTICE|AUTHORS)\b"),
        ("documentation", -4.0, r"(^|/)(CODEOWNERS|CHANGELOG|README|CONTRIBUTING)\b|(^|/)\.(git|editor)\w+$"),
        (
            "continuous integration",
            -3.0,
            r"(^|/)(\.github|\.gitlab|\.circleci|\.buildkite|ci)/|(^|/)(Jenkinsfile|\.travis)",
        ),
        (
            "developer tools",
            -3.5,
            r"(^|/)\.?(golangci|eslintrc|prettierrc|pylintrc|pre-commit|flake8|rubocop)\b[^/]*$|(^|/)(GNU)?[Mm]akefile$|(^|/)[Jj]ustfile$",
        ),
        ("other environments", -2.5, r"(^|/|[._-])(staging|dev|development|sandbox|local|qa)(/|[._-])"),
        ("appearance", -2.5, r"\.(css|scss|less|svg|png|jpe?g|ico|woff2?|html?|hbs|mustache|tmpl)$"),
        (
            "dependencies",
            0.0,
            r"(^|/)(go\.(mod|sum)|package(-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|Cargo\.(toml|lock))$",
        ),
        (
            "dependencies",
            0.0,
            r"(^|/)(requirements[^/]*\.txt|poetry\.lock|uv\.lock|Pipfile(\.lock)?|Gemfile(\.lock)?)$",
        ),
        ("dependencies", 0.0, r"(^|/)(pom\.xml|build\.gradle(\.kts)?|libs\.versions\.toml|composer\.(json|lock))$"),
        ("the database schema", 0.4, r"(^|/)migrations?/|\.sql$"),
        (
            "configuration",
            0.4,
            r"\.(ya?ml|toml|properties|ini|conf|env|tf|tfvars|hcl|cfg|cnf)$|(^|/)(config|helm|deploy|k8s)/",
        ),
    )
)
_ORDINARY = ("code", 0.0)
# Kinds from this weight down do not run in production.
INERT = -2.5
# Where the part of a unified diff that is about one file begins, and which file that is.
_SECTION = re.compile(r"(?m)^(?=--- \S.*\n\+\+\+ \S)")
_FILE = re.compile(r"(?m)^(?:---|\+\+\+) (?:[ab]/)?(?!/dev/null)(\S+)")
# The author's own word for it, where no file says more.
_PREFIXES = {"docs": -1.5, "doc": -1.5, "test": -1.5, "tests": -1.5, "style": -1.5, "ci": -1.5}
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_BUMPS = {"major": 0.6, "minor": -0.6, "patch": -1.4}


def file_signals(change: Change) -> list[Signal]:
    """Evidence from the kinds of file touched; the riskiest of them counts."""
    if change.kind is not ChangeKind.commit:
        return []
    kinds = [kind_of_file(path) for path in change.files]
    name, weight = max(kinds, key=lambda kind: kind[1], default=_ORDINARY)
    signals = [Signal(weight, f"it touches only {name}" if weight < 0 else f"it touches {name}")]
    if only_dependencies(change):
        signals.append(_bump(change.diff))
    prefix = re.match(r"(\w+)(\([^)]*\))?!?:", change.summary)
    if prefix and prefix.group(1).lower() in _PREFIXES:
        signals.append(Signal(_PREFIXES[prefix.group(1).lower()], f'its author calls it "{prefix.group(1)}"'))
    return signals


def only_dependencies(change: Change) -> bool:
    """Whether the files touched pin the versions of libraries, and nothing else of what runs in production."""
    kinds = [kind_of_file(path) for path in change.files]
    return {name for name, weight in kinds if weight > INERT} == {"dependencies"}


def runs_nowhere(change: Change) -> bool:
    """Whether no file touched runs in production."""
    return bool(change.files) and all(kind_of_file(path)[1] <= INERT for path in change.files)


def acting_part(diff: str) -> str:
    """``diff`` without the files that do not run in production (tests, docs, CI, ...); whole if only those are there.

    A commit seldom does one thing: what it does to a build script beside the code says nothing of the code.
    """
    parts = [(_FILE.search(part), part) for part in _SECTION.split(diff)]
    kinds = [(kind_of_file(found.group(1)), part) for found, part in parts if found]
    running = [(name, part) for (name, weight), part in kinds if weight > INERT]
    code = [part for name, part in running if name != "dependencies"]
    return "".join(code or [part for _, part in running]) or diff


def kind_of_file(path: str) -> tuple[str, float]:
    """What a path holds, and the log-odds of that kind against an ordinary code file."""
    return next(((name, weight) for name, weight, pattern in _KINDS if pattern.search(path)), _ORDINARY)


def _bump(diff: str | None) -> Signal:
    if not diff:
        return Signal(-0.6, "it updates dependencies; which ones is not recorded")
    step = largest_step(diff.splitlines())
    return Signal(_BUMPS[step], f"it updates dependencies by a {step} version at most")


def largest_step(lines: Sequence[str]) -> str:
    """The largest version step among lines removed and added again: ``major``, ``minor`` or ``patch``."""
    before, after = ({_package(x): _version(x) for x in lines if x.startswith(mark) and _version(x)} for mark in "-+")
    steps = [_step(before[name], version) for name, version in after.items() if name in before]
    return next((step for step in ("major", "minor") if step in steps), "patch")


def _package(line: str) -> str:
    return _VERSION.sub("", line[1:]).strip()


def _version(line: str) -> tuple[int, int] | None:
    found = _VERSION.search(re.sub(r"/v\d+(?=\s)", "", line))
    return (int(found.group(1)), int(found.group(2))) if found else None


def _step(before: tuple[int, int] | None, after: tuple[int, int] | None) -> str:
    if before is None or after is None or before == after:
        return "patch"
    # Below 1.0 the minor number is the one that breaks things (semver.org, item 4).
    return "major" if before[0] != after[0] else "minor"
