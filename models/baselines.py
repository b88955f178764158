"""The trivial rankings that a real one has to beat. They see metrics and the alert's time, nothing else.

n-sigma and mean-shift compare the samples after a split with those before it. The split is :data:`LOOK_BACK`
before the alert, because an alert comes some time after the trouble it tells of and how long is not known. Where
that leaves fewer than two samples after the split (slow sampling), the last two up to the alert, or failing
that the first after it, are taken as well. A service scores as its worst series does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from data.domain import Alert
from data.telemetry import Floats, Metrics, Telemetry, to_datetime64

LOOK_BACK = timedelta(seconds=120)
Baseline = Callable[[Alert, Telemetry], dict[str, float]]


def random(alert: Alert, telemetry: Telemetry) -> dict[str, float]:
    """No opinion: every service the same. Ties count by expectation, so this scores what guessing does on average."""
    return dict.fromkeys(telemetry.services, 0.0)


def n_sigma(alert: Alert, telemetry: Telemetry) -> dict[str, float]:
    """Largest deviation after the split from the mean before it, in standard deviations before it."""
    return _by_service(alert, telemetry, _deviation)


def mean_shift(alert: Alert, telemetry: Telemetry) -> dict[str, float]:
    """Difference of the means after and before the split, relative to the larger of the two."""
    return _by_service(alert, telemetry, _shift)


BASELINES: dict[str, Baseline] = {"random": random, "n_sigma": n_sigma, "mean_shift": mean_shift}


def _by_service(alert: Alert, telemetry: Telemetry, score: Callable[[Floats, Floats], float]) -> dict[str, float]:
    """The highest score of each service's series; services without a usable series score zero."""
    scores = dict.fromkeys(telemetry.services, 0.0)
    before, after = _split(alert, telemetry.metrics)
    for column, key in enumerate(telemetry.metrics.keys):
        past, now = _finite(before[:, column]), _finite(after[:, column])
        if len(past) and len(now):
            scores[key.service] = max(scores[key.service], score(past, now))
    return scores


def _split(alert: Alert, metrics: Metrics) -> tuple[Floats, Floats]:
    at = int(np.searchsorted(metrics.timestamps, to_datetime64(alert.fired_at - LOOK_BACK)))
    fired = int(np.searchsorted(metrics.timestamps, to_datetime64(alert.fired_at), side="right"))
    at = max(min(at, fired - 2, len(metrics.timestamps) - 1), 0)
    return metrics.values[:at], metrics.values[at:]


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _deviation(past: Floats, now: Floats) -> float:
    # A series that never moved has no standard deviation: a millionth of its level keeps the ratio finite.
    floor = 1e-6 * max(float(np.abs(past).max()), 1e-9)
    return float(np.abs(now - past.mean()).max() / max(float(past.std()), floor))


def _shift(past: Floats, now: Floats) -> float:
    level = max(abs(float(past.mean())), abs(float(now.mean())))
    return abs(float(now.mean()) - float(past.mean())) / level if level > 0 else 0.0
