"""Where a data set lies: an unpacked folder, a folder that holds its archive, or the archive itself.

Archives are unpacked once into a cache outside any repository (``$XDG_CACHE_HOME/qai-sre/datasets``, by default
``~/.cache/qai-sre/datasets``), under a name made from their content.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError

_ARCHIVE = re.compile(r"\.(tar|tar\.(zst|gz|xz|bz2)|tgz)$")


def locate(name: str, path: Path, marker: re.Pattern[str]) -> list[Path]:
    """The folders under ``path`` to search for data set ``name``; archives are unpacked on the way.

    ``marker`` must match (``search``) the relative path of some file of the data set.

    Raises:
        InputError: saying what was looked for, and where.
    """
    if not path.exists():
        raise InputError("no such file or folder; give the data set's folder or its archive", field=str(path))
    if path.is_file():
        if not _ARCHIVE.search(path.name):
            raise InputError("is neither a folder nor an archive (.tar.zst, .tar.gz, .tar)", field=str(path))
        return [_checked(name, unpack(path), marker, path)]
    if holds(path, marker):
        return [path]
    archives = [p for p in sorted(path.iterdir()) if p.is_file() and _ARCHIVE.search(p.name)]
    roots = [unpack(archive) for archive in archives if _lists(archive, marker)]
    if not roots:
        raise InputError(
            f"holds no {name} data: no file like {marker.pattern!r}, nor an archive with one; "
            f"give the unpacked data set, its archive, or a folder holding the archive",
            field=str(path),
        )
    return roots


def holds(folder: Path, marker: re.Pattern[str]) -> bool:
    """Whether some file below ``folder`` matches ``marker``."""
    base = len(str(folder)) + 1
    for parent, folders, files in os.walk(folder):
        folders.sort()
        prefix = parent[base:].replace(os.sep, "/")
        if any(marker.search(f"{prefix}/{file}" if prefix else file) for file in files):
            return True
    return False


def unpack(archive: Path) -> Path:
    """The folder an archive is unpacked in; unpacked there at the first call."""
    target = cache_folder() / f"{archive.name.split('.')[0]}-{_digest(archive)}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".unpacking-"))
    try:
        with _opened(archive) as tar:
            tar.extractall(scratch, filter="data")  # "data" refuses links and paths that leave the folder
        scratch.rename(target)
    except OSError:
        if not target.is_dir():  # another process may have been first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def cache_folder() -> Path:
    """Where unpacked data sets are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "qai-sre" / "datasets"


def _checked(name: str, folder: Path, marker: re.Pattern[str], given: Path) -> Path:
    if not holds(folder, marker):
        raise InputError(f"is an archive, but holds no {name} data (no file like {marker.pattern!r})", field=str(given))
    return folder


def _lists(archive: Path, marker: re.Pattern[str]) -> bool:
    with _opened(archive) as tar:
        return any(member.isfile() and marker.search(member.name) for member in tar)


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """The archive as a stream. pyarrow brings its own zstd, so neither Python 3.14 nor a zstd program is needed."""
    try:
        if archive.suffix == ".zst":
            import pyarrow as pa

            with (
                pa.input_stream(str(archive), compression="zstd") as stream,
                tarfile.open(fileobj=stream, mode="r|") as tar,
            ):
                yield tar
        else:
            with tarfile.open(archive, mode="r:*") as tar:
                yield tar
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"cannot be unpacked: {error}; download it again", field=str(archive)) from error
    except (ImportError, NotImplementedError) as error:
        raise InputError(
            f"this Python cannot read zstd ({error}); unpack it with `tar --zstd -xf {archive.name}` "
            "(needs the zstd package) and give the folder",
            field=str(archive),
        ) from error
    except OSError as error:
        if error.errno is not None:  # the disk's trouble, not the archive's
            raise
        raise InputError(f"is not a whole zstd archive: {error}; download it again", field=str(archive)) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
