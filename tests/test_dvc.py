"""The pipeline that makes rankers: dvc can read it, and what its stages depend on is there.

Running it takes minutes: `make repro`. What each stage does is tested where its module is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.datasets.synthetic import synthesize
from pipelines.prepare import examples_of

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    """Every stage by name; those of a loop under the loop's name."""
    raw = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in raw.items()}


def paths(stage: dict[str, Any], *kinds: str) -> list[str]:
    entries = [entry for kind in kinds for entry in stage.get(kind, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def test_dvc_lists_the_stages_in_the_order_of_the_flow() -> None:
    pytest.importorskip("dvc", reason="needs the extra 'learn'")
    command = [sys.executable, "-m", "dvc", "stage", "list", "--name-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    names = [name.partition("@")[0] for name in done.stdout.split()]
    assert list(dict.fromkeys(names)) == ["prepare", "train", "evaluate", "promote"]


def test_a_stage_runs_a_module_and_depends_on_it(stages: dict[str, Any]) -> None:
    for name, stage in stages.items():
        [module] = re.findall(r"python -m (\S+)", stage["cmd"])
        assert find_spec(module), name
        assert module.replace(".", "/") + ".py" in paths(stage, "deps"), name


def test_what_a_stage_depends_on_is_there_or_made_by_another(stages: dict[str, Any]) -> None:
    made = [path for stage in stages.values() for path in paths(stage, "outs", "metrics", "plots")]
    patterns = [re.compile(re.escape(path).replace(r"\$\{item\}", r"\w+") + "$") for path in made]
    for name, stage in stages.items():
        for path in paths(stage, "deps"):
            assert (ROOT / path).exists() or any(pattern.match(path) for pattern in patterns), f"{name}: {path}"


def test_boards_are_made_again_when_what_makes_them_changes(stages: dict[str, Any]) -> None:
    """Every module of ours that has a part in making a board is among the stage's dependencies."""
    case = synthesize((7, 2), services=(5, 6))
    examples_of(case, 0, 0)  # whatever is loaded when first used is loaded now
    used: set[str] = set()
    sys.setprofile(lambda frame, event, argument: used.add(frame.f_code.co_filename))
    try:
        examples_of(synthesize((7, 3), services=(5, 6)), 0, 0)
    finally:
        sys.setprofile(None)
    ours = {
        str(path.relative_to(ROOT)) for path in map(Path, used) if ROOT in path.parents and ".venv" not in path.parts
    }
    deps = paths(stages["prepare"], "deps")
    missing = {path for path in ours if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)}
    assert not missing - {"tests/test_dvc.py", "data/domain.py", "pipelines/fan_out.py"}
