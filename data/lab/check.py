"""Does every fault show, and go away? ``python -m data.lab.check STATE_DIR [FAULT...]`` tries them one by one.

For each fault: its culprit's own indicators and what customers see, before it, while it is in and after it was
undone. A row of a Markdown table each, the indicator that moved most first. Takes a little under a minute a fault.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from data.domain import now
from data.lab.faults import FAULTS, Fault
from data.lab.lab import Lab
from data.sources.lab import LabSource

_CUSTOMERS = ("http_server_request_duration_p95_ms", "http_server_error_ratio")
# Values below these are as good as nothing, where values are compared by ratio.
_FLOORS = {"ratio": 0.02, "utilization": 0.05, "per_second": 0.05, "ms": 5.0, "mb": 5.0}


@dataclass(frozen=True)
class Pace:
    """Seconds: of calm before, with the fault in, and after; of each, the first ``settle_s`` are not looked at."""

    before_s: float = 8.0
    during_s: float = 22.0
    after_s: float = 18.0
    settle_s: float = 9.0


@dataclass(frozen=True)
class Reading:
    """The median of one metric in three periods; NaN where it was not reported."""

    service: str
    metric: str
    before: float
    during: float
    after: float

    @property
    def moved(self) -> float:
        """How many times higher it was while the fault was in."""
        floor = next((value for word, value in _FLOORS.items() if word in self.metric), 1.0)
        return max(_or_zero(self.during), floor) / max(_or_zero(self.before), floor)

    @property
    def back(self) -> bool:
        """Whether it is nearer to where it was than to where it went."""
        after, before, during = map(_or_zero, (self.after, self.before, self.during))
        return abs(after - before) <= abs(after - during) or self.moved < 1.5

    def __str__(self) -> str:
        values = ("none" if np.isnan(value) else f"{value:.3g}" for value in (self.before, self.during, self.after))
        return f"{self.service} `{self.metric}` {' → '.join(values)}"


def check(lab: Lab, fault: Fault, pace: Pace) -> tuple[Reading, ...]:
    """Put ``fault`` in and take it out; its culprits' indicators, most moved first, and then the customers' view."""
    time.sleep(pace.before_s)
    periods = [_settled(now(), pace.before_s, pace)]
    truth = lab.break_(fault.name, innocent=0)
    time.sleep(pace.during_s)
    periods.append(_settled(now(), pace.during_s, pace))
    lab.heal(truth)
    time.sleep(pace.after_s)
    periods.append(_settled(now(), pace.after_s, pace))
    source = lab.source()
    own = [_read(source, service, metric, periods) for service in fault.culprits for metric in fault.indicators]
    if fault.culprits == ("gateway",):  # it shares no telemetry: seen from payment
        own = [_read(source, "payment", metric, periods) for metric in fault.indicators]
    seen = [_read(source, "frontend", metric, periods) for metric in _CUSTOMERS]
    own = [reading for reading in own if not np.isnan([reading.before, reading.during]).all()]
    return (*sorted(own, key=lambda reading: -reading.moved), *seen)


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value


def _settled(end: datetime, length_s: float, pace: Pace) -> tuple[datetime, datetime]:
    return end - timedelta(seconds=max(length_s - pace.settle_s, length_s / 2)), end


def _read(source: LabSource, service: str, metric: str, periods: Sequence[tuple[datetime, datetime]]) -> Reading:
    medians = []
    for start, end in periods:
        metrics = source.metrics(start, end)
        columns = [i for i, key in enumerate(metrics.keys) if (key.service, key.metric) == (service, metric)]
        values = metrics.values[:, columns]
        finite = values[np.isfinite(values)]
        medians.append(float(np.median(finite)) if finite.size else float("nan"))
    return Reading(service, metric, *medians)


def main() -> None:
    """The command line; ends with 1 where a fault did not show or did not go away."""
    parser = argparse.ArgumentParser(prog="python -m data.lab.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("faults", nargs="*", default=list(FAULTS), metavar="FAULT")
    chosen = parser.parse_args()
    lab, wrong = Lab(chosen.state_dir, interval_s=2.0), []
    try:
        lab.up()
        lab.start_load()
        for name in chosen.faults:
            leak = name == "memory-leak"
            first, *rest = check(lab, FAULTS[name], Pace(during_s=100.0, settle_s=80.0) if leak else Pace())
            verdict = "" if first.moved >= 1.5 and first.back else " ✗"
            wrong += [name] if verdict else []
            sys.stdout.write(f"| {name}{verdict} | {first} | {'; '.join(map(str, rest))} |\n")
            sys.stdout.flush()
    finally:
        lab.down()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
