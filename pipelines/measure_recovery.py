"""How often a write that does nothing is called harmful, and one that does harm: on recordings made by others.

    python -m pipelines.measure_recovery DIR...

A write is taken to be made in the middle of each window of normal operation, and at the instant each fault begins. It
is looked at every half minute until a quarter of an hour later or the recording's end. Harm is what users feel of some
service; a fault that only its own service's processor tells of is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data.datasets import Case, load
from data.telemetry import Metrics, to_datetime64
from models.metrics import bootstrap
from models.recovery import SAMPLES, Span, newly_troubled
from pipelines.bench.quiet import NORMAL_RECORDED, quiet_cases
from pipelines.recovery import SETTLE

EVERY = timedelta(seconds=30)
UNTIL = timedelta(minutes=15)
# How much of a window stands for the trouble, and how many samples have to follow the write to tell anything by.
TROUBLE = 0.1
FEWEST = 2 * SAMPLES


def called_harmful(metrics: Metrics, applied: datetime) -> bool | None:
    """Whether any look at a write at ``applied`` calls it harmful; None where there is too little to look at."""
    first, last = (_instant(metrics, i) for i in (0, -1))
    onset, end = applied - TROUBLE * (applied - first), min(applied + UNTIL, last)
    looks = list(_looks(applied, end))
    after = (metrics.timestamps > to_datetime64(applied)) & (metrics.timestamps <= to_datetime64(end))
    if not looks or after.sum() < FEWEST:
        return None
    return any(newly_troubled(metrics.before(at), Span(onset, applied, at), ()) for at in looks)


def wrongly(case: Case) -> bool | None:
    """Whether a write in the middle of a quiet window is called harmful, which it is not."""
    metrics = case.telemetry.metrics
    first, last = (_instant(metrics, i) for i in (0, -1))
    return called_harmful(metrics, first + (last - first) / 2)


def rightly(case: Case) -> bool | None:
    """Whether a write right before a fault begins is called harmful, as it would be had it brought the fault about."""
    return called_harmful(case.telemetry.metrics, case.alert.fired_at)


def share(answers: Iterable[bool | None], seed: int = 0) -> dict[str, Any]:
    """The share called harmful, with a 95 % interval, and how many could be looked at."""
    given = list(answers)
    known = [float(harmful) for harmful in given if harmful is not None]
    if not known:
        return {"writes": 0, "too_short": len(given)}
    found = bootstrap(known, seed=seed)
    interval = [found.low, found.high]
    return {"writes": len(known), "too_short": len(given) - len(known), "harmful": found.value, "interval": interval}


def _looks(applied: datetime, end: datetime) -> Iterator[datetime]:
    at = applied + SETTLE
    while at <= end:
        yield at
        at += EVERY


def _instant(metrics: Metrics, index: int) -> datetime:
    moment: datetime = metrics.timestamps[index].item()
    return moment.replace(tzinfo=UTC)


def main(folders: list[str]) -> None:
    for name in NORMAL_RECORDED:
        for folder in map(Path, folders):
            quiet = quiet_cases(name, folder, 0)
            if quiet is None:
                continue
            told = {"data_set": name, "well": share(map(wrongly, quiet))}
            told["ill"] = share(map(rightly, load(name, folder, delay_s=0.0)))
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
