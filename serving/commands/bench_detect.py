"""``qai-sre bench-detect``: how well anomalies are found in public series, beside the peers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.datasets.series import SERIES
from serving.commands.fan_out import fans_out

if TYPE_CHECKING:
    from pipelines.fan_out import Workers

PARTS = ("series", "logs", "severity", "forecast")

_HEADER = (
    f"{'':16}{'VUS-PR':>7} {'interval':>12} {'AUC-PR':>7} {'best F1':>8} "
    f"{'ours better by':>23} {'fit/s':>7} {'score/s':>8}"
)


@click.command("bench-detect")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="DIR...")
@click.option(
    "--dataset", "names", multiple=True, type=click.Choice(list(SERIES)), help="Only these. Default: all found."
)
@click.option(
    "--train-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Learn from the first share of a record that has no normal part. Default: from the whole record.",
)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only these. Default: all.")
@click.option("--all-peers", is_flag=True, help="Also the slow peers of the extra 'detectors'.")
@fans_out(1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    train_share: float | None,
    parts: tuple[str, ...],
    all_peers: bool,
    as_json: bool,
    workers: Workers,
) -> None:
    """Measure the trained models other than the rankers on labelled data found in DIR..., beside their peers.

    Anomalies in series (VUS-PR, AUC-PR, best F1, NAB's score), templates of logs, severity of texts and rules, and
    forecasts of breaches. DIR is an unpacked data set or a folder that holds archives; what is not found is said and
    skipped.
    """
    wanted = parts or PARTS
    reports = _series(folders, names, train_share, all_peers, workers) if "series" in wanted else {}
    tables = {part: found for part in wanted if part != "series" and (found := _table(part, folders))}
    if as_json:
        click.echo(json.dumps({**reports, **tables}))
        return
    for name, report in reports.items():
        _print(name, report)
    for part in wanted:
        if part != "series":
            _print_table(part, tables.get(part, []))


def _series(
    folders: tuple[Path, ...], names: tuple[str, ...], train_share: float | None, all_peers: bool, workers: Workers
) -> dict[str, Any]:
    from data.datasets.series import load
    from data.errors import InputError
    from pipelines.evaluate_detection import EXTRA_PEERS, OURS, PEERS, evaluate, nab_scores, summarise

    reports: dict[str, Any] = {}
    for name in names or SERIES:
        for folder in folders:
            try:
                series = list(load(name, folder))
            except InputError as error:
                reports.setdefault(name, {"absent": str(error)})
                continue
            detectors = (OURS, *PEERS, *(EXTRA_PEERS if all_peers else ()))
            evaluation = evaluate(
                series, detectors, train_share=train_share, workers=workers, on_record=lambda r: _say(r)
            )
            reports[name] = summarise(evaluation) | (nab_scores(series) if name == "nab" else {})
            break
    return reports


def _table(part: str, folders: tuple[Path, ...]) -> list[dict[str, Any]]:
    """The rows of one part from every folder that holds its data; a row that two folders give is told once."""
    from data.errors import InputError

    rows: list[dict[str, Any]] = []
    for folder in folders:
        try:
            rows += [row for row in _rows(part, folder) if row not in rows]
        except InputError:
            continue  # this folder holds other data
    return rows


def _rows(part: str, folder: Path) -> list[dict[str, Any]]:
    if part == "logs":
        from pipelines.bench_logs import bench_logs, summarise

        means: list[dict[str, Any]] = summarise(bench_logs(folder))["mean"]
        return means
    if part == "severity":
        from pipelines.severity import evaluate_severity

        return evaluate_severity(folder)
    from pipelines.foresight import evaluate_forecast

    return evaluate_forecast(folder)


def _print_table(part: str, rows: list[dict[str, Any]]) -> None:
    click.echo(f"## {part}" + ("" if rows else ": no data found, skipped"))
    for row in rows:
        told = (f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items())
        click.echo("  ".join(told))
    click.echo()


def _say(record: str) -> None:
    click.echo(f"\r{record[:78]:78}\r", nl=False, err=True)


def _print(name: str, report: dict[str, Any]) -> None:
    if "absent" in report:
        click.echo(f"## {name}: not found, skipped ({report['absent']})\n")
        return
    click.echo(f"## {name}: {report['records']} records with anomalies")
    click.echo(_HEADER)
    for method, figures in sorted(report["methods"].items(), key=lambda pair: -pair[1]["vus_pr"]):
        low, high = figures["interval"]
        worse, better = figures["ours_better_by_interval"]
        lead = f"{figures['ours_better_by']:+.3f} [{worse:+.3f}, {better:+.3f}]"
        speeds = f"{_short(figures['fit_points_per_s']):>7} {_short(figures['score_points_per_s']):>8}"
        click.echo(
            f"{method:16}{figures['vus_pr']:7.3f} {low:5.3f}-{high:5.3f}  {figures['auc_pr']:7.3f} "
            f"{figures['best_f1']:8.3f} {lead:>23} {speeds}"
        )
    for method, reason in report["skipped"].items():
        click.echo(f"{method:16}skipped: {reason}")
    for label, value in report.get("nab", {}).items():
        click.echo(f"NAB score, standard profile, streaming, {label}: {value:.1f}")
    click.echo()


def _short(speed: float | None) -> str:
    return "-" if speed is None else f"{speed / 1e6:.2f}M" if speed >= 1e5 else f"{speed / 1e3:.1f}k"
