"""Real processes: nothing may be left of them, whatever happened to the records."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from data.lab.lab import Lab
from data.lab.processes import Processes

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "processes", str(tmp_path))


def test_another_handle_on_the_folder_can_stop_it(processes: Processes, tmp_path: Path) -> None:
    started = processes.start("sleeper", FOREVER)
    other = Processes(tmp_path / "processes", str(tmp_path))
    assert other.get("sleeper") == started
    assert other.stop_all() == 1
    assert not started.is_alive
    assert other.stop_all() == 0


def test_its_children_end_with_it(processes: Processes) -> None:
    code = f"import subprocess, time; subprocess.Popen({FOREVER!r}); print('up', flush=True); time.sleep(600)"
    parent = processes.start("parent", [sys.executable, "-c", code])
    _until_it_says(parent.output, "up")
    processes.stop(["parent"])
    assert processes.strays() == []


def test_what_ignores_a_request_is_made_to_stop(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.lab.processes._STOP_DEADLINE_S", 0.5)
    stubborn = processes.start("stubborn", STUBBORN)
    _until_it_says(stubborn.output, "up")
    processes.stop(["stubborn"])
    assert not stubborn.is_alive


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to find what was not recorded")
def test_what_a_crash_left_unrecorded_is_found(processes: Processes, tmp_path: Path) -> None:
    lost = processes.start("lost", FOREVER)
    (tmp_path / "processes" / "lost.json").unlink()
    assert processes.strays() == [lost.pid]
    assert processes.stop_all() == 1
    assert not lost.is_alive


def test_a_later_process_with_the_same_id_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    mine = processes.start("mine", FOREVER)
    record = tmp_path / "processes" / "mine.json"
    record.write_text(record.read_text().replace(f'"started": "{mine.started}"', '"started": "1"'))
    try:
        assert processes.get("mine") is None
        processes.stop(["mine"])
        assert mine.is_alive
    finally:
        processes.stop_all()
    assert not mine.is_alive


def test_down_leaves_nothing_behind(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "state", interval_s=1.0)
    try:
        lab.up()
        lab.start_load()
        lab.break_("cpu-throttling", innocent=0)
    finally:
        stopped = lab.down()
    assert stopped == 10  # seven services, the gateway, the customers, the throttle
    assert lab.processes.all() == []
    assert lab.processes.strays() == []
    assert not lab.status().is_up


def _until_it_says(output: str, word: str) -> None:
    deadline = time.monotonic() + 10
    while word not in Path(output).read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert word in Path(output).read_text()
