"""Speed: how long a ranking takes, and how much memory, as systems grow.

Each size is measured in a process of its own, on one core, so that its peak memory is its own. The telemetry is made:
services in a tree of calls, metrics that fluctuate, and one service whose metrics all rise for the last tenth of the
recording, on which the alert's own service depends. N-sigma runs on the same telemetry in the same process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import Any

import numpy as np

from data.datasets.common import nominal_times
from data.domain import Alert
from data.errors import ModelError
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from pipelines.peers.process import ONE_CORE

SIZES = (10, 30, 100, 300, 1000, 3000, 5000)
METRICS = ("latency_ms", "errors", "requests", "cpu", "memory", "disk", "network_in", "network_out", "threads", "queue")
POINTS = 600
STEP_S = 10.0
CALLEES = 3
REPEATS = 3


def measure(sizes: Sequence[int] = SIZES, *, seed: int = 0, told: Callable[[str], object] = str) -> dict[str, Any]:
    """Every size, smallest first, and the exponents of growth in services x metrics.

    Returns:
        ``sizes``: one row a size, as :func:`one_size` gives it; ``exponent`` and ``baseline_exponent``: the slope of
        log processor seconds over log series, by least squares over sizes from a hundred services (all, where fewer
        than three are): below, what a ranking costs whatever its size hides the growth.
    """
    rows = []
    for size in sorted(sizes):
        told(f"{size} services")
        rows.append(_in_own_process(size, seed))
    return {
        "metrics_per_service": len(METRICS),
        "points": POINTS,
        "sizes": rows,
        "exponent": exponent(rows, "cpu_seconds"),
        "baseline_exponent": exponent(rows, "baseline_cpu_seconds"),
    }


def exponent(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    """The power of the number of series with which ``key`` grows; None for a single size."""
    large = [row for row in rows if row["services"] >= 100]
    used = large if len(large) >= 3 else rows
    if len(used) < 2:
        return None
    x, y = np.log([row["series"] for row in used]), np.log([row[key] for row in used])
    return float(np.polyfit(x, y, 1)[0])


def one_size(services: int, seed: int = 0) -> dict[str, Any]:
    """Seconds of our ranking and of n-sigma (the best of three, after a warm-up), and the peak memory of this process.

    ``right``: whether the planted service came first; ``held_mb``: memory before ranking, the telemetry included.
    """
    from models.baselines import n_sigma
    from pipelines.evaluate import peak_memory_mb
    from pipelines.investigate import investigate

    investigate(*made(10, seed)[:2])
    alert, telemetry, cause = made(services, seed)
    held = peak_memory_mb()
    baseline = [_seconds(lambda: n_sigma(alert, telemetry)) for _ in range(REPEATS)]
    ours = [_seconds(lambda: investigate(alert, telemetry)) for _ in range(REPEATS)]
    diagnosis = investigate(alert, telemetry)
    return {
        "services": services,
        "series": services * len(METRICS),
        "seconds": min(wall for wall, _ in ours),
        "cpu_seconds": min(cpu for _, cpu in ours),
        "baseline_seconds": min(wall for wall, _ in baseline),
        "baseline_cpu_seconds": min(cpu for _, cpu in baseline),
        "held_mb": held,
        "peak_memory_mb": peak_memory_mb(),
        "right": bool(diagnosis.candidates) and diagnosis.candidates[0].service == cause,
    }


def made(services: int, seed: int = 0) -> tuple[Alert, Telemetry, str]:
    """An alert, telemetry of :data:`POINTS` samples for each metric of each service, and the service at fault."""
    random = np.random.default_rng([seed, services])
    names = [f"service-{i:04}" for i in random.permutation(services)]
    edges = [(names[(i - 1) // CALLEES], names[i]) for i in range(1, services)]
    depth = int(random.integers(1, services))
    values = random.standard_normal((POINTS, services * len(METRICS)))
    values *= 0.05
    values += 1.0
    values *= np.tile(np.exp(random.uniform(0, 6, len(METRICS))), services)
    start = POINTS - POINTS // 10
    values[start:, depth * len(METRICS) : (depth + 1) * len(METRICS)] *= 3.0
    caller = depth
    while caller:  # latency travels up to whoever waits
        caller = (caller - 1) // CALLEES
        values[start:, caller * len(METRICS)] *= 1.5
    keys = tuple(SeriesKey(name, metric) for name in names for metric in METRICS)
    times = nominal_times(POINTS, STEP_S)
    fired = times[start].astype(datetime).replace(tzinfo=UTC) + timedelta(seconds=6 * STEP_S)
    alert = Alert(id="speed", source="made", service=names[0], title="latency is high", fired_at=fired,
                  group="speed", metric=METRICS[0])  # fmt: skip
    return alert, Telemetry(Metrics(times, keys, values), graph=ServiceGraph(edges, names)), names[depth]


def _seconds(what: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processor: what else the machine does is in the first alone."""
    wall, cpu = perf_counter(), process_time()
    what()
    return perf_counter() - wall, process_time() - cpu


def _in_own_process(services: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "pipelines.bench.speed", str(services), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ONE_CORE}, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}, perhaps for lack of memory"]
        raise ModelError(f"ranking {services} services failed: {last[0]}; try fewer with --sizes")
    row: dict[str, Any] = json.loads(done.stdout)
    return row


if __name__ == "__main__":
    sys.stdout.write(json.dumps(one_size(int(sys.argv[1]), int(sys.argv[2]))))
