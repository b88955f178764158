"""``qai-sre models``: the versions of the ranker, and which of them answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.registry import Entry, Registry

_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


@click.group("models")
def command() -> None:
    """List the versions of the ranker, look at one, put one in use or go back.

    Version 0 is the one that ships; others come from `qai-sre retrain`.
    """


@command.command("list")
@_json
def list_(as_json: bool) -> None:
    """Every version, the champion and the challenger named."""
    registry = _registry()
    rows = [_row(registry, entry) for entry in registry.entries()]
    if as_json:
        click.echo(json.dumps({"models": rows}))
        return
    for row in rows:
        marks = f"  {row['alias']}" if row["alias"] else ""
        click.echo(f"{row['version']:>4}  {row['digest'][:12]}  {row['made_at'] or 'ships':<25}{marks}")


@command.command("show")
@click.argument("version", type=click.IntRange(min=0), required=False)
@_json
def show(version: int | None, as_json: bool) -> None:
    """The model card of a version; of the champion where none is named."""
    registry = _registry()
    entry = registry.champion() if version is None else registry.entry(version)
    if as_json:
        click.echo(json.dumps({**_row(registry, entry), "path": str(entry.path), "card": dict(entry.about)}))
        return
    from pipelines.tracking import markdown

    click.echo(markdown(entry))


@command.command("promote")
@click.argument("version", type=click.IntRange(min=0))
@click.option("--because", required=True, help="Why; it goes on record.")
@_json
def promote(version: int, because: str, as_json: bool) -> None:
    """Put a version in use, whatever the gate said of it. `rollback` undoes this."""
    from serving.commands.stop import who_asks

    _say(_registry().promote(version, who_asks(), because), as_json)


@command.command("rollback")
@click.option("--because", default="rolled back by hand", show_default=True, help="Why; it goes on record.")
@_json
def rollback(because: str, as_json: bool) -> None:
    """Put the champion before this one back in use."""
    from serving.commands.stop import who_asks

    _say(_registry().rollback(who_asks(), because), as_json)


def _registry() -> Registry:
    from data.settings import load_settings
    from pipelines.registered import registry_of

    return registry_of(load_settings())


def _row(registry: Registry, entry: Entry) -> dict[str, Any]:
    aliases = registry.aliases()
    alias = {aliases.challenger: "challenger", aliases.champion: "champion"}.get(entry.version)
    return {"version": entry.version, "digest": entry.digest, "made_at": entry.made_at, "alias": alias,
            "decision": entry.about.get("promote")}  # fmt: skip


def _say(entry: Entry, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"champion": entry.version, "digest": entry.digest}))
    else:
        click.echo(f"version {entry.version} is in use ({entry.digest[:12]})")
