"""The installed command, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

QAI = Path(sys.executable).with_name("qai-sre")

pytestmark = pytest.mark.skipif(not QAI.exists(), reason="the package is not installed (make test installs it)")


def qai(*args: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QAI_")}
    return subprocess.run(
        [str(QAI), *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_run_once_opens_a_pull_request_and_exits_0(tmp_path: Path) -> None:
    done = qai("run", "--once", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["status"] == "awaiting_approval"
    assert record["headline"][0].startswith("What broke: ")
    branch = record["pull_request"]["branch"]
    log = subprocess.run(
        ["git", "-C", record["pull_request"]["repository"], "log", "-1", "--format=%B", branch],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert record["incident"] in log.stdout


def test_run_twice_in_one_place_shows_a_new_incident_each_time(tmp_path: Path) -> None:
    first, second = (json.loads(qai("run", "--once", "--json", cwd=tmp_path).stdout) for _ in range(2))
    assert first["incident"] != second["incident"]
    assert second["status"] == "awaiting_approval"
    assert qai("verify-audit", cwd=tmp_path).stdout.startswith("audit log intact: ")


def test_diagnose_answers_one_object_a_line_in_the_order_given(tmp_path: Path) -> None:
    from data.incidents import shipped_incident

    done = qai("diagnose", str(shipped_incident()), "nowhere", str(shipped_incident()), "--json", cwd=tmp_path)
    assert done.returncode == 1
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert first == third
    assert {"candidates", "changes", "no_change_probability", "severity", "blast_radius", "unseen"} <= set(first)
    assert {"service", "indicator", "probability", "evidence", "path", "faint"} == set(first["candidates"][0])
    assert "not found" in second["error"]


def test_diagnose_begins_with_what_broke_why_and_how_sure(tmp_path: Path) -> None:
    from data.incidents import shipped_incident

    lines = qai("diagnose", str(shipped_incident()), cwd=tmp_path).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[1:4]] == ["What broke", "Why", "How sure"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["nonsense"], 2, "no such command"),
        (["diagnose"], 2, "BUNDLE"),
        (["diagnose", "x", "--as-of", "soon"], 2, "--as-of"),
        (["bench", "rca", "--dataset", "rcd", "--path", "nowhere"], 2, "nowhere"),
    ],
)
def test_mistakes_are_said_on_stderr_with_a_code(tmp_path: Path, args: list[str], code: int, words: str) -> None:
    done = qai(*args, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QAI_PORT=eighty\n")
    done = qai("run", "--once", cwd=tmp_path)
    assert (done.returncode, "QAI_PORT" in done.stderr) == (2, True)


def test_login_prints_a_link(tmp_path: Path) -> None:
    assert "/login?token=" in qai("login", cwd=tmp_path).stdout
