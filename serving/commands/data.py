"""``qai-sre data``: data to learn from."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click


class _Range(click.ParamType[tuple[int, int]]):
    """``A-B``, or ``A`` for both."""

    name = "A-B"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", value.strip())
        if match is None:
            self.fail(f"{value!r} is not a range such as 5-20", param, ctx)
        return int(match[1]), int(match[2] or match[1])


@click.group("data")
def command() -> None:
    """Make data to learn from."""


@command.command("synthesize")
@click.option("--count", required=True, type=click.IntRange(min=1), help="How many incidents.")
@click.option(
    "--services", default="5-20", type=_Range(), show_default=True, help="Fewest and most services of a system."
)
@click.option(
    "--seed", default=0, type=click.IntRange(min=0), show_default=True, help="The same seed gives the same bytes."
)
@click.option("--kind", help="Only this kind of fault; by default any, and some windows without an incident.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the bundles, one each."
)
def synthesize(count: int, services: tuple[int, int], seed: int, kind: str | None, out: Path) -> None:
    """Write incidents whose cause is known, as bundles with truth.json, for training and for `bench rca`.

    Exits 2 when the options make no sense.
    """
    from data.datasets.synthetic import synthesize as make
    from data.datasets.synthetic.write import write_case

    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty; name a folder that does not exist yet")
    with _progress(count) as done:
        for number in range(count):
            case = make((seed, number), services=services, kind=kind)
            write_case(out / case.id, case)
            done()
    click.echo(f"{count} incidents in {out}")


@contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr for people; silence where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=count, label="incidents", file=sys.stderr) as bar:
        yield lambda: bar.update(1)
