"""Sections of runbooks that are about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError
from pipelines.runbooks import MOST_SHOWN, SHOWN_CHARACTERS, excerpts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "payment").mkdir()
    (tmp_path / "payment" / "gateway.md").write_text(
        "Everything about the gateway.\n\n# Gateway is slow\nCall the provider.\n\n# Rotating keys\nAsk.\n"
    )
    (tmp_path / "cart.md").write_text("# Cart\nThe cart calls the catalogue. A slow gateway is not its business.\n")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF gateway slow")
    return tmp_path


def test_the_section_whose_heading_says_it_comes_first(folder: Path) -> None:
    found = excerpts(folder, {"gateway", "slow"})
    assert found[0] == "payment/gateway.md, Gateway is slow:\nCall the provider."
    assert any(section.startswith("cart.md, Cart:") for section in found)
    assert not any("Rotating" in section or "PDF" in section for section in found)


def test_nothing_about_it_is_nothing(folder: Path) -> None:
    assert excerpts(folder, {"kafka"}) == ()


def test_much_is_cut(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("".join(f"# Slow {n}\n{'slow ' * 1000}\n" for n in range(9)))
    found = excerpts(tmp_path, {"slow"})
    assert len(found) == MOST_SHOWN
    assert all(len(section) < SHOWN_CHARACTERS + 50 for section in found)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="QAI_RUNBOOKS"):
        excerpts(tmp_path / "none", {"slow"})
