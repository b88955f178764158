"""``qai-sre patch``: put a proposal's changes into a working tree, all of them or none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.proposal import CodeChange, ConfigurationChange
    from remediation.patch import Placed, Plan


@click.command("patch")
@click.argument("changes", type=click.Path(path_type=Path), metavar="CHANGES")
@click.option("--repo", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Top of the working tree.")
@click.option("--scope", multiple=True, metavar="PATTERN", help="Only these paths may be changed (repeatable).")
@click.option("--dry-run", is_flag=True, help="Say what would be done and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(changes: Path, repo: Path, scope: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Apply the changes in CHANGES to a working tree, or say of each why not.

    CHANGES is JSON with code_changes and configuration_changes (a Proposal, or its proposed_solution, will do),
    or a unified diff; - reads standard input. One change refused, and nothing is written: exit 1.
    """
    from data.errors import InputError
    from remediation.patch import Scope, plan_changes, write

    if not repo.is_dir():
        raise InputError(f"{repo} is no folder; give the top of a working tree", field="--repo")
    plan = plan_changes(repo, _read(changes), Scope(allowed=scope))
    if plan.applies and not dry_run:
        write(plan)
    record = as_record(plan, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(record))
    else:
        _print(record)
    if not plan.applies:
        sys.exit(1)


def as_record(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    """The outcome as ``--json`` prints it. In a dry run ``applied`` says what would be; nothing is written."""
    refused = sum(change.problem is not None for change in plan.changes)
    held_back = f"not written, because {refused} of {len(plan.changes)} changes cannot be applied"
    return {
        "applied": plan.applies,
        "dry_run": dry_run,
        "changes": [
            {
                "file_path": change.file_path,
                "applied": plan.applies,
                "match": change.match,
                "reason": change.problem or (None if plan.applies else held_back),
            }
            for change in plan.changes
        ],
        "syntax_not_checked": list(plan.unchecked),
    }


def _read(path: Path) -> list[CodeChange | ConfigurationChange | Placed]:
    from data.errors import InputError
    from remediation.patch.udiff import code_changes, is_unified_diff

    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failed:
        raise InputError(f"{path} is not text in UTF-8: {failed.reason}", field="CHANGES") from failed
    if is_unified_diff(text) and not text.lstrip().startswith(("{", "[")):
        return list(code_changes(text))
    try:
        document = json.loads(text)
    except ValueError as failed:
        raise InputError(f"{path} is neither JSON nor a unified diff: {failed}", field="CHANGES") from failed
    return _changes(document)


def _changes(document: object) -> list[CodeChange | ConfigurationChange | Placed]:
    from data.errors import InputError
    from data.proposal import CodeChange, ConfigurationChange

    if isinstance(document, list):
        document = {"code_changes": document}
    for inner in ("proposal", "proposed_solution"):
        if isinstance(document, dict) and isinstance(document.get(inner), dict):
            document = document[inner]
    if not isinstance(document, dict) or not document.keys() & {"code_changes", "configuration_changes"}:
        raise InputError("has neither code_changes nor configuration_changes", field="CHANGES")
    code, configuration = document.get("code_changes") or [], document.get("configuration_changes") or []
    for name, entries in (("code_changes", code), ("configuration_changes", configuration)):
        if not isinstance(entries, list):
            raise InputError("a list is needed", field=f"CHANGES: {name}")
    return [*(_change(CodeChange, entry) for entry in code), *(_change(ConfigurationChange, e) for e in configuration)]


def _change(
    kind: type[CodeChange] | type[ConfigurationChange], entry: object
) -> CodeChange | ConfigurationChange | Placed:
    """One entry as a change; one that is none is refused alone, so that the others are still answered."""
    from pydantic import ValidationError

    from remediation.patch import Placed

    # Language models add keys of their own ("explanation"): they mean nothing here.
    known = {k: v for k, v in entry.items() if k in kind.model_fields} if isinstance(entry, dict) else entry
    try:
        return kind.model_validate(known)
    except ValidationError as failed:
        first = failed.errors()[0]
        named = entry.get("file_path") or entry.get("path") if isinstance(entry, dict) else None
        where = ".".join(str(part) for part in first["loc"])
        return Placed(str(named or ""), problem=f"invalid: {where + ': ' if where else ''}{first['msg']}")


def _print(record: dict[str, Any]) -> None:
    for change in record["changes"]:
        verdict = "applies" if change["reason"] is None else "refused"
        how = f" ({change['match']})" if change["match"] else ""
        click.echo(f"{verdict}  {change['file_path']}{how}{': ' + change['reason'] if change['reason'] else ''}")
    for name in record["syntax_not_checked"]:
        click.echo(f"note     {name}: the syntax of this kind of file is not checked", err=True)
    if not record["changes"]:
        click.echo("no changes given; nothing was written")
    elif not record["applied"]:
        click.echo("nothing was written: all changes apply, or none does")
    else:
        click.echo("nothing was written: this was a dry run" if record["dry_run"] else "written")
