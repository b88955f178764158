"""``qai-sre stop``: nothing more is written to the world until ``qai-sre resume``."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from data.brake import Brake


@click.command("stop")
@click.argument("because", nargs=-1, metavar="[REASON]...")
@click.option("--service", metavar="NAME", help="Stop only what is done to this service.")
@click.option("--show", is_flag=True, help="Only say what is stopped.")
def command(because: tuple[str, ...], service: str | None, show: bool) -> None:
    """Stop everything, or one service, before its next write, on every replica. Survives restarts.

    Without a database to reach, make a file named STOP in the state folder: that stops everything, too.
    """
    brake = brake_of_settings()
    if not show:
        brake.stop(who_asks(), " ".join(because), service)
    standing = brake.standing()
    for stop in standing:
        when = f" at {stop.at:%Y-%m-%d %H:%M:%S} UTC" if stop.at else ""
        click.echo(f"stopped: {stop.service or 'everything'}, by {stop.by}{when} ({stop.because})")
    if not standing:
        click.echo("nothing is stopped")


def brake_of_settings() -> Brake:
    """The brake of the installation that the settings name."""
    from data.brake import Brake
    from data.database import connect, migrate
    from data.settings import load_settings

    settings = load_settings()
    engine = connect(settings.store_url)
    migrate(engine)
    return Brake.of(engine, settings.state_dir)


def who_asks() -> str:
    """The name a stop is recorded under."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the command line"
