"""``qai-sre check``: hold the change in a working tree to every gate a proposed fix has to pass."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from remediation.checks import Report


@click.command("check")
@click.option("--repo", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A git working tree.")
@click.option("--base", default="HEAD", show_default=True, metavar="REV", help="What the tree is compared with.")
@click.option("--tests/--no-tests", default=True, help="Run the repository's own tests in a sandbox.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(repo: Path, base: str, tests: bool, as_json: bool) -> None:
    """Run the gates on the difference between a revision and the working tree.

    Exits 1 where a check failed. What could not be checked is listed with the reason, and is not called passed.
    """
    from data.errors import InputError
    from remediation.checks import Check, Report, Skipped, inspect
    from remediation.checks.regression import check_regression_since
    from remediation.checks.repository import changes_since
    from remediation.checks.sandbox import run_tests_in_a_copy

    if not repo.is_dir():
        raise InputError(f"{repo} is no folder; give a git working tree", field="--repo")
    change = changes_since(repo, base)
    report = inspect(change)
    if tests and change.files:
        for answer in (run_tests_in_a_copy(repo, change=change), check_regression_since(repo, base, change)):
            if isinstance(answer, Check):
                report = Report((*report.checks, answer), report.skipped)
            elif isinstance(answer, Skipped):
                report = Report(report.checks, (*report.skipped, answer))
    if as_json:
        click.echo(json.dumps(as_record(report)))
    else:
        _print(report)
    if not report.passed:
        sys.exit(1)


def as_record(report: Report) -> dict[str, object]:
    """The report as ``--json`` prints it."""
    return {
        "passed": report.passed,
        "checks": [check.model_dump() for check in report.checks],
        "skipped": [check.model_dump() for check in report.skipped],
    }


def _print(report: Report) -> None:
    for check in report.checks:
        click.echo(f"{'ok    ' if check.passed else 'FAILED'}  {check.name}: {check.detail}")
    for skipped in report.skipped:
        click.echo(f"-       {skipped.name}: not checked: {skipped.why}")
