"""The gates a change in a checkout has to pass: what ``qai-sre check`` runs, its tests old and new among them."""

from __future__ import annotations

from pathlib import Path

from remediation.checks import REQUIRED, Check, Skipped, failures, inspect
from remediation.checks.regression import check_regression_since
from remediation.checks.repository import changes_since
from remediation.checks.sandbox import run_tests_in_a_copy

_OPEN = "not checked: "


def run_gates(checkout: Path, base_commit: str) -> tuple[Check, ...]:
    """Every check over what ``checkout`` changes against ``base_commit``, its tests last. Each has a time limit."""
    change = changes_since(checkout, base_commit)
    report = inspect(change)
    tests = run_tests_in_a_copy(checkout, change=change)
    shown = check_regression_since(checkout, base_commit, change)
    # What could not be looked at is no badge of merit: a person is shown it as open.
    open_question = [
        Check(name=s.name, passed=False, detail=_OPEN + s.why)
        for s in [*report.skipped, tests]
        if isinstance(s, Skipped) and s.name == "tests"
    ]
    return (*report.checks, *(ran for ran in (tests, shown) if isinstance(ran, Check)), *open_question)


def in_the_way(before: tuple[Check, ...], after: tuple[Check, ...]) -> tuple[Check, ...]:
    """What keeps a change from being merged: a required check that fails, failing tests, or what passed when approved.

    What else failed then was seen by whoever approved it all the same; so were tests that failed, or could not be run.
    """
    passed = {check.name for check in before if check.passed}
    accepted = {check.name for check in before if not check.passed} - REQUIRED
    failed = failures(after, REQUIRED | {"tests"} | passed)
    return tuple(c for c in failed if c.name not in accepted and (c.name in passed or not c.detail.startswith(_OPEN)))
