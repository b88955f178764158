"""Options of every command whose work fans out: ``--workers N`` and ``--cluster tcp://HOST:PORT``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

Command = Callable[..., Any]


def fans_out(default: int) -> Callable[[Command], Command]:
    """Gives a command both options as one argument, ``workers`` (:class:`pipelines.fan_out.Workers`)."""

    def decorated(command: Command) -> Command:
        @click.option(
            "--workers", "--jobs", "count", type=click.IntRange(min=1), default=default, show_default=True,
            metavar="N", help="Processes of this machine that share the work.",
        )  # fmt: skip
        @click.option(
            "--cluster",
            metavar="tcp://HOST:PORT",
            help="A dask scheduler whose workers do it; needs the extra scale.",
        )
        @wraps(command)
        def with_workers(*args: Any, count: int, cluster: str | None, **kwargs: Any) -> Any:
            from pipelines.fan_out import Workers

            return command(*args, workers=Workers(count, cluster), **kwargs)

        return with_workers

    return decorated
