"""One log file, read once: its templates, which of them are new, surge or vanished, and the template of every line."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.logfile import YEARLESS, is_ndjson, open_log, read_record, read_time
from models.logs.header import Header, learn_header
from models.logs.masking import Shape, written
from models.logs.miner import TemplateMiner, template_id
from models.logs.requests import request_path
from models.logs.trends import Trend, expected_count, trend_of

# Lines from which the format is learnt.
HEAD = 1_000
# Every so many lines the time is noted: enough to find the line at which "since" falls.
_NOTED_EVERY = 16
# Of those, how many are read before looking closer: reading a time takes longer than reading a line.
_TIMES_READ = 256
# Without a word from the caller, the last part of the recording is held against what came before.
LATEST_PART = 0.2
MAX_SAMPLES = MAX_TRACES = 3
MAX_PATHS, TOP_PATHS = 10_000, 20
MAX_LEVELS = 8
_TRACE = re.compile(r"\btrace[_.-]?id\W{1,3}([0-9a-fA-F-]{8,36})\b", re.IGNORECASE)
_RANKS = {
    rank: i
    for i, names in enumerate(
        (("trace", "debug", "verbose", "d", "v"), ("info", "notice", "information", "i"), ("warn", "warning", "w"),
         ("err", "error", "severe", "failure", "e"),
         ("crit", "critical", "fatal", "alert", "emerg", "emergency", "panic", "f"))
    )
    for rank in names
}  # fmt: skip


@dataclass(frozen=True)
class TemplateUse:
    """One template and where it was seen. Lines count from 1; times are as the lines write them, None if they do not.

    ``before`` and ``since`` count its lines before and since :attr:`LogReport.since`; ``expected`` is how many it would
    have had since then at its rate before.
    """

    id: str
    template: str
    count: int
    first_line: int
    last_line: int
    first_seen: str | None
    last_seen: str | None
    severity: str | None
    trend: Trend
    before: int
    since: int
    expected: float
    samples: tuple[str, ...]
    trace_ids: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LogReport:
    """What is in a log file. ``line_templates[i]`` is the row in ``templates`` of line ``i + 1``."""

    lines: int
    format: str
    header: tuple[str, ...]
    since: str | None
    since_line: int
    templates: tuple[TemplateUse, ...]
    line_templates: npt.NDArray[np.int64]
    paths: tuple[tuple[str, int], ...]

    def template_ids(self) -> Iterator[str]:
        """The template id of every line, in order."""
        ids = [template.id for template in self.templates]
        return (ids[row] for row in self.line_templates)


@dataclass
class _Leaf:
    """What is remembered of one shape's lines, beside their number."""

    sample: str
    first_time: str | None
    asks: bool
    last_time: str | None = None
    levels: set[str] = field(default_factory=set)
    traces: list[str] = field(default_factory=list)


