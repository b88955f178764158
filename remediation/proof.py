"""A drafted patch tried out in a throw-away copy before anybody sees it: every gate, and tests in a sandbox."""

from __future__ import annotations

from pathlib import Path

from data.errors import ProposalError
from data.proposal import Proposal
from remediation.checks import Check, inspect
from remediation.checks.regression import check_regression
from remediation.checks.repository import placed_changes
from remediation.checks.sandbox import UNFINISHED, run_tests, run_tests_in_a_copy, scratch_copy
from remediation.patch import plan_changes, write

# A draft that does not pass these is not proposed; other findings are a person's to judge.
PROOF = frozenset({"tests"})
# An incident waits meanwhile. Tests that take longer are run once, for the badge beside the proposal.
PATIENCE_S = 120.0


def prove(repository: Path, proposal: Proposal) -> tuple[Check, ...]:
    """Every check that could be made of ``proposal``'s changes on a copy of ``repository``; nothing is written there.

    Raises:
        ProposalError: the changes cannot be placed.
    """
    solution = proposal.proposed_solution
    with scratch_copy(repository) as copy:
        plan = plan_changes(copy, [*solution.code_changes, *solution.configuration_changes])
        if not plan.applies:
            raise ProposalError("the patch cannot be placed")
        change = placed_changes(plan, copy)
        write(plan)
        tests = run_tests(copy, timeout_s=PATIENCE_S, change=change)
        if isinstance(tests, Check) and not tests.passed and (UNFINISHED in tests.detail or _fail_anyway(repository)):
            tests = None
        ran = (tests, check_regression(repository, change))
        return (*inspect(change).checks, *(check for check in ran if isinstance(check, Check)))


def _fail_anyway(repository: Path) -> bool:
    """Whether the repository's tests fail without the change, too: then they tell nothing of it."""
    without = run_tests_in_a_copy(repository)
    return not isinstance(without, Check) or not without.passed
