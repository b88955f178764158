"""The import packages are top-level folders: nothing installed beside them may shadow them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["data", "models", "remediation", "pipelines", "serving"])
def test_a_package_is_ours_also_in_isolated_mode(package: str, tmp_path: Path) -> None:
    script = f"import {package}; print({package}.__file__)"
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip("the package is not installed (make test installs it)")
    assert Path(done.stdout.strip()) == ROOT / package / "__init__.py"
