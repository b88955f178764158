from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from serving.cli import _COMMANDS, cli


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert all(name in shown for name in _COMMANDS)


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_command_has_help_and_its_one_liner_is_its_own(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output


def test_help_imports_nothing_heavy() -> None:
    script = "import sys; from serving.cli import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    heavy = {"pandas", "numpy", "fastapi", "sqlalchemy", "dbos", "pydantic", "networkx", "drain3"}
    assert not heavy & set(shown.split())
