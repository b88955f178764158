"""One question asked of a change, and its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from data.domain import Noun

# Without these a change is not proposed at all; a person can decide on the others.
REQUIRED = frozenset({"changes_something", "size", "syntax", "destructive", "secrets", "hidden_text"})


class Check(Noun):
    """One question asked of a change: what was looked at, whether it is in order, and what was seen."""

    name: str
    passed: bool
    detail: str


class Skipped(Noun):
    """A check that could not be made, and why: nothing is known, which is not the same as in order."""

    name: str
    why: str


def failures(checks: Iterable[Check], names: Collection[str] = REQUIRED) -> tuple[Check, ...]:
    """The checks among ``names`` that did not pass."""
    return tuple(check for check in checks if not check.passed and check.name in names)


def verdict(name: str, findings: Iterable[str], in_order: str, limit: int = 5) -> Check:
    """A check that passes where there are no findings, and names the first of them where there are."""
    found = list(dict.fromkeys(findings))
    more = f" (and {len(found) - limit} more)" if len(found) > limit else ""
    return Check(name=name, passed=not found, detail="; ".join(found[:limit]) + more if found else in_order)
