"""Processes that outlive the command that started them: recorded by process id, each in a session of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Every process we start, and every process it starts, carries this with the lab's folder as its value.
MARK = "QAI_LAB_STATE"
_STOP_DEADLINE_S = 8.0


@dataclass(frozen=True)
class Process:
    """A process we started. ``started`` tells it from a later one with the same id; empty where unknown."""

    name: str
    pid: int
    started: str
    output: str

    @property
    def is_alive(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # else a child of ours that has ended stays as a zombie
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return _started(self.pid) == self.started

    def said(self) -> str:
        """The last line it wrote."""
        with contextlib.suppress(OSError):
            lines = Path(self.output).read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else "it wrote nothing"
        return "it wrote nothing"


class Processes:
    """The processes of one lab, in ``folder``: one small file each, with what is needed to stop it."""

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder = folder
        self._mark = mark

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        before_exec: Callable[[], None] | None = None,
    ) -> Process:
        """Start ``command`` under ``name``, which must not be in use."""
        self._folder.mkdir(parents=True, exist_ok=True)
        output = self._folder / f"{name}.txt"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GIT_"))}
        with output.open("wb") as stream:
            child = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**inherited, **(environment or {}), MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before_exec,
            )
        child.returncode = 0  # it is meant to go on: no warning when this object is collected
        process = Process(name, child.pid, _started(child.pid), str(output))
        record = self._record(name)
        record.with_suffix(".new").write_text(json.dumps(asdict(process)))
        record.with_suffix(".new").replace(record)
        return process

    def get(self, name: str) -> Process | None:
        """The process of that name, if it lives."""
        try:
            process = Process(**json.loads(self._record(name).read_text()))
        except FileNotFoundError:
            return None
        return process if process.is_alive else None

    def all(self) -> list[Process]:
        """Every recorded process that lives."""
        names = sorted(path.stem for path in self._folder.glob("*.json"))
        return [process for name in names if (process := self.get(name)) is not None]

    def stop(self, names: Iterable[str]) -> None:
        """Stop these and whatever they started: asked to first, made to after some seconds."""
        records = [Process(**json.loads(p.read_text())) for name in names if (p := self._record(name)).exists()]
        living = [process for process in records if process.is_alive]
        for process in living:
            _signal(process, signal.SIGCONT)  # a stopped process hears nothing else
            _signal(process, signal.SIGTERM)
        _await_end(living, _STOP_DEADLINE_S)
        for process in living:
            _signal(process, signal.SIGKILL)
        _await_end(living, _STOP_DEADLINE_S)
        for process in records:
            self._record(process.name).unlink(missing_ok=True)

    def stop_all(self) -> int:
        """Stop every process of this lab, also those a crash left unrecorded; returns how many there were."""
        recorded = self.all()
        self.stop([path.stem for path in self._folder.glob("*.json")])
        strays = [Process("", pid, _started(pid), "") for pid in self.strays()]
        for stray in strays:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stray.pid, signal.SIGKILL)
        _await_end(strays, _STOP_DEADLINE_S)
        return len(recorded) + len(strays)

    def strays(self) -> list[int]:
        """Process ids that carry this lab's mark and are not recorded; empty where ``/proc`` does not exist."""
        recorded = {process.pid for process in self.all()}
        wanted = f"{MARK}={self._mark}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                marked = wanted in (entry / "environ").read_bytes().split(b"\0")
                if marked and int(entry.name) not in recorded and _started(int(entry.name)):
                    found.append(int(entry.name))
        return found

    def _record(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _started(pid: int) -> str:
    """When the kernel started ``pid``, in its own ticks; empty for one that is gone, or where ``/proc`` is."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _signal(process: Process, number: signal.Signals) -> None:
    # It leads its session and its process group, so its children hear it too.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _await_end(processes: Iterable[Process], deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    for process in processes:
        while process.is_alive and time.monotonic() < end:
            time.sleep(0.02)
