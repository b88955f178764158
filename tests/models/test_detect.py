"""Detection on small planted series: 5-second samples, twenty minutes, one thing wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.telemetry import Metrics, SeriesKey
from models.detect import SETTLE, detect, detect_lasting, has_recovered

END = datetime(2026, 3, 2, 3, 20, tzinfo=UTC)
LATENCY = SeriesKey("checkout", "http_server_duration_p95_ms")
ERRORS = SeriesKey("checkout", "http_server_error_ratio")
SUCCESS = SeriesKey("checkout", "success_rate_pct")
CPU = SeriesKey("checkout", "process_cpu_utilization")
CPU_WAIT = SeriesKey("checkout", "process_cpu_wait_ratio")
MEMORY = SeriesKey("checkout", "process_memory_resident_mb")


def series(
    key: SeriesKey, usual: float, noise: float, last: float | None = None, for_s: int = 60, seed: int = 0
) -> Metrics:
    """Twenty minutes of ``usual`` with noise; the last ``for_s`` seconds at ``last``."""
    count = 240
    values = usual + noise * np.random.default_rng(seed).standard_normal((count, 1))
    if last is not None:
        values[-for_s // 5 :] += last - usual
    start = np.datetime64(END.replace(tzinfo=None), "us")
    times = start - np.timedelta64(5_000_000, "us") * np.arange(count)[::-1]
    return Metrics(times.astype("datetime64[us]"), (key,), values)


@pytest.mark.parametrize(
    ("key", "usual", "noise", "now"),
    [(LATENCY, 90, 8, 300), (ERRORS, 0.0, 0.0, 0.3), (ERRORS, 0.01, 0.003, 0.2), (SUCCESS, 99.8, 0.1, 80.0)],
)
def test_a_symptom_that_leaves_its_range_and_stays_out_is_found(
    key: SeriesKey, usual: float, noise: float, now: float
) -> None:
    [breach] = detect(series(key, usual, noise, now), as_of=END)
    assert breach.key == key
    assert breach.usual == pytest.approx(usual, abs=3 * noise + 1e-9)
    assert breach.rises is (now > usual)


@pytest.mark.parametrize(
    ("key", "usual", "noise", "now", "for_s"),
    [
        (LATENCY, 90, 8, None, 60),
        (LATENCY, 90, 8, 120, 60),  # more than usual, but not felt
        (LATENCY, 3.6, 0.1, 7.3, 60),  # twice as much, and a few milliseconds
        (SeriesKey("checkout", "duration", unit="s"), 0.0036, 0.0001, 0.0073, 60),
        (LATENCY, 90, 8, 900, 5),  # one sample
        (LATENCY, 90, 8, 20, 60),  # faster harms nobody
        (ERRORS, 0.0, 0.0, 0.005, 60),  # one in two hundred
        (CPU, 0.1, 0.01, 0.9, 60),  # a cause, not a symptom
        (CPU_WAIT, 0.01, 0.001, 0.9, 60),  # a cause, although it is a time
        (MEMORY, 80, 1, 160, 60),  # a step: it does not go on
    ],
)
def test_what_nobody_feels_raises_nothing(
    key: SeriesKey, usual: float, noise: float, now: float | None, for_s: int
) -> None:
    assert detect(series(key, usual, noise, now, for_s), as_of=END) == ()


def test_an_hour_of_noise_raises_nothing() -> None:
    for seed in range(200):
        assert detect(series(LATENCY, 90, 25, seed=seed), as_of=END) == ()


def test_the_worst_comes_first_and_names_do_not_matter() -> None:
    one, two = series(LATENCY, 90, 8, 200), series(SeriesKey("web", "latency_p99"), 100, 8, 2000, seed=1)
    both = one.joined(two)
    assert [b.key.service for b in detect(both, as_of=END)] == ["web", "checkout"]


def test_nothing_is_said_without_history() -> None:
    assert detect(Metrics.empty(), as_of=END) == ()
    short = series(LATENCY, 90, 8, 900)
    assert detect(short.select([0]).before(END - timedelta(minutes=19)), as_of=END - timedelta(minutes=19)) == ()


def test_back_in_range_for_half_a_minute_is_recovery_and_silence_is_not() -> None:
    [breach] = detect(series(LATENCY, 90, 8, 300), as_of=END)
    healthy, ill = series(LATENCY, 90, 8), series(LATENCY, 90, 8, 300, for_s=10)
    assert has_recovered(healthy, LATENCY, limit=breach.limit, rises=True, as_of=END)
    assert not has_recovered(ill, LATENCY, limit=breach.limit, rises=True, as_of=END)
    assert not has_recovered(healthy, ERRORS, limit=breach.limit, rises=True, as_of=END)
    assert not has_recovered(healthy, LATENCY, limit=breach.limit, rises=True, as_of=END + timedelta(minutes=5))


def filling(per_s: float, for_s: float, teeth: float = 0.0, seed: int = 0) -> Metrics:
    """Memory about 80 MB that grows at the end, beside what it gains and gives back every two minutes."""
    calm = series(MEMORY, 80, 0.5, seed=seed)
    age = np.arange(len(calm.timestamps))[::-1] * 5.0
    grown = per_s * np.clip(for_s - age, 0, None) + teeth * ((-age) % 120) / 120
    return Metrics(calm.timestamps, calm.keys, calm.values + grown[:, None])


def test_what_fills_up_is_found_before_anybody_feels_it() -> None:
    [breach] = detect(filling(1.0, 50), as_of=END)
    assert breach.key == MEMORY
    assert breach.rises
    assert 79 < breach.usual < 81
    assert breach.usual < breach.limit < breach.now
    assert not has_recovered(filling(1.0, 50), MEMORY, limit=breach.limit, rises=True, as_of=END)
    assert has_recovered(filling(0.0, 0), MEMORY, limit=breach.limit, rises=True, as_of=END)


def test_what_is_felt_goes_before_what_fills_up_however_far_that_has_grown() -> None:
    both = filling(10.0, 50).joined(series(LATENCY, 90, 8, 200))
    assert [breach.key for breach in detect(both, as_of=END)] == [LATENCY, MEMORY]


def test_growth_that_is_slow_or_comes_and_goes_raises_nothing() -> None:
    for seed in range(50):
        assert detect(filling(0.02, 1200, seed=seed), as_of=END) == ()
        assert detect(filling(0.0, 0, teeth=60, seed=seed), as_of=END) == ()


def test_an_alert_waits_until_trouble_has_settled() -> None:
    ill = series(LATENCY, 90, 8, 300, for_s=60)
    first = next(END - timedelta(seconds=s) for s in range(60, 0, -1) if detect(ill.before(_ago(s)), as_of=_ago(s)))
    assert detect_lasting(ill, as_of=first + SETTLE - timedelta(seconds=2)) == ()
    assert detect_lasting(ill, as_of=first + SETTLE)


def test_what_is_hit_hardest_leads_once_trouble_has_settled() -> None:
    early, deep = series(LATENCY, 90, 8, 300, for_s=60), series(SeriesKey("db", "latency_p95_ms"), 9, 1, 900, for_s=30)
    assert detect_lasting(early.joined(deep), as_of=END)[0].key.service == "db"


def _ago(seconds: float) -> datetime:
    return END - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("metric", "others", "over"),
    [
        ("http_server_errors_per_second", True, True),  # a new instance has no error to count
        ("http_server_errors_per_second", False, False),  # nothing is heard of the service at all
        ("http_server_error_ratio", True, False),
        ("http_server_duration_p95_ms", True, False),
    ],
)
def test_only_a_count_of_failures_may_fall_silent_and_be_over(metric: str, others: bool, over: bool) -> None:
    silent = series(SeriesKey("checkout", metric), 0.0, 0.0, 0.5, for_s=300)
    silent.values[-24:] = np.nan
    beside = series(CPU, 0.1, 0.01)
    beside.values[-24:] = beside.values[-24:] if others else np.nan
    key = silent.keys[0]
    assert has_recovered(silent.joined(beside), key, limit=0.02, rises=True, as_of=END) is over
