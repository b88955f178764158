"""Peers run in another process: answers come back, slowness and crashes are told apart and survived."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data.domain import Alert
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64
from pipelines.peers import CATALOGUE, ask, process

T0 = datetime(2024, 1, 1, tzinfo=UTC)
ALERT = Alert(id="x", source="test", service="a", title="", fired_at=T0 + timedelta(seconds=30), group="x")
# A library of another world: it ranks columns by the distance of their last value from their first.
LIBRARY = """
import json, os, sys
import numpy as np
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "dies":
        os._exit(3)
    if request["method"] == "hangs":
        import select
        select.select([], [], [])
    stored = np.load(request["file"])
    moved = np.abs(stored["values"][-1] - stored["values"][0])
    order = np.argsort(-moved)
    print(json.dumps({"ranked": [str(stored["columns"][i]) for i in order], "pid": os.getpid()}), flush=True)
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.py"
    path.write_text(LIBRARY)
    return path


def telemetry(jump: float = 5.0) -> Telemetry:
    values = np.zeros((60, 3))
    values[30:, 1] = jump
    clock = to_datetime64(T0) + np.arange(60) * np.timedelta64(1, "s")
    return Telemetry(Metrics(clock, tuple(SeriesKey(name, "cpu") for name in ("a", "b", "c")), values))


def test_a_peer_ranks_services_and_is_not_asked_twice(library: Path, tmp_path: Path) -> None:
    interpreter = Path(sys.executable)
    with process.opened(interpreter, tmp_path / "answers", script=library) as peers:
        rank = peers.ranker("any")
        first = rank(ALERT, telemetry())
        assert max(first.services, key=first.services.__getitem__) == "b"
        assert set(first.services) == {"a", "b", "c"}
        assert first.failure is None
    library.write_text("raise SystemExit")
    with process.opened(interpreter, tmp_path / "answers", script=library) as peers:
        assert peers.ranker("any")(ALERT, telemetry()) == first
        assert peers.ranker("any")(ALERT, telemetry(7.0)).failure == "its process ended without an answer"
        assert peers.ranker("another")(ALERT, telemetry()).failure == "its process ended without an answer"


def test_a_dead_or_silent_process_is_replaced_and_its_answer_forgotten(library: Path, tmp_path: Path) -> None:
    with process.opened(Path(sys.executable), tmp_path / "answers", script=library, cpu_s=0.02) as peers:
        for method in ("dies", "hangs"):
            assert peers.ranker(method)(ALERT, telemetry()).failure == "its process ended without an answer"
        assert not (tmp_path / "answers").exists()


def test_processes_end_with_the_block(library: Path) -> None:
    asked = process.PeerProcess(Path(sys.executable), library)
    file = library.with_name("q.npz")
    np.savez(file, values=np.eye(2), columns=np.array(["s0_m0", "s1_m1"]), split=1)
    answer = asked.ask({"method": "any", "file": str(file)}, 60)
    assert answer is not None
    asked.close()
    assert not Path(f"/proc/{answer['pid']}").exists() or not Path("/proc").exists()
    asked.close()


def test_without_metrics_nobody_is_asked(tmp_path: Path) -> None:
    with process.opened(tmp_path / "no-such-python", tmp_path) as peers:
        assert peers.ranker("baro")(ALERT, Telemetry()).failure == "no metrics on both sides of the alert"


def test_the_script_knows_every_peer() -> None:
    assert set(ask.METHODS) == set(CATALOGUE)


@pytest.mark.parametrize(
    ("method", "said"),
    [("unable", "ValueError: no root"), ("endless", "no answer within 0.05 s of processor time")],
)
def test_the_script_says_what_a_library_raised_and_stops_what_never_ends(
    method: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    def unable(frame: object, split: int) -> list[str]:
        raise ValueError("no root")

    def endless(frame: object, split: int) -> list[str]:
        while True:
            pass

    monkeypatch.setattr(ask, "METHODS", {"unable": unable, "endless": endless})
    np.savez(tmp_path / "q.npz", values=np.eye(2), columns=np.array(["s0_m0", "s1_m1"]), split=1)
    before = signal.signal(signal.SIGPROF, ask._give_up)
    try:
        answer = ask._answer({"method": method, "file": str(tmp_path / "q.npz"), "seed": 0, "cpu_s": 0.05})
    finally:
        signal.signal(signal.SIGPROF, before)
    assert answer == {"error": said}
