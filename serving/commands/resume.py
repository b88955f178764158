"""``qai-sre resume``: lift an emergency stop."""

from __future__ import annotations

import click


@click.command("resume")
@click.option("--service", metavar="NAME", help="Lift the stop of this service alone.")
def command(service: str | None) -> None:
    """Lift the stop of everything (and remove the STOP file), or that of one service."""
    from serving.commands.stop import brake_of_settings, who_asks

    brake = brake_of_settings()
    lifted = brake.resume(who_asks(), service)
    click.echo(f"lifted: {service or 'everything'}" if lifted else f"{service or 'everything'} was not stopped")
    for stop in brake.standing():
        click.echo(f"still stopped: {stop.service or 'everything'}, by {stop.by} ({stop.because})")
