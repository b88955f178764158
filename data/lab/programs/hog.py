"""Takes what others need: ``cpu`` spins beside a process, ``throttle`` lets it run a share of the time only,
``connections`` occupies a server with requests that never end, ``lock`` holds a database's write lock.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

_THROTTLE_PERIOD_S = 0.1


def cpu(beside: int, count: int) -> None:
    """Spin in ``count`` processes, all on one core with ``beside`` and its threads."""
    core = {min(os.sched_getaffinity(beside))}
    for task in Path(f"/proc/{beside}/task").iterdir():
        os.sched_setaffinity(int(task.name), core)
    os.sched_setaffinity(0, core)
    parent = os.getpid()
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()  # the scheduler shares a core out by session first: each is to have a share of its own
            while os.getppid() == parent:
                sum(range(200_000))
            raise SystemExit(0)
    signal.pause()


def throttle(pid: int, share: float) -> None:
    """Stop ``pid`` for all but ``share`` of every tenth of a second, as a CPU quota does to a container."""

    def let_go(*_: object) -> None:
        os.kill(pid, signal.SIGCONT)
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, let_go)
    while True:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(_THROTTLE_PERIOD_S * (1 - share))
        os.kill(pid, signal.SIGCONT)
        time.sleep(_THROTTLE_PERIOD_S * share)


def connections(port: int, count: int) -> None:
    """Keep ``count`` requests to ``port`` under way that send their headers and never their body."""
    begun = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\n"
    held: list[socket.socket] = []
    while True:
        held = [each for each in held if not _closed(each)]
        while len(held) < count:
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(begun)
            one.setblocking(False)
            held.append(one)
        time.sleep(0.2)


def _closed(one: socket.socket) -> bool:
    try:
        return not one.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        return True


def lock(path: Path, hold_s: float, pause_s: float) -> None:
    """Hold the write lock of the SQLite database at ``path`` for ``hold_s`` seconds, again and again."""
    database = sqlite3.connect(path, timeout=30, isolation_level=None)
    while True:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(hold_s)
        database.execute("ROLLBACK")
        time.sleep(pause_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("cpu")
    one.add_argument("--beside", type=int, required=True)
    one.add_argument("--count", type=int, required=True)
    one = kinds.add_parser("throttle")
    one.add_argument("--pid", type=int, required=True)
    one.add_argument("--share", type=float, required=True)
    one = kinds.add_parser("connections")
    one.add_argument("--port", type=int, required=True)
    one.add_argument("--count", type=int, required=True)
    one = kinds.add_parser("lock")
    one.add_argument("--path", type=Path, required=True)
    one.add_argument("--hold-s", type=float, required=True)
    one.add_argument("--pause-s", type=float, required=True)
    chosen = vars(parser.parse_args())
    takers: dict[str, Callable[..., None]] = {
        "cpu": cpu,
        "throttle": throttle,
        "connections": connections,
        "lock": lock,
    }
    takers[chosen.pop("kind")](**chosen)


if __name__ == "__main__":
    main()
