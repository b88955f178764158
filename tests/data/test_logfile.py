import gzip
import lzma
from pathlib import Path

import pytest

from data.errors import InputError
from data.logfile import Record, is_ndjson, open_log, read_record, read_time

LINES = ["first", "", "bytes \\xff here", "a\x0bb", "last"]
RAW = b"first\r\n\nbytes \xff here\na\x0bb\nlast"


def lines_of(path: Path) -> list[str]:
    with open_log(path) as lines:
        return list(lines)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_every_line_comes_out_of_any_packing(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    path = tmp_path / "log"
    path.write_bytes(pack(RAW))
    assert lines_of(path) == LINES


def test_other_encodings_are_known_by_their_mark(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes("eins\nzwei ü\n".encode("utf-16"))
    assert lines_of(path) == ["eins", "zwei ü"]


def test_a_file_cut_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"line\n" * 9_999)[:-12])
    with pytest.raises(InputError, match="damaged or cut off"):
        lines_of(path)


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert lines_of(tmp_path / "log") == []


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ('{"message": "hi", "timestamp": 1, "severity": "INFO"}', Record("hi", "1", "INFO")),
        ('{"msg": "hi", "ts": "t", "level": "warn", "traceId": "ab"}', Record("hi", "t", "warn", "ab")),
        ('{"log": "hi\\n", "time": "t"}', Record("hi\n", "t")),
        ('{"body": {"stringValue": "hi"}, "attributes": {"http.path": "/a"}}', Record("hi", path="/a")),
        ('{"odd": 1}', Record('{"odd": 1}')),
        ("{not json", None),
        ("[1]", None),
    ],
)
def test_json_lines_are_read_under_the_usual_names(line: str, record: Record | None) -> None:
    assert read_record(line) == record


def test_a_file_is_ndjson_if_most_lines_are() -> None:
    assert is_ndjson(['{"a": 1}', "", "stray", '{"a": 2}'])
    assert not is_ndjson(["plain", '{"a": 1}'])
    assert not is_ndjson([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05,250", "2026-01-02T03:04:05.250000+00:00"),
        ("[Sun Dec 04 04:47:44 2005]", "2005-12-04T04:47:44+00:00"),
        ("17/06/09 20:10:40", "2017-06-09T20:10:40+00:00"),
        ("20171223-22:15:29:606", "2017-12-23T22:15:29.606000+00:00"),
        ("10/Oct/2020:13:55:36 -0700", "2020-10-10T20:55:36+00:00"),
        ("Feb 29 15:16:01", "1972-02-29T15:16:01+00:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
    ],
)
def test_times_are_read_as_logs_write_them(text: str, expected: str) -> None:
    read = read_time(text)
    assert read is not None
    assert read.isoformat() == expected


def test_what_is_no_time_is_none() -> None:
    assert read_time("yesterday") is None
