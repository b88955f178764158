"""``qai-sre policy``: check a policy, try it on the past, and see what is in force, earned and waiting."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.settings import Settings
    from data.store import Store
    from pipelines.policy_trial import Trial
    from remediation.policy import Policy

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group("policy")
def command() -> None:
    """What may be done without a person. None of these writes anything."""


@command.command("check")
@_FILE
@_JSON
def check(file: Path, as_json: bool) -> None:
    """Whether FILE can be used, and what in it is probably not meant. Exits 1 where it cannot."""
    from data.domain import now
    from data.errors import PolicyError
    from remediation.policy import doubts, load_policy, silent

    try:
        policy = load_policy(file)
    except PolicyError as error:
        click.echo(json.dumps({"valid": False, "problem": str(error)}) if as_json else f"not valid: {error}")
        sys.exit(1)
    found, unspoken = doubts(policy, now()), [str(action) for action in silent(policy)]
    if as_json:
        click.echo(json.dumps({"valid": True, "rules": len(policy.rules), "doubts": found, "refused": unspoken}))
        return
    click.echo(f"valid: {len(policy.rules)} rules, {len(policy.windows)} windows, {len(policy.freezes)} freezes")
    for doubt in found:
        click.echo(f"doubt: {doubt}")
    if unspoken:
        click.echo(f"refused, for no rule speaks of them: {', '.join(unspoken)}")


@command.command("try")
@_FILE
@_JSON
def try_(file: Path, as_json: bool) -> None:
    """What FILE would have said to every question that was asked so far, and how often that differs."""
    from pipelines.policy_trial import counts, try_policy
    from remediation.policy import load_policy

    policy = load_policy(file)
    trials = try_policy(_store(_settings()), policy)
    if as_json:
        records = [{**trial.model_dump(mode="json"), "changed": trial.is_changed} for trial in trials]
        click.echo(json.dumps({"questions": len(trials), "counts": counts(trials), "trials": records}))
    else:
        _print_trials(trials, counts(trials))


@command.command("show")
@_JSON
def show(as_json: bool) -> None:
    """The policy in force, and what is open or frozen now."""
    from data.domain import now

    settings = _settings()
    policy, path, at = _in_force(settings), _path(settings), now()
    frozen = [freeze.name for freeze in policy.freezes if freeze.first <= at < freeze.last]
    closed = [window.name for window in policy.windows if not window.is_open(at)]
    if as_json:
        content = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
        click.echo(json.dumps({"file": str(path), "policy": content, "frozen": frozen, "closed": closed}))
        return
    click.echo(f"{path}")
    for rule in policy.rules:
        click.echo(f"  {rule.outcome:<7} {rule.name}: {', '.join(rule.actions)}{_conditions(rule)}")
    for freeze in policy.freezes:
        word = "FROZEN" if freeze.name in frozen else "freeze"
        click.echo(f"  {word}  {freeze.name}: {freeze.first:%Y-%m-%d %H:%M} to {freeze.last:%Y-%m-%d %H:%M} UTC, "
                   f"{freeze.reason} ({freeze.during})")  # fmt: skip
    for window in policy.windows:
        word = "CLOSED" if window.name in closed else "open"
        click.echo(f"  {word:<7} {window.name}: {window.zone}, outside of it {window.outside}")
    click.echo(f"  at most {policy.budget.actions_per_hour} actions an hour without a person; the ceiling of tiers is "
               f"{policy.tiers.ceiling}")  # fmt: skip


@command.command("tiers")
@_JSON
def tiers(as_json: bool) -> None:
    """What every kind of action on every service has earned, and by what."""
    from pipelines.policy_trial import standings

    settings = _settings()
    policy = _in_force(settings)
    known = standings(_store(settings), policy)
    if as_json:
        records = [
            {"action": str(action), "service": service, "tier": str(found.tier), "recoveries": found.recoveries,
             "confirmations": found.confirmations, "because": found.because}
            for (action, service), found in known.items()
        ]  # fmt: skip
        limits = policy.tiers.model_dump(mode="json")
        click.echo(json.dumps({"earned_by": limits, "tiers": records}))
        return
    click.echo(f"everything starts at {policy.tiers.start}; nothing is earned beyond {policy.tiers.ceiling}")
    for (action, service), found in known.items():
        click.echo(f"  {found.tier:<17}  {action} on {service}: {found.because}")
    if not known:
        click.echo("  nothing has turned out well or badly yet")


@command.command("waiting")
@_JSON
def waiting(as_json: bool) -> None:
    """What waits for approval, who has approved, and how many have to."""
    from data.domain import IncidentStatus
    from pipelines.rulings import approvals_of

    store = _store(_settings())
    found = [(i, approvals_of(store, i.id)) for i in store.incidents([IncidentStatus.awaiting_approval], limit=500)]
    if as_json:
        records = [
            {"incident": i.id, "title": i.title, "people": given.people if given else (),
             "needed": given.needed if given else 1}
            for i, given in found
        ]  # fmt: skip
        click.echo(json.dumps({"waiting": records}))
        return
    for incident, given in found:
        people, needed = (given.people, given.needed) if given else ((), 1)
        names = f": {', '.join(people)}" if people else ""
        click.echo(f"{incident.id}  {len(people)} of {needed}{names}  {incident.title}")
    if not found:
        click.echo("nothing waits for approval")


def _print_trials(trials: list[Trial], found: dict[str, int]) -> None:
    for trial in trials:
        if trial.is_changed:
            was = f"{trial.was} ({trial.was_by})" if trial.was else "unknown"
            mark = ", rebuilt" if trial.rebuilt else ""
            click.echo(
                f"{trial.incident_id}  {trial.action} for {trial.service}{mark}: {was} -> {trial.becomes} ({trial.by})"
            )
            click.echo(f"    {trial.explanation}")
    summary = ", ".join(f"{name}: {count}" for name, count in found.items())
    click.echo(f"{len(trials)} questions asked so far. {summary or 'Nothing to try it on yet.'}")


def _conditions(rule: Any) -> str:
    found = [
        *(f"{name} {', '.join(value)}" for name in ("environments", "services", "severities")
          if (value := getattr(rule, name))),
        *([f"confidence at least {rule.min_confidence:g}"] if rule.min_confidence else []),
        *([f"{rule.approvals} approvals"] if rule.approvals > 1 else []),
    ]  # fmt: skip
    return f"; {'; '.join(found)}" if found else ""


def _settings() -> Settings:
    from data.settings import load_settings

    return load_settings()


def _path(settings: Settings) -> Path:
    from remediation.policy import DEFAULT_POLICY

    return settings.policy or DEFAULT_POLICY


def _in_force(settings: Settings) -> Policy:
    from remediation.policy import load_policy

    return load_policy(_path(settings))


def _store(settings: Settings) -> Store:
    from data.database import connect, migrate
    from data.store import Store

    engine = connect(settings.store_url)
    migrate(engine)
    return Store(engine)
