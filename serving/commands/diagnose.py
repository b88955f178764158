"""``qai-sre diagnose``: what broke, why, and how sure, for recorded incidents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.domain import Alert, Change, Diagnosis
    from data.impact import Impact


@click.command("diagnose")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BUNDLE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, in the order given.")
@click.option("--as-of", metavar="TIME", help="Look at nothing later than this (ISO 8601); default: all recorded.")
@click.option("--causal", is_flag=True, help="Ask a causal model of the calls, too, some 20 s each (extra 'causal').")
def command(bundles: tuple[Path, ...], as_json: bool, as_of: str | None, causal: bool) -> None:
    """Rank root causes and guilty changes for recorded incidents, and say how bad each is.

    BUNDLE is a folder with alert.json and whichever of metrics, logs, spans, topology and changes were recorded.
    Exits 1 when any bundle could not be read; the others are still answered.
    """
    from data.errors import InputError
    from data.parse import parse_time

    until = parse_time(as_of, field="--as-of") if as_of else None
    if causal:
        from models.causal.dowhy_gcm import require_dowhy

        require_dowhy()
    failed = False
    for bundle in _with_progress(bundles):
        try:
            alert, changes, diagnosis, impact = _diagnose(bundle, until, causal)
        except InputError as error:
            failed = True
            _print_error(bundle, error, as_json)
            continue
        if as_json:
            record = {"bundle": str(bundle), **as_record(diagnosis), "impact": impact.model_dump(mode="json")}
            click.echo(json.dumps(record))
        else:
            _print_report(bundle, alert, changes, diagnosis, impact)
    if failed:
        sys.exit(1)


def as_record(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as ``--json`` prints it."""
    fields = (
        "candidates",
        "cannot_tell",
        "changes",
        "no_change_probability",
        "no_change_evidence",
        "severity",
        "blast_radius",
    )
    record = diagnosis.model_dump(mode="json")
    return {name: record[name] for name in (*fields, "unseen", "anomaly_score", "onset", "as_of", "model", "evidence")}


def _diagnose(bundle: Path, as_of: datetime | None, causal: bool) -> tuple[Alert, dict[str, Change], Diagnosis, Impact]:
    from data.settings import load_settings
    from data.sources.bundle import read_alert, read_telemetry
    from pipelines.champion import champion_below
    from pipelines.impact import impact_of

    alert = read_alert(bundle)
    telemetry = read_telemetry(bundle)
    settings = load_settings()
    diagnosis = champion_below(settings.state_dir).investigate(alert, telemetry, as_of=as_of)
    if causal:
        from pipelines.attribution import with_attribution

        diagnosis = with_attribution(diagnosis, alert, telemetry)
    impact = impact_of(alert, telemetry, diagnosis, objective=settings.objective)
    return alert, {c.id: c for c in telemetry.changes}, diagnosis, impact


def _with_progress(bundles: tuple[Path, ...]) -> Iterator[Path]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if len(bundles) == 1 or not console.is_terminal:
        return iter(bundles)
    return iter(track(bundles, description="Diagnosing", console=console, transient=True))


def _print_error(bundle: Path, error: Exception, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"bundle": str(bundle), "error": str(error)}))
    else:
        click.echo(f"{bundle}: {error}", err=True)


def _print_report(bundle: Path, alert: Alert, changes: dict[str, Change], diagnosis: Diagnosis, impact: Impact) -> None:
    from pipelines.impact import severity_with
    from serving.impact import impact_lines
    from serving.report import report_lines

    click.echo(f"# {bundle.name}")
    for line in report_lines(alert, changes, diagnosis):
        click.echo(line)
    click.echo("How bad it is")
    for line in impact_lines(impact, severity_with(impact, diagnosis)):
        click.echo(f"  {line}")
    click.echo()
