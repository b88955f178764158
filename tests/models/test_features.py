from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.telemetry import Metrics, SeriesKey
from models.features import MAX_SCORE, Period, by_name, change_scores

START = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = START + timedelta(minutes=60)
PERIOD = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=10))
T, FAULT = 70, 60


def metrics(*columns: np.ndarray, names: tuple[str, ...] = ("latency_ms",)) -> Metrics:
    clock = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(T) * np.timedelta64(60, "s")
    keys = tuple(SeriesKey(f"s{i}", names[i % len(names)]) for i in range(len(columns)))
    return Metrics(clock, keys, np.column_stack(columns).astype(float))


def noise(seed: int = 0, level: float = 100.0) -> np.ndarray:
    return level + np.random.default_rng(seed).normal(0, 5, T)


def stepped(by: float, seed: int = 0) -> np.ndarray:
    values = noise(seed)
    values[FAULT:] += by
    return values


def test_a_step_outscores_noise_and_keeps_its_sign() -> None:
    scores = change_scores(metrics(stepped(100), noise(1), stepped(-60, 2)), PERIOD)
    assert scores.z[0] > 10 > abs(scores.z[1])
    assert scores.z[2] < -5
    assert scores.base[0] == pytest.approx(100, abs=3)
    assert scores.now[0] == pytest.approx(200, abs=5)


def test_a_fall_of_latency_harms_less_than_a_rise() -> None:
    scores = change_scores(metrics(stepped(60), stepped(-60)), PERIOD)
    assert scores.harm[1] < 0.5 * scores.harm[0]


def test_a_constant_series_that_twitches_does_not_beat_a_real_fault() -> None:
    twitch = np.full(T, 100.0)
    twitch[FAULT:] = 100.5
    scores = change_scores(metrics(twitch, stepped(100), noise(2)), PERIOD)
    assert scores.harm[0] < 1 < scores.harm[1]


def test_series_that_never_change_score_zero() -> None:
    scores = change_scores(metrics(np.zeros(T), np.full(T, 7.0)), PERIOD)
    assert scores.z.tolist() == [0.0, 0.0]


def test_a_counter_is_judged_by_its_growth() -> None:
    steady = np.cumsum(np.full(T, 10.0) + np.random.default_rng(0).uniform(0, 1, T))
    bursting = steady.copy()
    bursting[FAULT:] += np.cumsum(np.full(T - FAULT, 200.0))
    scores = change_scores(metrics(steady, bursting, names=("errors_total",)), PERIOD)
    assert scores.harm[0] < 3 < scores.harm[1]
    assert scores.now[1] == pytest.approx(210, abs=2)


def test_missing_samples_neither_crash_nor_score() -> None:
    holes = stepped(100)
    holes[::3] = np.nan
    nothing, new = np.full(T, np.nan), np.full(T, np.nan)
    new[FAULT:] = 1000.0
    scores = change_scores(metrics(holes, nothing, new), PERIOD)
    assert scores.z[0] > 10
    assert scores.z[1] == scores.z[2] == 0.0
    assert np.isnan(scores.base[2])


def test_a_series_that_stops_reporting_has_vanished() -> None:
    gone = noise()
    gone[FAULT:] = np.nan
    scores = change_scores(metrics(gone, noise(1)), PERIOD)
    assert scores.vanished.tolist() == [True, False]


def test_what_had_changed_before_the_onset_is_not_the_incident() -> None:
    earlier = noise()
    earlier[FAULT - 20 :] += 100
    scores = change_scores(metrics(earlier, stepped(100)), PERIOD)
    assert scores.harm[0] < 2 < scores.harm[1]


def test_a_small_fall_of_a_high_availability_is_seen() -> None:
    availability = np.full(T, 100.0)
    availability[FAULT:] = 97.0
    scores = change_scores(metrics(availability, names=("availability",)), PERIOD)
    assert scores.harm[0] > 3


def test_samples_after_the_period_do_not_count() -> None:
    late = stepped(100)
    tampered = late.copy()
    tampered[FAULT + 6 :] = 1e9
    period = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=5))
    assert change_scores(metrics(late), period).z == change_scores(metrics(tampered), period).z


def test_scores_are_bounded_and_the_input_is_left_alone() -> None:
    table = metrics(stepped(1e12), noise(1))
    before = table.values.copy()
    assert change_scores(table, PERIOD).z.max() <= MAX_SCORE
    np.testing.assert_array_equal(table.values, before)


@pytest.mark.parametrize("every", [1, 2, 3, 5, 10])
def test_a_long_past_is_thinned_without_losing_series_that_are_sampled_rarely(every: int) -> None:
    values = 100 + np.random.default_rng(0).standard_normal(800)
    values[700:] += 50
    values[np.arange(800) % every != 0] = np.nan
    times = np.datetime64("2026-01-01", "us") + np.arange(800) * np.timedelta64(1_000_000, "us")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    period = Period(*(start + timedelta(seconds=s) for s in (700, 700, 800)))
    scores = change_scores(Metrics(times, (SeriesKey("web", "latency_ms"),), values[:, None]), period)
    assert scores.base[0] == pytest.approx(100, abs=0.5)
    assert scores.z[0] > 10
    assert scores.shift[0] == pytest.approx(1 / 3, abs=0.02)


def test_no_series_no_scores() -> None:
    assert change_scores(Metrics.empty(), PERIOD).z.shape == (0,)


def test_what_a_name_tells_is_asked_once_and_never_taken_from_other_series() -> None:
    asked: list[str] = []

    def length(metric: str, unit: str) -> int:
        asked.append(metric)
        return len(metric) + len(unit)

    one = tuple(SeriesKey(service, metric) for service in ("a", "b") for metric in ("cpu", "latency"))
    other = tuple(SeriesKey(key.service, f"{key.metric}_p99", "", "ms") for key in one)
    assert by_name(one, length, int).tolist() == [3, 7, 3, 7]
    assert asked == ["cpu", "latency"]
    assert by_name(other, length, int).tolist() == [9, 13, 9, 13]
    assert by_name((), length, int).tolist() == []
