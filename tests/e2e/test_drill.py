"""Game days on the live shop: broken for real, noticed, understood, fixed and well again, unaided but for a yes.

Two shops at once, two faults one after the other on each: some five minutes of real time, most of it waiting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

QAI = Path(sys.executable).with_name("qai-sre")
GAME_DAYS = (("n-plus-one", "exception-on-branch"), ("missing-index", "flag-flip"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.game_day,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="the lab runs on Linux only"),
    pytest.mark.skipif(not QAI.exists(), reason="the package is not installed (make test installs it)"),
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the drills said of each fault."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QAI_")}
    days = []
    for faults in GAME_DAYS:
        command = [str(QAI), "lab", "drill", *faults, "--approve", "--json"]
        folder = tmp_path_factory.mktemp("drill")
        days.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True))
    try:
        said = [day.communicate()[0] for day in days]
    finally:
        for day in (day for day in days if day.poll() is None):
            day.send_signal(signal.SIGINT)  # as Ctrl-C: it takes its shop down
            day.wait(60)
    assert [day.returncode for day in days] == [0, 0]
    return {record["fault"]: record for record in map(json.loads, "".join(said).splitlines())}


@pytest.mark.parametrize("fault", [fault for day in GAME_DAYS for fault in day])
def test_the_shop_is_broken_and_well_again(fault: str, records: dict[str, dict[str, Any]]) -> None:
    record = records[fault]
    assert record["services"][0]["service"] in record["truth"]["services"], record
    assert record["changes"][0]["id"] in record["truth"]["changes"], record
    assert record["recovered"], record
    assert record["mttr_s"] > record["detected_after_s"] > 0
