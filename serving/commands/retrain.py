"""``qai-sre retrain``: learn from feedback, and put what was learned in use if it is better."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipelines.retrain import Outcome


@click.command("retrain")
@click.option("--once", is_flag=True, help="Now, whether or not there is reason to.")
@click.option("--dry-run", is_flag=True, help="Learn and judge, but register and promote nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(once: bool, dry_run: bool, as_json: bool) -> None:
    """What the schedule (QAI_RETRAIN_CRON) does: demote a champion that is too sure of itself; settle the trial of a
    challenger; retrain if there is reason to, by new labels or drift, and try unheard what is better and falls nowhere.

    Exits 0 whatever was decided; the reasons and figures are in the output and in the audit log.
    """
    from data.settings import load_settings
    from pipelines.retrain import Learning, retrain, review

    learning = Learning.of(load_settings())
    outcome = retrain(learning, dry_run=dry_run) if once else review(learning, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(outcome.as_json()))
    else:
        _print(outcome)


def _print(outcome: Outcome) -> None:
    version = "" if outcome.version is None else f" version {outcome.version}"
    click.echo(f"{outcome.decision.replace('_', ' ')}{version}: {outcome.because}")
    for row in outcome.figures:
        if "slice" in row:
            click.echo(
                f"  {row['part']:<4} {row['slice']:<24} {row['what']:<12} {row['champion']:.2f} -> "
                f"{row['challenger']:.2f}  {row['gain']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f}), "
                f"{row['incidents']} incidents"
            )
