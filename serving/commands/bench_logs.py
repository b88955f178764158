"""``qai-sre bench logs``: how well and how fast log lines are grouped, beside drain3."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click


@click.command("logs")
@click.option("--path", required=True, type=click.Path(path_type=Path), help="Loghub: its folder or archive.")
@click.option("--cross-validate", is_flag=True, help="Choose thresholds on all systems but one, try them on that.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(path: Path, cross_validate: bool, as_json: bool) -> None:
    """Group the lines of every labelled log under PATH with one configuration; count what is grouped exactly.

    "whole" lines are the file as it is; "message" lines have had their header cut off by the data set's authors.
    """
    from pipelines.bench_logs import bench_logs, summarise

    if cross_validate:
        _cross_validate(path, as_json)
        return
    report = summarise(bench_logs(path))
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Grouping of log lines", title_justify="left")
    for heading in ("method", "system", "lines", "GA", "FGA", "templates", "labelled", "lines/s"):
        table.add_column(heading, justify="left" if heading in ("method", "system", "lines") else "right")
    for row in (*report["systems"], *({**m, "system": "mean", "found": "", "labelled": ""} for m in report["mean"])):
        table.add_row(row["method"], str(row["system"]), row["lines"], f"{row['ga']:.3f}", f"{row['fga']:.3f}",
                      str(row["found"]), str(row["labelled"]), f"{row['lines_per_s']:,.0f}")  # fmt: skip
    Console().print(table)


def _cross_validate(path: Path, as_json: bool) -> None:
    from pipelines.cross_validate_logs import cross_validate

    rows = [asdict(row) for row in cross_validate(path)]
    figures = [key for key in rows[0] if key.startswith(("ga", "fga"))] if rows else []
    mean = {key: sum(row[key] for row in rows) / len(rows) for key in figures}
    if as_json:
        click.echo(json.dumps({"systems": rows, "mean": mean}))
        return
    for row in (*rows, {"system": "mean", **mean}):
        click.echo("  ".join([f"{row['system']:12s}", *(f"{key} {row[key]:.3f}" for key in figures)]))
