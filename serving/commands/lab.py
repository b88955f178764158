"""``qai-sre lab``: a small real shop to break."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from data.lab.lab import Lab

# Subcommands that live in modules of their own, imported only when named.
_ELSEWHERE = {"drill": "serving.commands.lab_drill", "record": "serving.commands.lab_record"}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(name for name, module in _ELSEWHERE.items() if find_spec(module))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _ELSEWHERE.get(cmd_name)
        if module is None or not find_spec(module):
            return super().get_command(ctx, cmd_name)
        found = import_module(module).command
        assert isinstance(found, click.Command)
        return found


@click.group("lab", cls=_Group)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the shop lives; default: lab in QAI_STATE_DIR.",
)
@click.pass_context
def command(ctx: click.Context, state_dir: Path | None) -> None:
    """A small real shop to break: seven services, their load, their faults.

    The shop goes on running after the command that started it, until `lab down`.
    """
    ctx.obj = state_dir


def opened(ctx: click.Context) -> Lab:
    """The lab the command line means."""
    from data.lab.lab import Lab
    from data.settings import load_settings

    return Lab(ctx.obj or load_settings().state_dir / "lab")


@command.command("up")
@click.option("--load/--no-load", default=True, help="Send customers, too. Default: yes.")
@click.pass_context
def up(ctx: click.Context, load: bool) -> None:
    """Start the shop, or what of it is not running. Twice is harmless."""
    lab = opened(ctx)
    status = lab.up(lambda said: click.echo(f"{said} ...", err=True))
    if load:
        lab.start_load()
    click.echo(f"the shop is up: {len(status.services)} services, frontend at {lab.url('frontend')}")


@command.command("load")
@click.option("--rate", type=click.FloatRange(min=0.05, max=40), help="Sessions a second, on average over a day.")
@click.option("--day-length", type=click.FloatRange(min=10), metavar="SECONDS", help="How long a day takes.")
@click.option("--seed", type=int, help="Seed of the customers' choices.")
@click.option("--stop", is_flag=True, help="Send nobody any more.")
@click.pass_context
def load(ctx: click.Context, rate: float | None, day_length: float | None, seed: int | None, stop: bool) -> None:
    """Send customers, or change how many: more by day than by night, never quite as many as expected.

    About four requests make a session. What is not given stays as it was; at first 3.5 sessions a second and days
    of 24 hours.
    """
    lab = opened(ctx)
    if stop:
        lab.stop_load()
        click.echo("no more customers")
        return
    lab.url("frontend")  # says what to do where the shop was never started
    lab.start_load(sessions_per_s=rate, day_length_s=day_length, seed=seed)
    click.echo("customers are coming")


@command.command("break")
@click.argument("faults", nargs=-1, required=True, metavar="FAULT...")
@click.option("--seed", type=int, default=0, help="Picks the innocent deploys and their order.")
@click.option("--innocent", type=click.IntRange(0, 6), default=2, help="Harmless deploys around it. Default: 2.")
@click.option("--delay", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Its effect begins later.")
@click.option("--json", "as_json", is_flag=True, help="The right answer, one JSON object a fault.")
@click.pass_context
def break_(ctx: click.Context, faults: tuple[str, ...], seed: int, innocent: int, delay: float, as_json: bool) -> None:
    """Put in one fault or several; `lab faults` lists them, `lab heal` takes them out."""
    lab = opened(ctx)
    for fault in faults:
        click.echo(f"breaking: {fault} ...", err=True)
        truth = lab.break_(fault, seed, innocent=innocent, delay_s=delay)
        click.echo(truth.model_dump_json() if as_json else f"{fault} is in; what did it is kept in {_truths(lab)}")


@command.command("heal")
@click.argument("faults", nargs=-1, metavar="[FAULT...]")
@click.pass_context
def heal(ctx: click.Context, faults: tuple[str, ...]) -> None:
    """Take faults out, all by default: bad commits are reverted and deployed, the rest is undone."""
    from data.errors import InputError

    lab = opened(ctx)
    known = {truth.fault: truth for truth in lab.truths()}
    for fault in faults or known:
        if fault not in known:
            raise InputError(f"{fault} is not in; in are: {', '.join(known) or 'none'}", field="FAULT")
        click.echo(f"healing: {fault} ...", err=True)
        lab.heal(known[fault])
        click.echo(f"{fault} is out")


@command.command("deploy")
@click.argument("service", required=False)
@click.argument("commit", required=False)
@click.pass_context
def deploy(ctx: click.Context, service: str | None, commit: str | None) -> None:
    """Deploy COMMIT (default: the newest) to SERVICE (default: every one whose code has changed)."""
    lab = opened(ctx)
    done = [lab.deploy(service, commit or lab.head())] if service else lab.deploy_head()
    for change in done:
        click.echo(change.summary)
    if not done:
        click.echo("every service runs the newest code")


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """What is running. Exits 0 when the whole shop is, 1 when not."""
    from dataclasses import asdict

    lab = opened(ctx)
    found = lab.status()
    if as_json:
        click.echo(json.dumps({"up": found.is_up, **asdict(found), "repository": str(lab.repository)}))
    else:
        for each in found.services:
            where = f"port {each.port}, commit {(each.commit or '')[:7]}" if each.pid else "not running"
            click.echo(f"{each.name:15} {where}")
        click.echo(f"{'gateway':15} {'running' if found.gateway else 'not running'}")
        click.echo(f"{'customers':15} {'coming' if found.load else 'none'}")
    ctx.exit(0 if found.is_up else 1)


@command.command("down")
@click.pass_context
def down(ctx: click.Context) -> None:
    """Stop everything; what was written stays. Also stops what a crash left behind."""
    stopped = opened(ctx).down()
    click.echo(f"stopped {stopped} processes" if stopped else "nothing was running")


@command.command("faults")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, one object a fault.")
def faults(as_json: bool) -> None:
    """What can go wrong: each fault's name, kind, mechanism, culprit, and whether a change causes it."""
    from data.lab.faults import FAULTS

    if as_json:
        click.echo(json.dumps([fault.as_json() for fault in FAULTS.values()], indent=1))
        return
    for fault in FAULTS.values():
        cause = "a change" if fault.change_caused else "no change"
        click.echo(f"{fault.name:22} {fault.kind.value:9} {cause:10} {fault.mechanism}")


def _truths(lab: Lab) -> Path:
    return lab.state_dir / "truth"
