"""``qai-sre score``: the scoring service, until it is told to stop."""

from __future__ import annotations

import os
import sys

import click

LOOPBACK = frozenset({"127.0.0.1", "::1"})
SERVICE = "serving.scoring.service:Scoring"


@click.command("score")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="IP", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8323, show_default=True, help="0 picks a free port.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that answer.")
def command(host: str, port: int, workers: int) -> None:
    """Serve the models over HTTP, for QAI_SCORING_URL or programs of your own; needs the extra 'scoring'.

    Callers send QAI_SCORING_TOKEN as a bearer token. Where none is set only this machine may ask.
    """
    from importlib.util import find_spec

    from data.errors import ConfigError
    from data.settings import load_settings

    if find_spec("bentoml") is None:
        raise ConfigError("BentoML is not installed; install qai-sre with the extra 'scoring'")
    if load_settings().scoring_token is None:
        if host not in LOOPBACK:
            raise ConfigError(
                f"QAI_SCORING_TOKEN: set one to be reached at {host}; without it only 127.0.0.1 is served"
            )
        click.echo("no QAI_SCORING_TOKEN is set: only this machine may ask", err=True)
    port = port or free_port(host)
    click.echo(f"Scoring: http://{f'[{host}]' if ':' in host else host}:{port}")
    sys.stdout.flush()
    # The server takes this process over: signals reach it as they would reach this command.
    os.execvpe(sys.executable, serve_arguments(SERVICE, host, port), environment(workers))


def serve_arguments(service: str, host: str, port: int) -> list[str]:
    """The command line of BentoML's server."""
    return [sys.executable, "-m", "bentoml", "serve", service, "--host", host, "--port", str(port)]


def environment(workers: int = 1) -> dict[str, str]:
    """What the server runs with: no usage statistics; one thread of arithmetic a call, for calls run side by side."""
    return {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BENTOML_CONFIG_OPTIONS": f"services.qai_scoring.workers={workers}",
        **os.environ,
        "BENTOML_DO_NOT_TRACK": "True",
    }


def free_port(host: str) -> int:
    """A port that is free now."""
    from serving.server import listen

    with listen(host, 0) as server:
        return int(server.getsockname()[1])
