"""The Bento is whole: built here, it answers in an environment that holds none of this project.

By default that environment borrows the libraries installed here. With QAI_TEST_INSTALL=1 it installs what the Bento
asks for from the package index instead, which takes minutes.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from data.incidents import shipped_incident
from data.sources.bundle import read_alert, read_telemetry
from pipelines.champion import champion_below
from pipelines.scoring.telemetry import write_message
from serving.scoring.process import scoring_process

pytest.importorskip("bentoml")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).resolve().parents[3]
FROM_INDEX = os.environ.get("QAI_TEST_INSTALL") == "1"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QAI_"))}
    home = tmp_path_factory.mktemp("bentoml")
    return {**kept, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture(scope="module")
def bento(environment: dict[str, str]) -> Path:
    # Pre-built files that are not part of a checkout stay out by the list in bentofile.yaml, not by luck.
    command = [sys.executable, "-m", "bentoml", "build", "--version", "test", str(ROOT)]
    done = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return Path(environment["BENTOML_HOME"]) / "bentos" / "qai_scoring" / "test"


@pytest.fixture(scope="module")
def python(bento: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("clean") / "venv"
    pip = [] if FROM_INDEX else ["--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *pip, str(folder)], check=True, timeout=120)
    interpreter = folder / "bin" / "python"
    if FROM_INDEX:
        asked = str(bento / "env" / "python" / "requirements.txt")
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "-r", asked], check=True, timeout=1100)
    else:
        [site] = folder.glob("lib/python*/site-packages")
        # A path in a .pth file is searched for modules, not for .pth files: an editable install stays unseen.
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return str(interpreter)


def test_it_holds_what_it_needs_and_no_more(bento: Path) -> None:
    source = bento / "src"
    assert (source / "models" / "champion.json").is_file()
    assert not (source / "tests").exists()
    assert not list(source.glob("data/lab/**/*.py"))
    assert not [path for path in source.rglob("*") if path.name.startswith(".") or path.suffix in {".sqlite", ".pkl"}]
    assert sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) < 20_000_000


def test_it_answers_where_this_project_is_not_installed(
    bento: Path, python: str, environment: dict[str, str], tmp_path: Path
) -> None:
    alone = subprocess.run(
        [python, "-c", "import serving"], env=environment, cwd=tmp_path, capture_output=True, timeout=60
    )
    assert alone.returncode != 0, "the environment is not clean"
    elsewhere = shutil.copytree(bento, tmp_path / "bento")
    shutil.rmtree(bento)
    extra = {**environment, "PYTHONPATH": "", "QAI_SCORING_TOKEN": "t" * 20, "QAI_STATE_DIR": str(tmp_path / "state")}
    alert, telemetry = read_alert(shipped_incident()), read_telemetry(shipped_incident())
    question = {"alert": alert.model_dump(mode="json"), "telemetry": write_message(telemetry)}
    with scoring_process(str(elsewhere), extra, arguments=[python], cwd=tmp_path) as url:
        headers = {"Authorization": f"Bearer {'t' * 20}"}
        answer = httpx.post(f"{url}/diagnose", json=question, headers=headers, timeout=120.0)
    assert answer.status_code == 200, answer.text
    here = champion_below(tmp_path / "nothing").investigate(alert, telemetry)
    assert answer.json()["diagnosis"] == here.model_dump(mode="json")
