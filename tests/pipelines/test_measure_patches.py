"""The corpus of real edits: what is put to the patcher, and what is right is judged without its own matching."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from data.errors import InputError
from data.proposal import CodeChange
from pipelines.measure_patches import Case, cases, changed_files, consecutive, main, measure, occurrences, outcome

BEFORE = "import os\n\n\ndef a(x):\n    y = x\n    return y\n\n\ndef b(x):\n    y = x\n    return y + 1\n"
AFTER = BEFORE.replace("    return y + 1\n", "    return y + 2\n")
MOVED = BEFORE.replace("def b(x):\n    y = x\n", "def b(x):\n    z = x\n    y = z\n")


def by_kind(before: str, after: str) -> dict[str, Case]:
    return {case.kind: case for case in cases("m.py", before, after)}


def test_one_edit_is_put_in_several_ways(tmp_path: Path) -> None:
    found = by_kind(BEFORE, AFTER)
    assert set(found) == {"quoted", "shifted", "stale", "together", "renumbered"}
    assert found["quoted"].wanted == AFTER
    assert {kind: outcome(case, tmp_path) for kind, case in found.items()} == {
        "quoted": "right",
        "shifted": "right",
        "together": "right",
        "renumbered": "right",
        "stale": "refused rightly",
    }


def test_lines_that_stand_twice_are_an_ambiguous_quotation(tmp_path: Path) -> None:
    case = by_kind(BEFORE, BEFORE.replace("    y = x\n    return y + 1", "    y = 2 * x\n    return y + 1"))[
        "ambiguous"
    ]
    assert case.wanted is None
    assert occurrences(BEFORE.splitlines(), case.changes[0].old_content_snippet.splitlines()) == 2
    assert outcome(case, tmp_path) == "refused rightly"


@pytest.mark.parametrize(
    ("old", "wanted", "said"),
    [
        ("    return y + 1", AFTER, "right"),
        ("    return y + 1", BEFORE.replace("y + 1", "y + 3"), "wrong"),
        ("    return y + 1", None, "wrong"),
        ("    y = x", AFTER, "refused rightly"),
        ("    return y + 9", AFTER, "refused"),
    ],
)
def test_an_outcome_is_judged_by_the_text(tmp_path: Path, old: str, wanted: str | None, said: str) -> None:
    change = CodeChange(file_path="m.py", old_content_snippet=old, new_content_snippet="    return y + 2")
    assert outcome(Case("quoted", "m.py", BEFORE, (change,), wanted), tmp_path) == said
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_a_file_by_itself_has_to_be_refused(tmp_path: Path) -> None:
    change = CodeChange(file_path="m.py", old_content_snippet="    return y + 1", new_content_snippet="    return (y")
    wanted = BEFORE.replace("return y + 1", "return (y")
    assert outcome(Case("quoted", "m.py", BEFORE, (change,), wanted), tmp_path) == "refused rightly"


def sdist(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return folder / f"{name}.tar.gz"


def test_the_command_counts_every_pair_of_releases(tmp_path: Path) -> None:
    texts = {"1.0": BEFORE, "1.1": AFTER, "1.2": MOVED}
    for version, text in texts.items():
        files = {"m.py": text.encode(), "logo.png": b"\x89PNG" + version.encode(), "same.txt": b"x\n"}
        sdist(tmp_path / f"shop-{version}", f"shop-{version}", files)
    out = tmp_path / "counts.json"
    releases = [f"shop=={version}" for version in texts]
    result = CliRunner().invoke(main, [*releases, "--cache", str(tmp_path), "--out", str(out)], catch_exceptions=False)
    assert result.output.startswith("2 pairs of releases, 2 files changed")
    record = json.loads(out.read_text())
    assert record["outcomes"]["together"] == {"right": 2}
    assert not any("wrong" in row for row in record["outcomes"].values())


def test_binary_unchanged_and_protected_files_are_left_aside(tmp_path: Path) -> None:
    one, two = (
        sdist(
            tmp_path / v,
            "p",
            {"a.py": v.encode(), ".github/workflows/ci.yml": v.encode(), "b.bin": b"\xff" + v.encode()},
        )
        for v in ("x", "y")
    )
    assert list(changed_files(one, two)) == [("a.py", "x", "y")]


@pytest.mark.parametrize("releases", [["shop"], ["shop==1"], ["shop==1", "cart==2"]])
def test_releases_that_cannot_be_compared_are_said(releases: list[str]) -> None:
    with pytest.raises(InputError, match="RELEASE"):
        consecutive(releases)


def test_nothing_is_wrong_on_made_edits() -> None:
    counts = measure([("m.py", BEFORE, AFTER), ("m.py", BEFORE, MOVED), ("m.py", AFTER, MOVED)])
    assert not any(row["wrong"] or row["refused"] for row in counts.values())
