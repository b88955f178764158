"""Where a data set may lie, and what is said when it does not lie there."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from data.datasets import load
from data.datasets.archive import cache_folder, locate
from data.errors import InputError

MARKER = re.compile(r"(^|/)wanted\.csv$")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    (tmp_path / "raw" / "deep" / "wanted.csv").write_text("a\n1\n")
    return tmp_path / "raw"


def packed(folder: Path, archive: Path) -> Path:
    archive.parent.mkdir(exist_ok=True)
    plain = archive.with_suffix("") if archive.suffix == ".zst" else archive
    with tarfile.open(plain, "w:gz" if plain.suffix == ".gz" else "w") as tar:
        tar.add(folder, arcname="set")
    if archive.suffix == ".zst":
        archive.write_bytes(pa.compress(plain.read_bytes(), codec="zstd", asbytes=True))
        plain.unlink()
    return archive


def test_an_unpacked_folder_is_used_as_it_is(folder: Path, cache: Path) -> None:
    assert locate("x", folder, MARKER) == [folder]
    assert not cache.exists()


@pytest.mark.parametrize("name", ["x.tar.zst", "x.tar.gz", "x.tar"])
def test_an_archive_is_unpacked_once_into_the_cache(name: str, folder: Path, tmp_path: Path, cache: Path) -> None:
    archive = packed(folder, tmp_path / "download" / name)
    (root,) = locate("x", archive, MARKER)
    assert root.parent == cache
    assert (root / "set" / "deep" / "wanted.csv").read_text() == "a\n1\n"
    (root / "seen").touch()
    assert locate("x", archive, MARKER) == [root]
    assert (root / "seen").exists()
    assert [p.name for p in cache.iterdir()] == [root.name]


def test_a_folder_with_archives_gives_those_that_hold_the_data_set(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "else.csv").touch()
    packed(folder, tmp_path / "download" / "a.tar.zst")
    packed(other, tmp_path / "download" / "b.tar.zst")
    (root,) = locate("x", tmp_path / "download", MARKER)
    assert root.name.startswith("a-")


def test_an_archive_cannot_write_outside_the_cache(tmp_path: Path) -> None:
    (tmp_path / "wanted.csv").touch()
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(tmp_path / "wanted.csv", arcname="../../escaped/wanted.csv")
    with pytest.raises(InputError, match="cannot be unpacked"):
        locate("x", tmp_path / "evil.tar", MARKER)
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("name", ["cut.tar.zst", "cut.tar.gz"])
def test_a_truncated_archive_says_so_and_leaves_nothing(name: str, folder: Path, tmp_path: Path, cache: Path) -> None:
    archive = packed(folder, tmp_path / "download" / name)
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(InputError, match="download it again"):
        locate("x", archive, MARKER)
    assert not list(cache.iterdir())


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load("rcd", tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no rcd data"):
        load("rcd", tmp_path)
    with pytest.raises(InputError, match="choose one of"):
        load("imagenet", tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="neither a folder nor an archive"):
        load("rcd", tmp_path / "notes.txt")
