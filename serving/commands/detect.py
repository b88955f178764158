"""``qai-sre detect``: what is unusual in recorded series, with alarms at a rate you set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.catalog import DEFAULT_DETECTOR

if TYPE_CHECKING:
    from pipelines.detect import Detection


@click.command("detect")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to write."
)
@click.option(
    "--train-rows",
    type=click.IntRange(min=2),
    metavar="N",
    help="The first N rows are normal. Default: the whole record is its own history.",
)
@click.option(
    "--alarms-per-week",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="False alarms you are willing to have, per file.",
)
@click.option(
    "--detector", default=DEFAULT_DETECTOR, show_default=True, help="A name of the catalogue (docs/anomaly.md)."
)
@click.option("--plot", is_flag=True, help="Also draw each record with its score and alarms, as NAME.svg.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    files: tuple[Path, ...],
    folder: Path,
    train_rows: int | None,
    alarms_per_week: float,
    detector: str,
    plot: bool,
    as_json: bool,
) -> None:
    """Score how unusual each row of recorded series is.

    FILE is a CSV or parquet with `timestamp` and one or more number columns; several columns are one record of
    several metrics. `timestamp, score, alarm` is written to DIR under the same name, a row for every row.
    Exits 1 when a file could not be read; the others are still scored.
    """
    from data.errors import InputError
    from pipelines.detect import detect, read_series

    folder.mkdir(parents=True, exist_ok=True)
    targets = _targets(files, folder)
    reports, failed = [], False
    for path, target in targets.items():
        try:
            series = read_series(path)
            found = detect(series, train_rows=train_rows, alarms_per_week=alarms_per_week, detector=detector)
        except (InputError, OSError) as error:
            failed = True
            reports.append({"file": str(path), "error": str(error)})
            click.echo(f"{path}: {error}", err=True)
            continue
        _write(found, target)
        if plot:
            from serving.plot import drawing

            target.with_suffix(".svg").write_text(drawing(found, path.name), encoding="utf-8")
        reports.append(_report(path, target, found))
        if not as_json:
            _print(path, target, found)
    if as_json:
        click.echo(json.dumps({"files": reports}))
    if failed:
        sys.exit(1)


def _targets(files: tuple[Path, ...], folder: Path) -> dict[Path, Path]:
    """Where each file's answer goes: two inputs must not share a name, and none may be overwritten."""
    from data.errors import InputError

    targets = {path: folder / path.name for path in files}
    for path, target in targets.items():
        if target.exists() and path.exists() and target.samefile(path):
            raise InputError(f"would overwrite {path}; give another folder", field="--out")
    if len(set(targets.values())) < len(targets):
        raise InputError("two files have the same name; give them separate runs", field="FILE")
    return targets


def _write(found: Detection, target: Path) -> None:
    table = found.table()
    if target.suffix.lower() in {".parquet", ".pq"}:
        table.to_parquet(target, index=False)
    else:
        table.to_csv(target, index=False)


def _report(path: Path, target: Path, found: Detection) -> dict[str, Any]:
    return {
        "file": str(path),
        "out": str(target),
        "rows": len(found.scores),
        "columns": list(found.series.columns),
        "alarm_rows": int(found.alarms.sum()),
        "threshold": found.threshold.value,
        "extrapolated": found.threshold.extrapolated,
        "notes": list(found.notes),
    }


def _print(path: Path, target: Path, found: Detection) -> None:
    alarmed = int(found.alarms.sum())
    click.echo(
        f"{path}: {len(found.scores)} rows, {alarmed} in alarm (score above {found.threshold.value:.3g}) -> {target}"
    )
    for note in found.notes:
        click.echo(f"  {note}")
