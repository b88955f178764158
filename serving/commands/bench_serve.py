"""``qai-sre bench serve``: what batching gains the scoring service."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("serve")
@click.option("--clients", type=click.IntRange(min=1), default=32, show_default=True, help="Asking at once.")
@click.option("--seconds", type=click.FloatRange(min=0.5), default=8.0, show_default=True, help="A round.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Of each, in turn.")
@click.option("--rows", type=click.IntRange(min=1), default=240, show_default=True, help="Of each series.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(clients: int, seconds: float, rounds: int, rows: int, as_json: bool) -> None:
    """Requests a second with batching and without, on this machine, one series a request; needs the extra 'scoring'.

    Two services differ in batching alone and are asked in turn, so that a machine that is busy now and then is busy for
    both. Exits 1 if any request failed.
    """
    from importlib.util import find_spec

    from data.errors import ConfigError, ModelError

    if find_spec("bentoml") is None:
        raise ConfigError("BentoML is not installed; install qai-sre with the extra 'scoring'")
    report = _measured(clients, seconds, rounds, rows)
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print(report)
    if failed := sum(report[name]["errors"] for name in ("batched", "unbatched")):
        raise ModelError(f"{failed} requests failed")


def _measured(clients: int, seconds: float, rounds: int, rows: int) -> dict[str, Any]:
    import secrets
    from statistics import median

    from serving.commands.score import SERVICE
    from serving.scoring.load import Load, bodies, measure
    from serving.scoring.process import scoring_process

    token = secrets.token_hex(16)
    payloads = bodies(256, rows)
    found: dict[str, list[Load]] = {"batched": [], "unbatched": []}
    settings = {"QAI_SCORING_TOKEN": token}
    with (
        scoring_process(SERVICE, settings) as batched,
        scoring_process("serving.scoring.unbatched:Unbatched", settings) as unbatched,
    ):
        urls = {"batched": f"{batched}/score_series", "unbatched": f"{unbatched}/score_series"}
        for url in urls.values():
            # The first requests teach the batcher how long a batch takes.
            measure(url, payloads, clients=clients, seconds=min(seconds, 3.0), token=token)
        for _ in range(rounds):
            for name, url in urls.items():
                found[name].append(measure(url, payloads, clients=clients, seconds=seconds, token=token))
    ratios = [b.throughput_rps / max(u.throughput_rps, 1e-9) for b, u in zip(*found.values(), strict=True)]
    return {
        "clients": clients,
        "rows": rows,
        "rounds": rounds,
        "seconds": seconds,
        **{name: _pooled(loads) for name, loads in found.items()},
        "ratio": round(median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }


def _pooled(loads: Any) -> dict[str, Any]:
    """Of several rounds: sums of what is counted, medians of what is measured."""
    from statistics import median

    rounds = [load.as_json() for load in loads]
    counted = {name: sum(round_[name] for round_ in rounds) for name in ("requests", "errors")}
    measured = {name: median(round_[name] for round_ in rounds) for name in ("throughput_rps", "p50_ms", "p99_ms")}
    return {**counted, **measured}


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{report['clients']} clients, one series of {report['rows']} rows a request"
    table = Table(title=title, title_justify="left")
    for heading in ("", "requests/s", "p50 ms", "p99 ms", "requests", "errors"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in ("batched", "unbatched"):
        row = report[name]
        table.add_row(
            name, *(f"{row[key]:.1f}" for key in ("throughput_rps", "p50_ms", "p99_ms")),
            str(row["requests"]), str(row["errors"]),
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"batching serves {report['ratio']:g} times as many (median of {report['rounds']} rounds)")
