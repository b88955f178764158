"""``qai-sre lab record``: incidents of the lab's shop, as bundles with truth."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("record")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("faults", nargs=-1, metavar="[FAULT...]")
@click.option("--seed", type=int, default=0, show_default=True, help="Picks customers and innocent deploys.")
@click.option("--delay", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Effects begin later.")
@click.option("--calm", type=click.FloatRange(min=90), default=100.0, show_default=True, help="Seconds before it.")
def command(out: Path, faults: tuple[str, ...], seed: int, delay: float, calm: float) -> None:
    """Break a fresh shop for real and write what was seen as bundles below OUT, each with truth.json.

    Every fault of `lab faults` unless some are named; ONE+OTHER puts in two at once. Takes about three minutes each.
    Exits 1 when something was not noticed, and so not recorded.
    """
    from data.errors import InputError
    from data.lab.faults import FAULTS
    from pipelines.record import Pace, record

    sets = [tuple(each.split("+")) for each in faults or FAULTS]
    unknown = [name for names in sets for name in names if name not in FAULTS]
    if unknown:
        raise InputError(f"no fault {unknown[0]!r}; see `qai-sre lab faults`", field="FAULT")
    pace = Pace(calm_s=calm)
    done = [record(names, out, seed=seed, delay_s=delay, pace=pace, say=click.echo) for names in sets]
    raise SystemExit(1 if None in done else 0)
