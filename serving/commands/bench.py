"""``qai-sre bench``: how well causes are ranked on public data sets, beside trivial baselines and published methods."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from data.datasets import CATALOGUE, DEFAULT_DELAY_S
from serving.commands.bench_logs import command as logs
from serving.commands.bench_serve import command as serve
from serving.commands.fan_out import fans_out

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipelines.fan_out import Workers
    from pipelines.peers.process import Peers

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn.")


class _Failed(click.ClickException):
    """Said as every other command says it: one line that begins with the program's name."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"qai-sre: {self.format_message()}", err=True)


class _Mendable(_Failed):
    """The caller can do something about it."""

    exit_code = 2


@contextmanager
def _said() -> Iterator[None]:
    """Errors made for people: exit 2 where the caller can mend it, else 1."""
    from data.errors import ConfigError, InputError, QaiError

    try:
        yield
    except (ConfigError, InputError) as error:
        raise _Mendable(str(error)) from error
    except QaiError as error:
        raise _Failed(str(error)) from error


@click.group("bench")
def command() -> None:
    """Measure rankings on public data sets, beside trivial baselines and published methods."""


command.add_command(logs)
command.add_command(serve)


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
@fans_out(1)
@_JSON
def rca(dataset: str, path: Path, delay: float | None, until: float | None, as_json: bool, workers: Workers) -> None:
    """Rank the root causes of every recorded incident of one data set, then open the labels and count.

    Rankers are given the alert's time and entity and the telemetry: no injection time, no label in a name.
    Exits 2 when PATH does not hold the data set.
    """
    from data.datasets import has_alerts, load
    from pipelines.bench.summary import summarise
    from pipelines.evaluate import default_rankers, evaluate

    delay_s = DEFAULT_DELAY_S if delay is None else delay
    if has_alerts(dataset) and delay is not None:
        click.echo(f"bench: {dataset} says when its alerts fired; --delay is not used", err=True)
    with _said(), _progress(dataset) as told:
        cases = load(dataset, path, delay_s=delay_s, until_s=until)
        ranked = evaluate(
            cases, default_rankers(), workers=workers, on_case=lambda done: told(f"{dataset}: {done} cases ranked")
        )
        report = summarise(ranked)
    report = {"dataset": dataset, **report, "delay_s": None if has_alerts(dataset) else delay_s, "until_s": until}
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)


@command.command("all")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option(
    "--delays",
    default="0,30,60,120,240",
    show_default=True,
    metavar="S,S,...",
    callback=lambda _ctx, _param, value: _seconds(value),
    help="Seconds from fault to alert, where a data set has no alerts of its own.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N cases a data set, for a quick look.")
@fans_out(2)
@click.option(
    "--peers",
    type=click.Choice(["none", "fast", "all"]),
    default="fast",
    show_default=True,
    help="Published methods beside ours, where `bench install-peers` put them; 'all' asks the slow ones, too.",
)
@click.option(
    "--slow-cases",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="On how many cases of a data set, at delays of 0 and 60 s, slow methods are asked.",
)
@_SEED
@_JSON
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the tables there.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the reliability diagram there.")
def every(
    folders: tuple[Path, ...], delays: tuple[float, ...], limit: int | None, peers: str, slow_cases: int,
    seed: int, as_json: bool, markdown: Path | None, plot: Path | None, workers: Workers,
) -> None:  # fmt: skip
    """Every data set found in DIR..., at every delay, with everybody beside us, and false alarms.

    Prints Markdown. Says which data sets were not found; exits 2 when none was.
    """
    from pipelines.bench import plots, suite, tables

    plan = suite.Plan(delays, limit, slow_cases if peers == "all" else 0, workers, seed)
    with _said(), _progress("bench") as told, _peers(peers, workers.count, seed) as asked:
        report = suite.benchmark(folders, plan, asked, told)
    for dataset in report["absent"]:
        click.echo(f"skipped: no {dataset} in {', '.join(map(str, folders))}", err=True)
    if plot:
        with _said():
            plots.plot_reliability(report["pooled"], plot)
    text = tables.markdown(report)
    if markdown:
        markdown.write_text(text, encoding="utf-8")
    click.echo(json.dumps(report) if as_json else text)


def _seconds(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(part) for part in text.split(","))
    except ValueError:
        delays = ()
    if not delays or not all(0 <= delay < float("inf") for delay in delays):
        raise click.BadParameter("must be numbers of seconds from 0 up, separated by commas")
    return delays


def _peers(which: str, jobs: int, seed: int) -> AbstractContextManager[Peers | None]:
    if which == "none":
        return nullcontext(None)
    from pipelines.peers import install, process

    interpreter = install.python()
    if interpreter is None:
        click.echo("skipped: published methods are not installed; `qai-sre bench install-peers` does it", err=True)
        return nullcontext(None)
    remembered = install.folder().parent / f"answers-{install.version()}"
    return process.opened(interpreter, remembered, jobs=jobs, seed=seed)


@command.command("install-peers")
def install_peers() -> None:
    """Install published methods into an environment of their own, for `bench all` to compare with."""
    from pipelines.peers import install

    with _said(), _progress("bench") as told:
        told("installing published methods into an environment of their own")
        interpreter = install.install()
    click.echo(f"installed: {', '.join(install.LIBRARIES)} in {interpreter.parents[1]}")


@command.command("speed")
@click.option(
    "--sizes", metavar="N,N,...", default="10,30,100,300,1000,3000,5000", show_default=True,
    callback=lambda _ctx, _param, value: _numbers(value), help="How many services.",
)  # fmt: skip
@_SEED
@_JSON
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw seconds over size there.")
def speed(sizes: tuple[int, ...], seed: int, as_json: bool, plot: Path | None) -> None:
    """Seconds and peak memory of one ranking as systems grow, on one core, beside n-sigma."""
    from pipelines.bench import plots, tables
    from pipelines.bench.speed import measure

    with _said(), _progress("bench") as told:
        report = measure(sizes, seed=seed, told=told)
        if plot:
            plots.plot_speed(report, plot)
    click.echo(json.dumps(report) if as_json else tables.speed(report))


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 1 for part in parts):
        raise click.BadParameter("must be whole numbers above 1, separated by commas")
    return tuple(int(part) for part in parts)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[str], None]]:
    """What is being done, on stderr for people; silence where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda doing: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what}: reading") as status:
        yield status.update


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
    _print_abstention(console, report["methods"])
    _print_systems(console, report["methods"])
    _print_changes(console, report["changes"])
    console.print(
        f"loading {report['load_ms_per_case']:.0f} ms a case (not in ms/case); "
        f"peak memory {report['peak_memory_mb']:.0f} MB, all methods and loading together"
    )


def _print_abstention(console: Any, methods: dict[str, Any]) -> None:
    for name, figures in methods.items():
        if figures["abstained"] is None:
            continue
        surest = ", ".join(f"{float(c):.0%} {_share(value)}" for c, value in figures["ac_at_1_surest"].items())
        console.print(
            f"{name} cannot tell in {figures['abstained']:.0%} of the cases; AC@1 where it can "
            f"{_share(figures['ac_at_1_answered'])}, and of the surest {surest}",
            highlight=False,
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
