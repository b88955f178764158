"""``qai-sre report``: who is served how well."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipelines.report_slices import Row, SliceReport


@click.group("report")
def command() -> None:
    """Say how the incidents that were handled have been served."""


@command.command("slices")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), default=90.0, show_default=True, help="How far back."
)
@click.option("--check", is_flag=True, help="Exit 1 where a slice is served worse.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def slices(days: float, check: bool, as_json: bool) -> None:
    """Wrong answers, no answers and no fixes by service, team, severity, kind of fault and telemetry.

    Each slice is held against all others; those served worse beyond chance, and by ten points, are named first.
    """
    from data.database import connect, migrate
    from data.settings import load_settings
    from data.store import Store
    from pipelines.casefile import CaseFiles
    from pipelines.report_slices import slice_report

    settings = load_settings()
    engine = connect(settings.store_url)
    migrate(engine)
    report = slice_report(CaseFiles(Store(engine), settings.state_dir / "incidents"), days=days)
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _print(report)
    if check and report.alerts:
        sys.exit(1)


def _print(report: SliceReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from pipelines.report_slices import MEASURES

    for sentence in report.alerts or ("no slice is served worse than others, beyond chance and by ten points",):
        click.echo(sentence)
    table = Table(title=f"{report.overall.incidents} incidents", title_justify="left")
    for heading in ("slice", "incidents", *(measure.name for measure in MEASURES), "proposed"):
        table.add_column(heading)
    for row in (report.overall, *report.rows):
        table.add_row(row.name, str(row.incidents), *_rates(row), ", ".join(f"{a} {n}" for a, n in row.actions.items()))
    Console().print(table)


def _rates(row: Row) -> list[str]:
    return [
        f"{r.interval.value:.0%} ({r.hits}/{r.of}){' worse' if r.is_worse else ''}" if r.of else "-" for r in row.rates
    ]
