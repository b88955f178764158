"""Log files as people have them: plain text or one JSON object a line, compressed or not, in whatever encoding.

Nothing is lost on the way: every line comes out, in order, blank ones and ones that are not JSON too; bytes that
cannot be decoded come out as ``\\xNN``.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from data.errors import InputError
from data.parse import parse_time

_ZSTD = b"\x28\xb5\x2f\xfd"
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# Of the lines looked at, the share that must be JSON objects for a file to be taken for NDJSON.
_MOSTLY = 0.5
# What loggers and shippers call things, the commonest first.
_MESSAGE = ("message", "msg", "log", "body", "text", "event", "textPayload", "jsonPayload", "@message", "short_message")
_TIME = ("timestamp", "time", "ts", "@timestamp", "datetime", "date", "eventTime", "t")
_SEVERITY = ("severity", "level", "severityText", "severity_text", "log.level", "levelname", "lvl", "loglevel")
_TRACE = ("trace_id", "traceId", "traceid", "trace.id", "dd.trace_id", "otelTraceID", "trace")
_SERVICE = ("service", "service.name", "service_name", "app", "logger", "container")
_PATH = ("path", "http.path", "url.path", "http.target", "http.route", "uri", "request_uri", "url")


class Record(NamedTuple):
    """One JSON line. What it does not say is None."""

    message: str
    time: str | None = None
    severity: str | None = None
    trace_id: str | None = None
    service: str | None = None
    path: str | None = None


@contextmanager
def open_log(path: Path) -> Iterator[Iterator[str]]:
    """The file's lines without their ends, one by one.

    Raises:
        InputError: if the file breaks off inside its compression.
        OSError: if it cannot be opened.
    """
    with path.open("rb") as raw, _unpacked(raw, path) as stream:
        start = stream.peek(4)
        encoding = next((name for mark, name in _ENCODINGS if start.startswith(mark)), "utf-8")
        text = io.TextIOWrapper(cast(BinaryIO, stream), encoding, errors="backslashreplace", newline="\n")
        yield _lines(text, path)


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    try:
        for line in text:
            yield line.rstrip("\r\n")
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise InputError(
            f"the compressed file is damaged or cut off ({error}); copy it again", field=str(path)
        ) from error


@contextmanager
def _unpacked(raw: io.BufferedReader, path: Path) -> Iterator[io.BufferedReader]:
    start = raw.peek(6)
    if start.startswith(_ZSTD):
        import pyarrow as pa

        with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
            yield io.BufferedReader(stream)
        return
    for mark, opener in _OPENERS.items():
        if start.startswith(mark):
            with opener(raw, "rb") as stream:
                yield io.BufferedReader(cast(io.RawIOBase, stream))
            return
    yield raw


def is_ndjson(lines: Sequence[str]) -> bool:
    """Whether most of the lines that say anything are JSON objects."""
    said = [line for line in lines if line.strip()]
    return bool(said) and sum(read_record(line) is not None for line in said) > _MOSTLY * len(said)


def read_record(line: str) -> Record | None:
    """The JSON object in ``line``, under whichever of the usual names; None if it is no JSON object."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    extra = fields.get("attributes")
    if isinstance(extra, dict):
        fields = {**extra, **fields}
    message = _first(fields, _MESSAGE)
    return Record(
        line if message is None else message,
        _first(fields, _TIME),
        _first(fields, _SEVERITY),
        _first(fields, _TRACE),
        _first(fields, _SERVICE),
        _first(fields, _PATH),
    )


def _first(fields: dict[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, dict):
            value = _first(value, (*_MESSAGE, "stringValue", "value", "id", "name"))
        if value is not None and value != "":
            return str(value)
    return None


# Stands for the year in times without one; a leap year.
YEARLESS = 1972
_FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%y/%m/%d %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S", "%a %b %d %H:%M:%S %Y",
    "%d %b %Y %H:%M:%S", "%Y%m%d-%H:%M:%S", "%y%m%d %H%M%S", "%Y-%m-%d-%H.%M.%S", "%Y.%m.%d %H:%M:%S",
)  # fmt: skip
_WITHOUT_YEAR = ("%b %d %H:%M:%S", "%m-%d %H:%M:%S", "%m.%d %H:%M:%S", "%H:%M:%S")
_FRACTION = re.compile(r"(\d\d?[:.]\d\d?[:.]\d\d?)[.,:]\d+$")


def read_time(text: str) -> datetime | None:
    """When a line was logged, as it says itself; UTC where it names no zone, None where it cannot be read.

    Where the line names no year, :data:`YEARLESS` stands in for it: only differences between such times mean something.
    """
    bare = text.strip().strip("[]()<>\"',")
    try:
        return parse_time(bare.replace(",", "."), field="time")
    except InputError:
        pass
    bare = " ".join(_FRACTION.sub(r"\1", bare).split())
    for form, whole in (
        *((form, bare) for form in _FORMATS),
        *((f"%Y {form}", f"{YEARLESS} {bare}") for form in _WITHOUT_YEAR),
    ):
        try:
            found = datetime.strptime(whole, form)  # noqa: DTZ007
        except ValueError:
            continue
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None
