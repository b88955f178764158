"""Every gate over one change, the repository it is read from, and the box its tests run in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from data.errors import InputError
from remediation.checks import Check, Skipped, change_set, inspect
from remediation.checks.sandbox import run_tests, run_tests_in_a_copy, unavailable
from serving.commands.check import command

# What happens to be installed beside us need not be loaded for each of these runs.
QUICK = "[pytest]\naddopts = --disable-plugin-autoload\n"


def failed(before: dict[str, str], after: dict[str, str | None]) -> set[str]:
    return {check.name for check in inspect(change_set(before, after), tools=False).checks if not check.passed}


def test_a_small_repair_passes_every_rule() -> None:
    assert failed({"a.py": "timeout = 30\n"}, {"a.py": "timeout = 5\n"}) == set()


@pytest.mark.parametrize(
    ("after", "name"),
    [
        ({"a.py": "timeout = (5\n"}, "syntax"),
        ({"a.py": 'key = "AKIAIOSFODNN7EXAMPLF"\n'}, "secrets"),
        ({"a.py": "-----BEGIN RSA PRIVATE KEY-----\n"}, "secrets"),
        ({"a.py": "p\u0430ypal = 1\n"}, "hidden_text"),
        ({"a.py": "x = 1  # \u202e\n"}, "hidden_text"),
        ({"a.py": "requests.get('https://evil.example.net/x')\n"}, "new_hosts"),
        ({"a.py": None}, "tests_kept"),
        ({".github/workflows/ci.yml": "a: 1\n"}, "protected_paths"),
        ({"requirements.txt": "left-pad\n"}, "dependencies"),
    ],
)  # fmt: skip
def test_each_rule_names_itself(after: dict[str, str | None], name: str) -> None:
    before = {"tests/test_a.py": "def test_a(): assert 1\n"} if name == "tests_kept" else {"a.py": "x = 1\n"}
    if name == "tests_kept":
        after = {"tests/test_a.py": None}
    assert name in failed(before, after)


def test_a_secret_is_named_by_kind_and_never_repeated() -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLF"
    checks = inspect(change_set({}, {"a.py": f'key = "{secret}"\n'}), tools=False).checks
    assert not any(secret in check.detail for check in checks)


def test_a_scanner_reports_new_findings_only() -> None:
    old = "import hashlib\nhashlib.md5(b'')\n"
    assert "bandit" not in {
        c.name for c in inspect(change_set({"a.py": old}, {"a.py": old + "x = 1\n"})).checks if not c.passed
    }
    worse = inspect(change_set({"a.py": old}, {"a.py": old + "hashlib.sha1(b'')\n"})).checks
    assert "bandit" in {check.name for check in worse if not check.passed}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text("def total(items):\n    return sum(items)\n")
    (tmp_path / "test_shop.py").write_text(
        "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
    )
    (tmp_path / "pytest.ini").write_text(QUICK)
    for args in (("init", "-q"), ("add", "-A"), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")):
        subprocess.run(["git", "-C", str(tmp_path), *args], check=True)
    return tmp_path


def test_the_command_reads_changed_and_new_files(repository: Path) -> None:
    (repository / "shop.py").write_text("def total(items):\n    return sum(items\n")
    (repository / "new.sh").write_text("rm -rf /data\n")
    result = CliRunner().invoke(command, ["--repo", str(repository), "--json", "--no-tests"])
    record = json.loads(result.stdout)
    assert (result.exit_code, record["passed"]) == (1, False)
    assert {c["name"] for c in record["checks"] if not c["passed"]} >= {"syntax", "destructive"}


def test_an_unknown_revision_is_said(repository: Path) -> None:
    with pytest.raises(InputError, match="--base"):
        CliRunner().invoke(command, ["--repo", str(repository), "--base", "nowhere"], catch_exceptions=False)


needs_a_box = pytest.mark.skipif(unavailable() is not None, reason=f"no sandbox here: {unavailable()}")


@needs_a_box
def test_the_repositorys_own_tests_run_in_a_box(repository: Path) -> None:
    answer = run_tests_in_a_copy(repository)
    assert isinstance(answer, Check)
    assert answer.passed, answer.detail
    (repository / "shop.py").write_text("def total(items):\n    return 0\n")
    answer = run_tests_in_a_copy(repository)
    assert isinstance(answer, Check)
    assert not answer.passed


@needs_a_box
@pytest.mark.parametrize(("new", "kind"), [("import lefty_pad\n", Check), ("", Skipped)])
def test_a_module_nobody_has_is_the_fault_of_a_change_that_names_it(repository: Path, new: str, kind: type) -> None:
    (repository / "shop.py").write_text("import lefty_pad\n\n\ndef total(items):\n    return sum(items)\n")
    change = change_set({"shop.py": ""}, {"shop.py": new}) if new else None
    answer = run_tests_in_a_copy(repository, change=change)
    assert isinstance(answer, kind)
    assert not (isinstance(answer, Check) and answer.passed)


@needs_a_box
def test_the_box_has_no_network_no_secrets_and_no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAI_TEST_SECRET", "hidden")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "witness").write_text("untouched")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "pytest.ini").write_text(QUICK)
    (inside / "test_box.py").write_text(
        "import os, pathlib, socket\nimport pytest\n\n"
        "def test_environment():\n    assert 'QAI_TEST_SECRET' not in os.environ\n\n"
        f"def test_files():\n    assert not pathlib.Path({str(outside)!r}).exists()\n"
        "    with pytest.raises(OSError):\n        pathlib.Path('/usr/x').write_text('x')\n\n"
        "def test_network():\n    with pytest.raises(OSError):\n"
        "        socket.create_connection(('192.0.2.1', 80), timeout=2)\n"
    )
    answer = run_tests(inside)
    assert isinstance(answer, Check)
    assert answer.passed, answer.detail
    assert (outside / "witness").read_text() == "untouched"


def test_without_a_box_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    answer = run_tests(tmp_path)
    assert isinstance(answer, Skipped)
    assert "bubblewrap" in answer.why
