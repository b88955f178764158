"""The shop as running processes: one a service, on free loopback ports, from checkouts of its repository."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from data.domain import now
from data.errors import ActionError
from data.lab.repository import git

SERVICES = ("catalogue", "cart", "inventory", "payment", "checkout", "storefront")
# The payment company's side: it runs, but like any third party it shares no telemetry with us.
GATEWAY = "gateway"
_MODULES = {GATEWAY: "payment.gateway"}
_START_DEADLINE_S = 20.0
_STOP_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Deploy:
    """A service restarted from another commit."""

    service: str
    commit: str
    at: datetime
    instance: str
    removed_instance: str


@dataclass(frozen=True)
class _Running:
    process: subprocess.Popen[bytes]
    instance: str


class Shop:
    """Runs the shop from ``repository``. Checkouts, databases and telemetry go to ``folder``.

    Used as a context manager; on leaving, every process it started is stopped.
    """

    def __init__(self, repository: Path, folder: Path, *, scrape_interval_s: float = 5.0) -> None:
        self.telemetry = folder / "telemetry"
        self._repository = repository
        self._folder = folder
        self._interval_s = scrape_interval_s
        self._ports = dict(zip((*SERVICES, GATEWAY), _free_ports(len(SERVICES) + 1), strict=True))
        self._running: dict[str, _Running] = {}
        self._starts: Counter[str] = Counter()

    def __enter__(self) -> Shop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, commit: str, services: Iterable[str] = (GATEWAY, *SERVICES)) -> None:
        """Start ``services`` from ``commit`` and wait until each answers.

        Raises:
            ActionError: with the last thing a service wrote, when it does not come up.
        """
        for output, service in [(self._launch(service, commit), service) for service in services]:
            self._await(service, output)

    def deploy(self, service: str, commit: str) -> Deploy:
        """Restart one service from ``commit``. Its callers wait out the moment in between."""
        at, old = now(), self._running.pop(service)
        _stop(old.process)
        self._await(service, self._launch(service, commit))
        return Deploy(service, commit, at, self._running[service].instance, old.instance)

    def stop(self) -> None:
        """Stop every process this shop started."""
        running, self._running = list(self._running.values()), {}
        for each in running:
            each.process.terminate()
        for each in running:
            _stop(each.process)

    def url(self, service: str) -> str:
        """Where ``service`` listens."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def _launch(self, service: str, commit: str) -> Path:
        """Start one process; the file it writes to is returned."""
        self._starts[service] += 1
        instance = f"{service}-{self._starts[service]}"
        output = self._prepared("output") / f"{instance}.txt"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULES.get(service, f"{service}.app")],
                cwd=self._checkout(commit),
                env=self._environment(service, instance),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self._running[service] = _Running(process, instance)
        return output

    def _await(self, service: str, output: Path) -> None:
        process, deadline = self._running[service].process, time.monotonic() + _START_DEADLINE_S
        while not _accepts(self._ports[service]):
            if process.poll() is not None or time.monotonic() > deadline:
                said = output.read_text(errors="replace").strip().splitlines()[-1:]
                raise ActionError(f"{service} did not start: {said[0] if said else 'it wrote nothing'}")
            time.sleep(0.02)

    def _checkout(self, commit: str) -> Path:
        folder = self._prepared("checkouts") / commit
        if not folder.exists():
            git(self._repository, "worktree", "add", "--quiet", "--detach", str(folder.resolve()), commit)
        return folder

    def _environment(self, service: str, instance: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_"))}
        addresses = {name: self.url(name) for name in self._ports}
        telemetry = self.telemetry if service in SERVICES else self._folder / "unseen"
        telemetry.mkdir(parents=True, exist_ok=True)
        return {
            **inherited,
            "SHOP_PORT": str(self._ports[service]),
            "SHOP_ADDRESSES": json.dumps(addresses),
            "SHOP_STATE": str(self._prepared("state").resolve()),
            "SHOP_TELEMETRY": str(telemetry.resolve()),
            "SHOP_INSTANCE": instance,
            "SHOP_SCRAPE_INTERVAL_S": str(self._interval_s),
        }

    def _prepared(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _free_ports(count: int) -> list[int]:
    """Ports free at this moment, all different because all are held until the last is known."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # requests under way are finished first
    try:
        process.wait(_STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