class _Reading:
    """What has been seen so far, line by line."""

    def __init__(self) -> None:
        self.miner = TemplateMiner()
        self.leaves: dict[int, _Leaf] = {}
        self.leaf_of_line = array("I")
        self.times: list[str | None] = []
        self.paths: Counter[str] = Counter()

    def note(self, line: str, message: str, time: str | None, level: str | None) -> _Leaf:
        number = self.miner.add(message)
        leaf = self.leaves.get(number)
        if leaf is None:
            leaf = self.leaves[number] = _Leaf(line, time, request_path(line) is not None)
        if len(self.leaf_of_line) % _NOTED_EVERY == 0:
            self.times.append(time)
        self.leaf_of_line.append(number)
        leaf.last_time = time
        if level and level not in leaf.levels and len(leaf.levels) < MAX_LEVELS:
            leaf.levels.add(level)
        if leaf.asks and (path := request_path(line)):
            self.asked(path)
        return leaf

    def asked(self, path: str) -> None:
        self.paths[path] += 1
        if len(self.paths) > MAX_PATHS:
            self.paths = Counter(dict(self.paths.most_common(MAX_PATHS // 2)))

    def read_plain(self, lines: Iterable[str], header: Header) -> None:
        match = header.pattern.match
        for line in lines:
            found = match(line)
            if found is None:
                self.note(line, line, None, None)
            else:
                self.note(line, line[found.end() :], found["time"], found["level"])

    def read_json(self, lines: Iterable[str], header: Header) -> None:
        for line in lines:
            record = read_record(line)
            if record is None:
                self.note(line, line, None, None)
                continue
            # A stack trace's first line tells which.
            message = header.message(record.message.lstrip().split("\n", 1)[0])
            leaf = self.note(line, message, record.time, record.severity)
            if record.trace_id and len(leaf.traces) < MAX_TRACES and record.trace_id not in leaf.traces:
                leaf.traces.append(record.trace_id)
            if record.path and not leaf.asks and (path := request_path(f"GET {record.path} HTTP")):
                self.asked(path)


def read_log(path: Path, *, since: str | None = None) -> LogReport:
    """Find the templates of a log file and what became of them since a moment.

    Args:
        path: plain text or NDJSON, compressed or not.
        since: a time as the file or ISO 8601 writes it. Without it, the last fifth of the recording is held
            against what came before.

    Raises:
        InputError: if ``since`` cannot be read, or the file is damaged.
        OSError: if the file cannot be opened.
    """
    moment = _moment(since)
    reading = _Reading()
    with open_log(path) as lines:
        head = list(islice(lines, HEAD))
        as_json = is_ndjson(head)
        if as_json:
            header = learn_header([r.message for line in head if (r := read_record(line))])
            reading.read_json(chain(head, lines), header)
        else:
            header = learn_header(head)
            reading.read_plain(chain(head, lines), header)
    return _report(reading, header, "ndjson" if as_json else "plain", moment)


def _moment(since: str | None) -> datetime | None:
    if since is None:
        return None
    moment = read_time(since)
    if moment is None:
        raise InputError(f"{since!r} is not a time; write it as the log does, or 2026-01-31T12:00:00Z", field="--since")
    return moment


def _report(reading: _Reading, header: Header, kind: str, since: datetime | None) -> LogReport:
    shapes = reading.miner.templates()
    distinct: dict[str, int] = {}
    row_of_leaf = np.zeros(len(shapes), dtype=np.int64)
    shape_of_row: dict[int, Shape] = {}
    # In the order lines were first seen; shapes that no line has come from merging.
    for leaf in sorted(reading.leaves):
        row_of_leaf[leaf] = distinct.setdefault(template_id(shapes[leaf]), len(distinct))
        shape_of_row.setdefault(int(row_of_leaf[leaf]), shapes[leaf])
    leaves_of_row: dict[int, list[_Leaf]] = defaultdict(list)
    for number, leaf_seen in reading.leaves.items():
        leaves_of_row[int(row_of_leaf[number])].append(leaf_seen)
    rows = row_of_leaf[np.frombuffer(reading.leaf_of_line, dtype=np.uintc)] if reading.leaves else row_of_leaf[:0]
    split = _split(reading.times, len(rows), since)
    counts = _Counts(rows, len(distinct), split)
    templates = tuple(
        _use(name, shape_of_row[row], leaves_of_row[row], row, counts, split) for name, row in distinct.items()
    )
    return LogReport(
        lines=len(rows),
        format=kind,
        header=tuple(column.name for column in header.columns),
        since=split.time,
        since_line=split.line + 1,
        templates=templates,
        line_templates=rows,
        paths=tuple(reading.paths.most_common(TOP_PATHS)),
    )


@dataclass(frozen=True)
class _Split:
    """The first line (from 0) of the later part, its time as logged, and how long that part is beside the earlier."""

    line: int
    time: str | None
    exposure: float


def _split(times: Sequence[str | None], lines: int, since: datetime | None) -> _Split:
    """By time where lines have one, else by their number."""
    step = max(1, len(times) // _TIMES_READ)
    read = _read_times(times, range(0, len(times), step))
    seconds = np.array([at.timestamp() for *_, at in read])
    if len(read) < 2 or seconds.max() <= seconds.min():
        if since is not None:
            raise InputError("the lines of this file have no time of their own to compare with", field="--since")
        line = round(lines * (1 - LATEST_PART))
        return _Split(line, None, (lines - line) / max(line, 1))
    first, last = float(seconds.min()), float(seconds.max())
    moment = last - LATEST_PART * (last - first) if since is None else _in_years_of(since, read[0][2]).timestamp()
    later = np.flatnonzero(seconds >= moment)
    if not len(later):
        return _Split(lines, None, 0.0)
    at = read[int(later[0])][0]
    # Between two times that were read lie some that were not.
    near = _read_times(times, range(max(at - step + 1, 0), at + 1))
    line, text, _ = next(row for row in near if row[2].timestamp() >= moment)
    return _Split(line * _NOTED_EVERY, text, max(last - moment, 1.0) / max(moment - first, 1.0))


def _read_times(times: Sequence[str | None], which: Iterable[int]) -> list[tuple[int, str, datetime]]:
    return [(i, text, at) for i in which if (text := times[i]) and (at := read_time(text))]


def _in_years_of(moment: datetime, logged: datetime) -> datetime:
    """Where lines name no year, neither does the moment."""
    return moment.replace(year=logged.year) if logged.year == YEARLESS else moment


class _Counts:
    """Lines of each template: how many, which, and on which side of the split."""

    def __init__(self, rows: npt.NDArray[np.int64], templates: int, split: _Split) -> None:
        numbers = np.arange(len(rows), dtype=np.int64)
        self.total = np.bincount(rows, minlength=templates)
        self.before = np.bincount(rows[: split.line], minlength=templates)
        self.first = np.full(templates, len(rows), dtype=np.int64)
        self.last = np.full(templates, -1, dtype=np.int64)
        np.minimum.at(self.first, rows, numbers)
        np.maximum.at(self.last, rows, numbers)


def _use(name: str, shape: Shape, leaves: list[_Leaf], row: int, counts: _Counts, split: _Split) -> TemplateUse:
    total, before = int(counts.total[row]), int(counts.before[row])
    levels = {level.strip("[]()<>:,/ ") for leaf in leaves for level in leaf.levels}
    traces = dict.fromkeys(trace for leaf in leaves for trace in (leaf.traces or _TRACE.findall(leaf.sample)))
    return TemplateUse(
        id=name,
        template=written(shape),
        count=total,
        first_line=int(counts.first[row]) + 1,
        last_line=int(counts.last[row]) + 1,
        first_seen=_clean(leaves[0].first_time),
        last_seen=_latest([leaf.last_time for leaf in leaves]),
        severity=max(levels, key=lambda level: (_RANKS.get(level.lower(), -1), level), default=None),
        trend=trend_of(before, total - before, split.exposure),
        before=before,
        since=total - before,
        expected=round(expected_count(before, split.exposure), 1),
        samples=tuple(leaf.sample for leaf in leaves[:MAX_SAMPLES]),
        trace_ids=tuple(traces)[:MAX_TRACES],
    )


def _clean(time: str | None) -> str | None:
    return None if time is None else time.strip().strip("[]<>(), ") or None


def _latest(times: list[str | None]) -> str | None:
    known = [(at, time) for time in times if time and (at := read_time(time))]
    return _clean(max(known)[1]) if known else _clean(times[-1])
