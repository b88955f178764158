"""What is wrong with a change, found by looking at the change itself. Plain rules and programs; no model is asked.

    report = inspect(change)                     # every check but the tests
    failures(report.checks)                      # those without which it is not proposed at all

A check that could not be made is in ``skipped`` with the reason: that is not the same as one that passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from remediation.checks.changed import ChangedFile, ChangeSet, change_set
from remediation.checks.check import REQUIRED, Check, Skipped, failures
from remediation.checks.destructive import check_destructive
from remediation.checks.language import check_syntax
from remediation.checks.manifests import check_manifests
from remediation.checks.people import check_dependencies, check_hosts, check_tests_kept
from remediation.checks.scope import MAX_FILES, MAX_LINES, check_scope
from remediation.checks.services import ask_services
from remediation.checks.text import check_hidden_text, check_secrets
from remediation.checks.tools import TOOLS, run_tool

__all__ = [
    "MAX_FILES",
    "MAX_LINES",
    "REQUIRED",
    "ChangeSet",
    "ChangedFile",
    "Check",
    "Report",
    "Skipped",
    "change_set",
    "check_scope",
    "failures",
    "inspect",
]

_RULES: tuple[Callable[[ChangeSet], Check], ...] = (
    check_syntax,
    check_destructive,
    check_secrets,
    check_hidden_text,
    check_hosts,
    check_dependencies,
    check_tests_kept,
)


@dataclass(frozen=True)
class Report:
    """Every check that was made, and every one that could not be."""

    checks: tuple[Check, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def inspect(change: ChangeSet, *, tools: bool = True) -> Report:
    """Every gate over ``change`` but its tests.

    ``tools`` also runs the linters and scanners that are installed, and asks the services that are configured.
    """
    checks = [*check_scope(change.diff, change.paths), *(rule(change) for rule in _RULES)]
    answers: list[Check | Skipped | None] = []
    if tools:
        answers = [check_manifests(change), *(run_tool(tool, change) for tool in TOOLS), *ask_services(change)]
    return Report(
        (*checks, *(answer for answer in answers if isinstance(answer, Check))),
        tuple(answer for answer in answers if isinstance(answer, Skipped)),
    )
