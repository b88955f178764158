"""``qai-sre bench``: how well causes are ranked on public data sets, beside trivial baselines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from data.datasets import CATALOGUE, DEFAULT_DELAY_S


class _Refused(click.ClickException):
    """The data set is not where the caller says, or cannot be read."""

    exit_code = 2


@click.group("bench")
def command() -> None:
    """Measure rankings on public data sets, beside trivial baselines."""


@command.command("rca")
@click.option("--dataset", required=True, type=click.Choice(list(CATALOGUE)), help="Which format PATH holds.")
@click.option(
    "--path",
    required=True,
    type=click.Path(path_type=Path),
    help="The unpacked data set, its archive, or a folder that holds the archive.",
)
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help=f"From fault to alert, where the data set has no alert of its own. Default: {DEFAULT_DELAY_S:g}.",
)
@click.option(
    "--until",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Show rankers telemetry only up to this long after the alert. Default: the whole recording.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def rca(dataset: str, path: Path, delay: float | None, until: float | None, as_json: bool) -> None:
    """Rank the root causes of every recorded incident, then open the labels and count.

    Rankers are given the alert's time and entity and the telemetry: no injection time, no label in a name.
    Exits 2 when PATH does not hold the data set.
    """
    from data.datasets import has_alerts, load
    from data.errors import InputError
    from pipelines.evaluate import default_rankers, evaluate, summarise

    delay_s = DEFAULT_DELAY_S if delay is None else delay
    if has_alerts(dataset) and delay is not None:
        click.echo(f"bench: {dataset} says when its alerts fired; --delay is not used", err=True)
    try:
        with _progress(dataset) as on_case:
            cases = load(dataset, path, delay_s=delay_s, until_s=until)
            report = summarise(evaluate(cases, default_rankers(), on_case=on_case))
    except InputError as error:
        raise _Refused(str(error)) from error
    report = {"dataset": dataset, **report, "delay_s": None if has_alerts(dataset) else delay_s, "until_s": until}
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)


@command.command("all")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.pass_context
def every(ctx: click.Context, folders: tuple[Path, ...]) -> None:
    """Run `bench rca` on every data set found in DIR..., and say which were not found.

    Exits 2 when none was.
    """
    found = 0
    for dataset in CATALOGUE:
        for folder in folders:
            try:
                ctx.invoke(rca, dataset=dataset, path=folder, delay=None, until=None, as_json=False)
            except _Refused:
                continue
            found += 1
            break
        else:
            click.echo(f"skipped: no {dataset} in {', '.join(map(str, folders))}", err=True)
    ctx.exit(0 if found else 2)


@contextmanager
def _progress(dataset: str) -> Iterator[Callable[[int], None]]:
    """A counter on stderr for people; silence where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{dataset}: reading") as status:
        yield lambda done: status.update(f"{dataset}: {done} cases ranked")


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    delay = "" if report["delay_s"] is None else f", alert {report['delay_s']:g} s after the fault"
    until = "whole recording" if report["until_s"] is None else f"telemetry to {report['until_s']:g} s after the alert"
    table = Table(title=f"{report['dataset']}: {report['cases']} cases{delay}, {until}", title_justify="left")
    for heading in ("method", "AC@1", "95 %", "AC@3", "AC@5", "Avg@5", "MRR", "ECE", "ms/case"):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=heading == "method")
    for name, figures in report["methods"].items():
        low, high = figures["interval"]["ac_at_1"]
        shares = [_share(figures[key]) for key in ("ac_at_3", "ac_at_5", "avg_at_5", "mrr", "ece")]
        interval = f"{_share(low)}-{_share(high)}"
        table.add_row(name, _share(figures["ac_at_1"]), interval, *shares, f"{figures['ms_per_case']:.1f}")
    console.print(table)
    _print_systems(console, report["methods"])
    _print_changes(console, report["changes"])
    console.print(
        f"loading {report['load_ms_per_case']:.0f} ms a case (not in ms/case); "
        f"peak memory {report['peak_memory_mb']:.0f} MB, all methods and loading together"
    )


def _print_systems(console: Any, methods: dict[str, Any]) -> None:
    from rich.table import Table

    systems = list(next(iter(methods.values()))["systems"])
    if len(systems) < 2:
        return
    table = Table(title="AC@1 by system", title_justify="left")
    table.add_column("method", no_wrap=True)
    for system in (*systems, "macro"):
        table.add_column(system, justify="right")
    for name, figures in methods.items():
        cells = [_share(figures["systems"][system]["ac_at_1"]) for system in systems]
        table.add_row(name, *cells, _share(figures["macro"]["ac_at_1"]))
    console.print(table)


def _print_changes(console: Any, changes: dict[str, Any]) -> None:
    from rich.table import Table

    if not changes:
        return
    cases = next(iter(changes.values()))["cases"]
    table = Table(title=f"changes: {cases} cases", title_justify="left")
    columns = {
        "right": "right",
        "true change found": "change_right",
        "true change first": "change_ac_at_1",
        "none seen as none": "no_change_right",
        "decoy blamed": "decoy_chosen",
    }
    for heading in ("method", *columns):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=heading == "method")
    for name, figures in changes.items():
        table.add_row(name, *(_share(figures[key]) for key in columns.values()))
    console.print(table)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
