"""A drafted patch, held to the files in scope and to every rule over a change. Deterministic: no model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from data.errors import ProposalError
from data.proposal import CodeAction, CodeChange, ConfigurationChange
from remediation.checks import REQUIRED, ChangeSet, change_set, failures, inspect
from remediation.checks.people import is_test_path
from remediation.checks.repository import placed_changes
from remediation.patch import Scope, plan_changes
from remediation.protected import protected_files
from remediation.text import one_line

# What a person may wave through is not a model's to propose.
REQUIRED_OF_A_MODEL: Final = REQUIRED | {"new_hosts", "dependencies", "tests_kept", "protected_paths"}


def refuse_unsafe_changes(
    code: Sequence[CodeChange],
    settings: Sequence[ConfigurationChange],
    scope: Mapping[str, str],
    repository: Path | None,
) -> None:
    """Refuse a patch that leaves its scope, cannot be placed, or breaks a rule.

    Args:
        scope: the files that may be changed.
        repository: a checkout to place the changes in; without one they are looked at as they are written.

    Raises:
        ProposalError: naming the rule.
    """
    paths = [change.file_path for change in code] + [change.path for change in settings]
    guarded = protected_files(paths)
    if guarded:
        raise ProposalError(f"{guarded[0]} is a protected path: a person has to change it")
    if any(change.action is CodeAction.delete_file for change in code):
        raise ProposalError("a whole file would be deleted; no incident is mended so without a person")
    if repository is None:
        changed = _as_written(code, settings)
    else:
        tests = {c.file_path for c in code if _is_new_test(c, repository)}
        outside = [path for path in paths if path not in scope and not _beside(path, scope) and path not in tests]
        if outside:
            raise ProposalError(f"{one_line(outside[0], 120)} is outside the blamed service's files")
        changed = _placed(code, settings, repository)
    failed = failures(inspect(changed, tools=False).checks, REQUIRED_OF_A_MODEL)
    if failed:
        raise ProposalError("; ".join(f"{check.name}: {check.detail}" for check in failed))


def _beside(path: str, scope: Mapping[str, str]) -> bool:
    """A new file in a folder that is in scope."""
    folder = path.rpartition("/")[0]
    return path not in scope and bool(folder) and any(known.rpartition("/")[0] == folder for known in scope)


def _is_new_test(change: CodeChange, repository: Path) -> bool:
    """A new test in a folder where there are tests already: it may show the fault and cannot alter what runs."""
    folder = change.file_path.rpartition("/")[0]
    return (
        change.action is CodeAction.create_file
        and is_test_path(change.file_path)
        and any(is_test_path(f"{folder}/{known.name}") for known in (repository / folder).glob("*test*"))
    )


def _as_written(code: Sequence[CodeChange], settings: Sequence[ConfigurationChange]) -> ChangeSet:
    """The snippets as if they were the files: enough to see what they would add. Nothing is placed by this."""
    before: dict[str, str | None] = {}
    after: dict[str, str | None] = {}
    for number, change in enumerate(code):
        name = f"{number}/{change.file_path}"
        # The syntax of a fragment cannot be judged; a name without an ending is not parsed.
        before[f"{name}.snippet"], after[f"{name}.snippet"] = change.old_content_snippet, change.new_content_snippet
    for number, setting in enumerate(settings):
        after[f"settings/{number}.snippet"] = f"{setting.key.rpartition('.')[2]}: {setting.value}\n"
    return change_set(before, after)


def _placed(code: Sequence[CodeChange], settings: Sequence[ConfigurationChange], repository: Path) -> ChangeSet:
    plan = plan_changes(repository, [*code, *settings], Scope())
    refused = [f"{change.file_path}: {change.problem}" for change in plan.changes if change.problem]
    if refused:
        raise ProposalError("the patch cannot be placed: " + "; ".join(refused[:3]))
    return placed_changes(plan, repository)
