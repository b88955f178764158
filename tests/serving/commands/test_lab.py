from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from data.errors import InputError, StoreError
from data.lab.lab import SERVICES, Lab
from serving.commands.lab import command


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "lab"
    Lab(tmp_path / "lab").down()


def call(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--state-dir", str(state), *arguments])


def test_every_fault_is_listed_with_its_culprit_and_cause(state: Path) -> None:
    faults = json.loads(call(state, "faults", "--json").stdout)
    assert len(faults) >= 16
    keys = {"name", "kind", "mechanism", "expected_culprit", "change_caused"}
    assert all(keys <= {*fault} for fault in faults)
    assert {fault["name"] for fault in faults if fault["change_caused"]} >= {"n-plus-one", "flag-flip"}
    assert not state.exists()


def test_a_shop_that_was_never_started_is_down(state: Path) -> None:
    assert call(state, "status").exit_code == 1
    assert "nothing was running" in call(state, "down").stdout
    refused = call(state, "load")
    assert isinstance(refused.exception, StoreError)
    assert "qai-sre lab up" in str(refused.exception)


def test_up_break_heal_down(state: Path) -> None:
    started = call(state, "up", "--no-load")
    assert started.exit_code == 0, started.output
    status = json.loads(call(state, "status", "--json").stdout)
    assert status["up"]
    assert [service["name"] for service in status["services"]] == list(SERVICES)
    broken = call(state, "break", "bad-url", "--innocent", "0", "--json")
    assert broken.exit_code == 0, broken.output
    truth = json.loads(broken.stdout)
    assert (truth["fault"], truth["services"]) == ("bad-url", ["payment"])
    assert "bad-url is out" in call(state, "heal").stdout
    assert "every service runs the newest code" in call(state, "deploy").stdout
    assert "stopped 8 processes" in call(state, "down").stdout
    assert call(state, "status").exit_code == 1


def test_a_fault_there_is_none_of_is_a_mistake_of_the_callers(state: Path) -> None:
    failed = call(state, "break", "fire")
    assert isinstance(failed.exception, InputError)
    assert "no fault 'fire'" in str(failed.exception)
