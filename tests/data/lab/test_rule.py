from __future__ import annotations

import pandas as pd
import pytest

from data.lab.rule import Rule
from data.telemetry import Metrics

RULE = Rule("checkout", "latency_ms", threshold=100.0, samples=3)


def series(*values: float) -> Metrics:
    times = pd.date_range("2026-01-01", periods=len(values), freq="5s", tz="UTC")
    rows = [
        {"timestamp": t, "service": "checkout", "metric": "latency_ms", "value": v}
        for t, v in zip(times, values, strict=True)
    ]
    return Metrics.from_long(pd.DataFrame(rows, columns=["timestamp", "service", "metric", "value"]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((90.0, 120.0, 130.0, 140.0), 140.0),
        ((120.0, 130.0, 90.0, 140.0), None),
        ((120.0, 130.0), None),
        ((100.0, 100.0, 100.0), None),
        ((), None),
    ],
)
def test_it_fires_on_enough_samples_in_a_row(values: tuple[float, ...], expected: float | None) -> None:
    assert RULE.breach(series(*values)) == expected


def test_another_services_metric_does_not_fire_it() -> None:
    assert Rule("cart", "latency_ms", 100.0, 3).breach(series(120.0, 130.0, 140.0)) is None
