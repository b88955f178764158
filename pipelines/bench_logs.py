"""How well log lines are grouped, and how fast, beside drain3 as it comes.

*Grouping accuracy* (GA; Zhu et al., ICSE-SEIP 2019): the share of lines whose group holds exactly the lines of one
labelled template. *FGA* (Jiang et al., "A Large-Scale Evaluation for Log Parsing Techniques", ISSTA 2024): the F1 of
templates found exactly, so that a template of one line counts as much as one of a thousand.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.datasets.loghub import systems

# Speed is measured on at least this many lines, so that what happens once a file does not count for much.
MIN_TIMED_LINES = 40_000

Grouping = Callable[[Path], Sequence[object]]


@dataclass(frozen=True)
class Grouped:
    """One system's result. ``lines_per_s``: of CPU time on one core, reading the file included."""

    method: str
    system: str
    lines: str
    ga: float
    fga: float
    found: int
    labelled: int
    lines_per_s: float


def grouping_accuracy(groups: Sequence[object], labels: Sequence[object]) -> tuple[float, float]:
    """GA and FGA, both from 0 to 1."""
    found, labelled = Counter(groups), Counter(labels)
    exact = [n for (group, label), n in Counter(zip(groups, labels, strict=True)).items()
             if n == found[group] == labelled[label]]  # fmt: skip
    return sum(exact) / max(len(labels), 1), 2 * len(exact) / max(len(found) + len(labelled), 1)


def bench_logs(path: Path) -> Iterator[Grouped]:
    """Every system under ``path``, whole lines and bare messages, by every method that is installed."""
    for system in systems(path):
        with tempfile.TemporaryDirectory() as folder:
            bare = Path(folder) / "messages.log"
            bare.write_text("".join(f"{m}\n" for m in system.messages), encoding="utf-8", errors="backslashreplace")
            for name, method in methods().items():
                for lines, log in (("whole", system.log), ("message", bare)):
                    groups = method(log)[: len(system.templates)]
                    ga, fga = grouping_accuracy(groups, system.templates)
                    yield Grouped(name, system.name, lines, ga, fga, len(set(groups)), len(set(system.templates)),
                                  _speed(method, log, Path(folder)))  # fmt: skip


def methods() -> dict[str, Grouping]:
    """Ours, and drain3 with its defaults where it is installed."""
    from importlib.util import find_spec

    found: dict[str, Grouping] = {"qai-sre": by_us}
    if find_spec("drain3"):
        found["drain3"] = by_drain
    return found


def by_us(log: Path) -> Sequence[object]:
    """What `qai-sre logs FILE --lines` writes."""
    from pipelines.logs import read_log

    return list(read_log(log).template_ids())


def by_drain(log: Path) -> Sequence[object]:
    """drain3 (He et al., ICWS 2017) with its defaults, which know of no header and mask nothing."""
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    from data.logfile import open_log

    miner = TemplateMiner(config=TemplateMinerConfig())
    with open_log(log) as lines:
        return [miner.add_log_message(line)["cluster_id"] for line in lines]


def _speed(method: Grouping, log: Path, folder: Path) -> float:
    """Lines a second, on the file repeated until it is long enough to time, each time with other digits.

    Without other digits a method that remembers lines would look faster than any real log lets it be.
    """
    text = log.read_bytes().rstrip(b"\n") + b"\n"
    lines = text.count(b"\n")
    times = -(-MIN_TIMED_LINES // lines)
    long = folder / "long.log"
    long.write_bytes(b"".join(text.translate(_other_digits(i)) for i in range(times)))
    begin = time.process_time()
    method(long)
    return lines * times / max(time.process_time() - begin, 1e-9)


def _other_digits(seed: int) -> bytes:
    digits = list(b"0123456789")
    if seed:
        random.Random(seed).shuffle(digits)
    return bytes.maketrans(b"0123456789", bytes(digits))


def summarise(results: Iterable[Grouped]) -> dict[str, Any]:
    """Each system's figures and, for each method and kind of line, the mean over systems."""
    rows = list(results)
    means = []
    for method, lines in dict.fromkeys((row.method, row.lines) for row in rows):
        mine = [row for row in rows if (row.method, row.lines) == (method, lines)]
        figures = {key: sum(getattr(row, key) for row in mine) / len(mine) for key in ("ga", "fga")}
        # The time of all lines together: slow systems count for what they take.
        pace = len(mine) / sum(1 / row.lines_per_s for row in mine)
        means.append({"method": method, "lines": lines, **figures, "lines_per_s": pace, "systems": len(mine)})
    return {"systems": [asdict(row) for row in rows], "mean": means}
