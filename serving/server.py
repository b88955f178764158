"""The web server: in this thread until a signal stops it, or in a thread of its own beside other work."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from data.errors import ConfigError

# Browsers hold their event streams open: after this long a shutdown no longer waits for them.
_GRACE_S = 2


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one.

    Raises:
        ConfigError: if the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        server.close()
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port") from error
    return server


def url_of(server: socket.socket) -> str:
    """The URL a bound socket is reached at from this machine."""
    host, port = server.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def serve_until_stopped(app: FastAPI, server: socket.socket) -> None:
    """Serve in this thread; returns after SIGINT or SIGTERM."""
    _Server(_config(app), app).run(sockets=[server])


@contextmanager
def serving(app: FastAPI, server: socket.socket) -> Iterator[str]:
    """Serve in a thread; yields the URL once requests are answered, and stops on leaving."""
    process = _Server(_config(app), app)
    thread = threading.Thread(target=process.run, kwargs={"sockets": [server]}, name="web", daemon=True)
    thread.start()
    try:
        while not process.started:
            if not thread.is_alive():
                raise ConfigError("the web server did not start; see the log above")
            thread.join(0.01)
        yield url_of(server)
    finally:
        process.stop()
        thread.join(_GRACE_S + 5)


class _Server(uvicorn.Server):
    """Tells the application that it is about to stop, before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._stopping: threading.Event = app.state.stopping

    def stop(self) -> None:
        self._stopping.set()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE_S, server_header=False)
