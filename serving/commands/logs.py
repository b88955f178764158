"""``qai-sre logs``: what a log file's lines are made of, and what is new, surges or vanished in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipelines.logs import LogReport, TemplateUse

_SHOWN = 20
_WIDTH = 100


@click.command("logs")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--templates", type=click.Path(path_type=Path), help="Write every template with its counts to this CSV.")
@click.option("--lines", type=click.Path(path_type=Path), help="Write the template_id of every line to this CSV.")
@click.option("--since", metavar="TIME", help="What is new from here on? Default: in the last fifth of the recording.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(file: Path, templates: Path | None, lines: Path | None, since: str | None, as_json: bool) -> None:
    """Cluster the lines of a log FILE into templates; say which are new, surge or have vanished.

    FILE is plain text or one JSON object a line, as written or compressed (gzip, bzip2, xz, zstd). Headers (time,
    level, process) are recognised. Every line gets a template, blank ones and those that cannot be decoded too.
    """
    from pipelines.logs import read_log

    report = read_log(file, since=since)
    if templates:
        _write(templates, _TEMPLATE_COLUMNS, map(_template_row, report.templates))
    if lines:
        _write(lines, ("line", "template_id"), enumerate(report.template_ids(), 1))
    if as_json:
        click.echo(json.dumps(_as_record(report)))
    else:
        _print(report)


_TEMPLATE_COLUMNS = (
    "template_id", "template", "count", "first_line", "last_line", "first_seen", "last_seen", "severity", "trend",
    "before", "since", "expected", "sample", "trace_ids",
)  # fmt: skip


def _template_row(use: TemplateUse) -> tuple[object, ...]:
    return (use.id, use.template, use.count, use.first_line, use.last_line, use.first_seen, use.last_seen, use.severity,
            use.trend.value, use.before, use.since, use.expected, use.samples[0], " ".join(use.trace_ids))  # fmt: skip


def _write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)


def _as_record(report: LogReport) -> dict[str, Any]:
    templates = [{"template_id": fields.pop("id"), **fields} for use in report.templates for fields in [asdict(use)]]
    return {
        "lines": report.lines,
        "format": report.format,
        "header": report.header,
        "since": report.since,
        "since_line": report.since_line,
        "templates": templates,
        "paths": [{"path": path, "count": count} for path, count in report.paths],
    }


def _print(report: LogReport) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    header = f", header: {' '.join(report.header)}" if report.header else ""
    console.print(f"{report.lines} lines ({report.format}{header}), {len(report.templates)} templates")
    since = report.since.strip() if report.since else f"line {report.since_line}"
    for trend in ("new", "surging", "vanished"):
        uses = sorted((u for u in report.templates if u.trend == trend), key=lambda u: -max(u.since, u.before))
        for use in uses[:_SHOWN]:
            was = f"{use.since} since {since}, {use.expected:g} expected"
            console.print(escape(f"{trend}: {use.template[:_WIDTH]} ({was}; first {use.first_seen or use.first_line})"))
        if len(uses) > _SHOWN:
            console.print(f"{trend}: and {len(uses) - _SHOWN} more")
    table = Table(title="most frequent", title_justify="left")
    for heading in ("count", "template_id", "severity", "last seen", "template"):
        table.add_column(heading, justify="right" if heading == "count" else "left", no_wrap=heading == "template_id")
    for use in sorted(report.templates, key=lambda use: -use.count)[:_SHOWN]:
        seen = use.last_seen or f"line {use.last_line}"
        table.add_row(str(use.count), use.id, use.severity or "-", escape(seen), escape(use.template[:_WIDTH]))
    console.print(table)
    for path, count in report.paths[:_SHOWN]:
        console.print(escape(f"asked for {count} times: {path}"))
