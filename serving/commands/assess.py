"""``qai-sre assess``: how severe alerts and incident texts sound, with every term of the score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.reports import Report
    from models.severity import Assessment

_SHOWN = 6


@click.command("assess")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.ndjson")
@click.option("--json", "as_json", is_flag=True, help='One JSON document: {"assessments": [...]}, in the order given.')
def command(file: Path, as_json: bool) -> None:
    """Severity with probabilities for alerts, alerting rules or incident texts, one JSON object a line.

    Read are title (or summary, name, alert), text (or body, description, message), expr (or query), service, labels,
    and the severity its sender gave it, if any.
    """
    from data.reports import read_reports
    from models.severity import shipped

    found = [(line, report, shipped().assess(report)) for line, report in read_reports(file)]
    if as_json:
        click.echo(json.dumps({"assessments": [as_record(*row) for row in found]}))
        return
    for line, report, assessment in found:
        _print(line, report, assessment)


def as_record(line: int, report: Report, assessment: Assessment) -> dict[str, Any]:
    """One assessment as ``--json`` prints it."""
    return {
        "line": line,
        "id": report.id,
        "title": report.title,
        "severity": assessment.severity.value,
        "probabilities": {severity.value: round(p, 4) for severity, p in assessment.probabilities.items()},
        "reads_like": {kind: round(share, 4) for kind, share in assessment.reads_like.items()},
        "terms": [{"term": t.name, "of": t.of, "log_odds": t.log_odds} for t in assessment.terms],
    }


def _print(line: int, report: Report, assessment: Assessment) -> None:
    chances = ", ".join(f"{severity.value} {p:.0%}" for severity, p in assessment.probabilities.items())
    click.echo(f"{line}. {assessment.severity.value}: {report.title or report.text[:80]}")
    click.echo(f"   {chances}")
    for term in assessment.terms[:_SHOWN]:
        click.echo(f"   {term.log_odds:+.2f} for {term.of}: {term.name}")
    if len(assessment.terms) > _SHOWN:
        click.echo(f"   and {len(assessment.terms) - _SHOWN} weaker terms (--json prints all)")
