"""``qai-sre data synthesize`` as people run it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from serving.commands.data import command


def test_it_writes_bundles_that_need_no_more(tmp_path: Path) -> None:
    out = tmp_path / "made"
    result = CliRunner().invoke(command, ["synthesize", "--count", "3", "--services", "5-8", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert len(list(out.glob("*/alert.json"))) == len(list(out.glob("*/truth.json"))) == 3


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    result = CliRunner().invoke(command, ["synthesize", "--count", "1", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "not empty" in result.output


def test_a_range_must_be_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, ["synthesize", "--count", "1", "--services", "few", "--out", str(tmp_path / "a")]
    )
    assert result.exit_code == 2
    assert "5-20" in result.output
