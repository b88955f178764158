from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.telemetry import Metrics, SeriesKey
from models.base import Channel, Finding
from models.features import Period, change_scores
from models.sentences import MetricBlock
from models.shift import shift_findings

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(*(START + timedelta(minutes=m) for m in (40, 40, 60)))


def found(levels: dict[tuple[str, str], tuple[float, float]], noise: float = 0.01) -> list[Finding]:
    rng = np.random.default_rng(0)
    values = np.array([[old] * 40 + [new] * 20 for old, new in levels.values()]).T
    times = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(60) * np.timedelta64(60_000_000, "us")
    metrics = Metrics(
        times, tuple(SeriesKey(*key) for key in levels), values * (1 + noise * rng.standard_normal(values.shape))
    )
    return shift_findings(MetricBlock(metrics, change_scores(metrics, PERIOD)), PERIOD)


def test_twice_as_slow_is_half_of_all() -> None:
    (slow,) = found({("web", "latency_ms"): (100, 200)})
    assert (slow.service, slow.channel) == ("web", Channel.times_slower)
    assert slow.score == pytest.approx(5.0, abs=0.2)
    assert "latency_ms of web rose from 99.9 ms to 201 ms" in slow.text


def test_how_wild_a_series_is_does_not_matter() -> None:
    (calm,) = found({("web", "latency_ms"): (100, 400)}, noise=0.01)
    (wild,) = found({("web", "latency_ms"): (100, 400)}, noise=0.3)
    assert wild.score == pytest.approx(calm.score, abs=1.0)


def test_a_resource_counts_by_its_largest_harmful_move_and_once() -> None:
    signs = found({("db", "cpu"): (0.2, 0.4), ("db", "memory"): (50, 500), ("db", "cpu_idle"): (0.1, 0.9)})
    (grown,) = signs
    assert (grown.channel, grown.indicator) == (Channel.grown, "memory")


def test_traffic_and_failures_are_left_to_others() -> None:
    assert found({("web", "requests"): (10, 100), ("web", "errors"): (0, 10)}) == []
    metrics = Metrics.empty()
    assert shift_findings(MetricBlock(metrics, change_scores(metrics, PERIOD)), PERIOD) == []
