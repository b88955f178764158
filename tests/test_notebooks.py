"""Every notebook runs, cell by cell, on what is in the repository; notebooks show what the code does and are none."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
notebooks = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in cells if cell["cell_type"] == "code"]


@notebooks
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("QAI_NOTEBOOK_INCIDENTS", "9")
    monkeypatch.setenv("QAI_NOTEBOOK_WORKERS", "1")
    monkeypatch.setenv("QAI_SYNTHETIC_COUNT", "5")
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in code_cells(notebook):
        exec(compile(cell["source"], f"{notebook.name}:{cell['id']}", "exec"), names)
    pyplot = names.get("plt")
    if pyplot is not None:
        assert pyplot.get_fignums(), "nothing was drawn"
        pyplot.close("all")


@notebooks
def test_a_notebook_imports_and_never_defines(notebook: Path) -> None:
    nodes = [node for cell in code_cells(notebook) for node in ast.walk(ast.parse(cell["source"]))]
    assert not [ast.unparse(node) for node in nodes if isinstance(node, DEFINES)]


@notebooks
def test_a_notebook_stays_small(notebook: Path) -> None:
    assert notebook.stat().st_size < 60_000, "clear its outputs before committing"
