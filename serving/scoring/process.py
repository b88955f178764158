"""A scoring service in a process of its own, on this machine, for as long as it is needed."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from data.errors import ConfigError
from serving.commands.score import environment, free_port, serve_arguments

START_S = 120.0
STOP_S = 20.0
HOST = "127.0.0.1"


@contextmanager
def scoring_process(
    service: str, extra: Mapping[str, str] | None = None, *, arguments: list[str] | None = None, cwd: Path | None = None
) -> Iterator[str]:
    """Start ``service`` on a free port; yields its URL once it answers, and stops it on leaving.

    Args:
        extra: environment variables on top of ours.
        arguments: the server's command line up to its name, where another interpreter is to run it.

    Raises:
        ConfigError: it did not come up; with the end of what it said.
    """
    port = free_port(HOST)
    command = serve_arguments(service, HOST, port)
    command = [*arguments, *command[1:]] if arguments else command
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env={**environment(), **(extra or {})}, stdout=said, stderr=said, cwd=cwd, start_new_session=True
        )
        try:
            _wait(process, f"http://{HOST}:{port}", said.fileno())
            yield f"http://{HOST}:{port}"
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], url: str, said: int) -> None:
    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{url}/readyz", timeout=5.0).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    last = os.pread(said, 4000, max(0, os.fstat(said).st_size - 4000)).decode(errors="replace").strip()
    raise ConfigError(f"the scoring service did not start; it said: {last or 'nothing'}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The supervisor stops its workers when asked to; one that does not is ended with all of its own."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
