"""Asking the peers: a process that answers one question at a time, and is ended when it takes too long."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.domain import Alert
from data.telemetry import Telemetry
from pipelines.evaluate import Answer, Ranker
from pipelines.peers import wire

SCRIPT = Path(__file__).with_name("ask.py")
# Of processor time, which the script itself watches; a process that says nothing for much longer is ended.
CPU_S = 60.0
PATIENCE = 20.0
# One core each: methods are compared at the same cost, and two run side by side.
ONE_CORE = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}


class PeerProcess:
    """The peers' interpreter running ``script``; started at the first question, and again after it was ended."""

    def __init__(self, interpreter: Path, script: Path = SCRIPT) -> None:
        self._command = [str(interpreter), "-I", str(script)]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any], wait_s: float) -> dict[str, Any] | None:
        """The answer as the script gave it; None where it ended, or was ended after ``wait_s`` without one."""
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], wait_s)
            line = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            line = b""
        if not line:
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):  # what was still to be written to it
                pipe.close() if pipe else None
        process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ONE_CORE},
        )


@dataclass(frozen=True)
class Remembered:
    """Answers of peers on disk: they do not change with our own ranking, and some take half a minute each."""

    folder: Path

    def get(self, key: str) -> dict[str, Any] | None:
        try:
            stored: dict[str, Any] = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return stored

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, delete=False, encoding="utf-8") as file:
            json.dump(answer, file)
        Path(file.name).replace(self.folder / f"{key}.json")


@dataclass(frozen=True)
class Peers:
    """The peers as rankers. Asks as many at once as there are processes; open it with :func:`opened`."""

    processes: queue.Queue[PeerProcess]
    remembered: Remembered
    scratch: Path
    seed: int = 0
    cpu_s: float = CPU_S

    def ranker(self, method: str) -> Ranker:
        """``method``, told the alert's time and nothing else as the beginning of the incident."""
        return lambda alert, telemetry: self._rank(method, alert, telemetry)

    def _rank(self, method: str, alert: Alert, telemetry: Telemetry) -> Answer:
        question = wire.question_of(telemetry.metrics, alert.fired_at, seed=self.seed)
        if question is None:
            return Answer({}, failure="no metrics on both sides of the alert")
        answer = self._answer(method, question)
        if "error" in answer:
            return Answer({}, failure=answer["error"])
        return Answer(wire.services_of(answer["ranked"], question))

    def _answer(self, method: str, question: wire.Question) -> dict[str, Any]:
        key = self._key(method, question)
        known = self.remembered.get(key)
        if known is not None:
            return known
        file = self.scratch / f"{key}.npz"
        np.savez(file, values=question.values, columns=np.array(question.columns), split=question.split)
        process = self.processes.get()
        try:
            request = {"method": method, "file": str(file), "seed": self.seed, "cpu_s": self.cpu_s}
            answer = process.ask(request, PATIENCE * self.cpu_s)
        finally:
            self.processes.put(process)
            file.unlink()
        if answer is None:
            return {"error": "its process ended without an answer"}
        self.remembered.put(key, answer)
        return answer

    def _key(self, method: str, question: wire.Question) -> str:
        head = json.dumps([method, self.seed, self.cpu_s, question.columns, question.split])
        digest = hashlib.sha256(head.encode())
        digest.update(np.ascontiguousarray(question.values).tobytes())
        return digest.hexdigest()[:24]


@contextlib.contextmanager
def opened(
    interpreter: Path,
    remembered: Path,
    *,
    jobs: int = 1,
    seed: int = 0,
    cpu_s: float = CPU_S,
    script: Path = SCRIPT,
) -> Iterator[Peers]:
    """Peers with ``jobs`` processes, which end with the block."""
    everybody = [PeerProcess(interpreter, script) for _ in range(jobs)]
    idle: queue.Queue[PeerProcess] = queue.Queue()
    for process in everybody:
        idle.put(process)
    try:
        with tempfile.TemporaryDirectory(prefix="qai-peers-") as scratch:
            yield Peers(idle, Remembered(remembered), Path(scratch), seed, cpu_s)
    finally:
        for process in everybody:
            process.close()
