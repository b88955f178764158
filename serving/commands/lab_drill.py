"""``qai-sre lab drill``: a game day on the lab's shop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.settings import Settings

WATCH_S = 2.0
SAMPLE_S = 2.0
# Reading takes a second; on a machine that is busy with other work besides the shop, much longer.
SOURCE_DEADLINE_S = 45.0


@click.command("drill")
@click.argument("faults", nargs=-1, metavar="[FAULT...]")
@click.option("--seed", type=int, default=0, show_default=True, help="Picks the innocent deploys around each fault.")
@click.option("--approve", is_flag=True, help="Approve what is proposed, as a person would.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a fault, as it ends.")
@click.option("--keep", is_flag=True, help="Leave the shop running afterwards.")
@click.pass_context
def command(ctx: click.Context, faults: tuple[str, ...], seed: int, approve: bool, as_json: bool, keep: bool) -> None:
    """Break the shop for real, and see what comes of it: noticed, understood, fixed, well again.

    Plays every fault of `lab faults` unless some are named. A fault counts as recovered only if telemetry says so.
    Exits 0 when every fault was played, whatever came of it.
    """
    from data.errors import InputError
    from data.lab.faults import FAULTS
    from data.settings import load_settings

    unknown = [name for name in faults if name not in FAULTS]
    if unknown:
        raise InputError(f"no fault {unknown[0]!r}; see `qai-sre lab faults`", field="FAULT")
    settings = load_settings()
    folder: Path = ctx.obj or settings.state_dir / "lab"
    # A control plane of its own: a drill is neither mixed up with real incidents nor slowed by them.
    settings = settings.model_copy(
        update={
            "state_dir": settings.state_dir / "drill",
            "database_url": None,
            "lab": folder,
            "watch_s": WATCH_S,
            "source_deadline_s": max(settings.source_deadline_s, SOURCE_DEADLINE_S),
            "executor_id": "drill",
        }
    )
    _play(settings, folder, faults or tuple(FAULTS), seed, approve, as_json, keep)


def _play(
    settings: Settings, folder: Path, faults: tuple[str, ...], seed: int, approve: bool, as_json: bool, keep: bool
) -> None:
    from datetime import timedelta

    from data.domain import now
    from data.lab.lab import Lab
    from pipelines.drill import Drill
    from pipelines.watch import HISTORY
    from serving.bootstrap import running

    def say(line: str) -> None:
        click.echo(line, err=True)

    lab = Lab(folder, interval_s=SAMPLE_S)
    was_up = lab.status().is_up and lab.status().load
    lab.up(say)
    lab.start_load()
    usual_since = now() - (HISTORY if was_up else timedelta(0))
    try:
        with running(settings) as services:
            drill = Drill(lab, services.store, services.responder, say, approve)
            drill.await_history(usual_since)
            for number, fault in enumerate(faults):
                if number:
                    drill.await_calm()
                record = drill.play(fault, seed)
                click.echo(json.dumps(record) if as_json else "\n".join(summary(record)))
                with (settings.state_dir / "drills.ndjson").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
    finally:
        if not keep:
            lab.down()


def summary(record: dict[str, Any]) -> list[str]:
    """One drill in plain text: what was said, what was done, and the right answer."""
    truth, services, changes = record["truth"], record["services"], record["changes"]
    blamed = next((c["id"] for c in changes if c["probability"] > (record["no_change_probability"] or 0.0)), None)
    right_place = bool(services) and services[0]["service"] in truth["services"]
    right_change = (blamed in truth["changes"]) if truth["changes"] else blamed is None
    seen = "not noticed" if record["detected_after_s"] is None else f"noticed after {record['detected_after_s']:.0f} s"
    well = f"well again after {record['mttr_s']:.0f} s" if record["recovered"] else "not recovered by itself"
    said = f"{services[0]['service']} {services[0]['probability']:.0%}" if services else "nothing"
    return [
        f"{record['fault']}: {seen}; {well}",
        f"  said {said} ({'right' if right_place else 'it was ' + ' or '.join(truth['services'])}), "
        f"change {(blamed or 'none')[:12]} ({'right' if right_change else 'wrong'})",
        f"  {record['done']}",
    ]
