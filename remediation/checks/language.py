"""Whether every changed file is still what its language says it is."""

from __future__ import annotations

from collections.abc import Iterator

from remediation.checks.changed import ChangeSet
from remediation.checks.check import Check, verdict
from remediation.syntax import is_checked, syntax_problem


def check_syntax(change: ChangeSet) -> Check:
    """Whether a file that could be parsed before can still be."""
    known = [file for file in change.kept if is_checked(file.path)]
    unknown = len(change.kept) - len(known)
    in_order = f"{len(known)} file(s) parse" + (f"; {unknown} of a kind that is not parsed here" if unknown else "")
    return verdict("syntax", _problems(change), in_order)


def _problems(change: ChangeSet) -> Iterator[str]:
    for file in change.kept:
        problem = syntax_problem(file.path, file.before, file.after or "")
        if problem:
            yield f"{file.path}: {problem}"
