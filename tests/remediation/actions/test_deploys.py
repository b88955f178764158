"""A stop takes hold within an action that writes several times: before its next write."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.brake import Brake
from data.domain import Change, ChangeKind, now
from data.errors import StoppedError
from data.lab.lab import SERVICES, Lab
from remediation.actions.lab import LabPlatform


class Deploying(Lab):
    """A lab whose every service has something new, each taking a moment to come up."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.done: list[tuple[str, float]] = []

    def head(self) -> str:
        return "abc"

    def differs(self, service: str, commit: str) -> bool:
        return True

    def deploy(self, service: str, commit: str) -> Change:
        time.sleep(0.02)
        self.done.append((service, time.monotonic()))
        return Change(id=service, kind=ChangeKind.deploy, timestamp=now(), service=service)


@pytest.fixture
def lab(tmp_path: Path) -> Deploying:
    return Deploying(tmp_path)


@pytest.mark.parametrize("by", ["command", "file"])
def test_a_deploy_of_many_services_halts_between_two(
    lab: Deploying, engine: sa.Engine, tmp_path: Path, by: str
) -> None:
    brake = Brake.of(engine, tmp_path)
    stopped: list[float] = []

    def stop_soon() -> None:
        time.sleep(0.05)
        if by == "file":
            brake.file.touch()
        else:
            brake.stop("ann", "now")
        stopped.append(time.monotonic())

    def deploy_on_and_on() -> None:
        for _ in range(100):
            LabPlatform(lab).deploy(brake.check)

    thread = threading.Thread(target=stop_soon)
    thread.start()
    with pytest.raises(StoppedError):
        deploy_on_and_on()
    thread.join()
    # What was under way when the stop was made may still end.
    assert sum(at > stopped[0] for _, at in lab.done) <= 1
    assert lab.done[-1][1] - stopped[0] < 1.0


def test_a_service_that_is_stopped_is_not_touched(lab: Deploying, engine: sa.Engine, tmp_path: Path) -> None:
    brake, last = Brake.of(engine, tmp_path), SERVICES[-1]
    brake.stop("ann", service=last)
    with pytest.raises(StoppedError, match=f"{last} was stopped by ann"):
        LabPlatform(lab).deploy(brake.check)
    assert [service for service, _ in lab.done] == list(SERVICES[:-1])
