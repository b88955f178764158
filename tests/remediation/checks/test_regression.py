"""A new test counts only if it fails without the change and passes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.proposal import CodeAction, CodeChange
from remediation.checks import Check, Skipped, change_set
from remediation.checks.regression import check_regression
from remediation.checks.sandbox import unavailable
from remediation.proof import prove
from remediation.synthesize import Synthesizer

needs_a_box = pytest.mark.skipif(unavailable() is not None, reason=f"no sandbox here: {unavailable()}")

BROKEN, MENDED = "PAGE = 1\n", "PAGE = 20\n"
TEST = "from cart import PAGE\n\n\ndef test_page():\n    assert PAGE {}\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "cart.py").write_text(BROKEN)
    # What happens to be installed beside us need not be loaded for each of these runs.
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    return tmp_path


@needs_a_box
@pytest.mark.parametrize(
    ("test", "passed", "detail"),
    [
        (TEST.format("> 1"), True, "fails without the change and passes with it"),
        (TEST.format("> 0"), False, "passes without the change, too"),
        (TEST.format("> 99"), False, "fails with the change"),
        ("from elsewhere_in_cart import x\n", False, ""),
    ],
)
def test_both_runs_decide(base: Path, test: str, passed: bool, detail: str) -> None:
    change = change_set({"cart.py": BROKEN}, {"cart.py": MENDED, "tests/test_page.py": test})
    answer = check_regression(base, change)
    if detail:
        assert isinstance(answer, Check)
        assert (answer.passed, detail in answer.detail) == (passed, True), answer
    else:
        assert isinstance(answer, Skipped), "a module nobody has is not a test that fails"
    assert not (base / "tests").exists()


def test_a_change_without_a_new_test_or_of_tests_alone_is_not_asked(base: Path) -> None:
    assert check_regression(base, change_set({"cart.py": BROKEN}, {"cart.py": MENDED})) is None
    assert check_regression(base, change_set({}, {"tests/test_page.py": TEST})) is None


def test_other_languages_are_said(base: Path) -> None:
    change = change_set({"cart.py": BROKEN}, {"cart.py": MENDED, "cart_test.go": "package cart\n"})
    answer = check_regression(base, change)
    assert isinstance(answer, Skipped)


@needs_a_box
def test_a_draft_is_proved_on_a_copy(base: Path, incident, diagnosis_for, change_of) -> None:
    (base / "tests").mkdir()
    (base / "tests" / "test_old.py").write_text("def test_it():\n    assert True\n")
    made = Synthesizer()(incident, diagnosis_for("c" * 40), [change_of("c" * 40)])
    edits = (
        CodeChange(file_path="cart.py", old_content_snippet="PAGE = 1", new_content_snippet="PAGE = 20"),
        CodeChange(
            file_path="tests/test_page.py", new_content_snippet=TEST.format("> 1"), action=CodeAction.create_file
        ),
    )
    solution = made.proposed_solution.model_copy(update={"code_changes": edits})
    before = sorted(base.rglob("*"))
    checks = {c.name: c for c in prove(base, made.model_copy(update={"proposed_solution": solution}))}
    assert checks["tests"].passed, checks["tests"]
    assert checks["regression_test"].passed, checks["regression_test"]
    assert sorted(base.rglob("*")) == before


@needs_a_box
def test_tests_that_take_too_long_are_no_proof_against_a_draft(
    base: Path, incident, diagnosis_for, change_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediation.proof.PATIENCE_S", 0.2)
    (base / "tests").mkdir()
    (base / "tests" / "test_old.py").write_text("import time\n\n\ndef test_it():\n    time.sleep(60)\n")
    made = Synthesizer()(incident, diagnosis_for("c" * 40), [change_of("c" * 40)])
    edit = CodeChange(file_path="cart.py", old_content_snippet="PAGE = 1", new_content_snippet="PAGE = 20")
    solution = made.proposed_solution.model_copy(update={"code_changes": (edit,)})
    assert "tests" not in {c.name for c in prove(base, made.model_copy(update={"proposed_solution": solution}))}
