"""``qai-sre bench logs``: how well and how fast log lines are grouped, beside drain3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command("logs")
@click.option("--path", required=True, type=click.Path(path_type=Path), help="Loghub: its folder or archive.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(path: Path, as_json: bool) -> None:
    """Group the lines of every labelled log under PATH with one configuration; count what is grouped exactly.

    "whole" lines are the file as it is; "message" lines have had their header cut off by the data set's authors.
    """
    from pipelines.bench_logs import bench_logs, summarise

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
