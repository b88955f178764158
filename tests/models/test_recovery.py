"""Where series stand after something was done, against their own past before the trouble."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.telemetry import Metrics, SeriesKey
from models.recovery import Span, levels, newly_troubled, symptoms_of

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
SPAN = Span(START + timedelta(minutes=20), START + timedelta(minutes=25), START + timedelta(minutes=29))
LATENCY = "http_server_request_duration_p95_ms"
# Usual, in trouble, since the write.
Course = tuple[float, float, float]


def key(service: str, metric: str = LATENCY, unit: str = "ms") -> SeriesKey:
    return SeriesKey(service, metric, "", unit)


def metrics(courses: Mapping[SeriesKey, Course], *, step_s: float = 5.0, silent: str | None = None) -> Metrics:
    """Noisy series on one grid; a ``silent`` service reports nothing after the write."""
    seconds = np.arange(0.0, (SPAN.as_of - START).total_seconds() + 1, step_s)
    times = np.datetime64(START.replace(tzinfo=None), "us") + (seconds * 1e6).astype("timedelta64[us]")
    rng = np.random.default_rng(7)
    columns = []
    for series, (usual, trouble, since) in courses.items():
        level = np.where(seconds < 1200, usual, np.where(seconds < 1500, trouble, since))
        values = level * (1 + 0.05 * rng.standard_normal(len(seconds)))
        columns.append(np.where((series.service == silent) & (seconds >= 1500), np.nan, values))
    return Metrics(times, tuple(courses), np.stack(columns, axis=1))


@pytest.mark.parametrize("step_s", [2.0, 5.0, 30.0, 60.0])
@pytest.mark.parametrize(("since", "back"), [(100.0, True), (400.0, False), (160.0, False)])
def test_a_series_is_back_within_its_usual_range_and_nowhere_else(since: float, back: bool, step_s: float) -> None:
    [level] = levels(metrics({key("api"): (100, 400, since)}, step_s=step_s), {key("api")}, SPAN)
    assert level.back is back
    assert level.usual == pytest.approx(100, rel=0.05)
    assert level.then == pytest.approx(400, rel=0.1)
    assert "api" in level.words


def test_an_availability_is_back_when_it_has_risen() -> None:
    up = key("api", "availability", "%")
    assert [x.back for x in levels(metrics({up: (99.0, 60.0, 99.0)}), {up}, SPAN)] == [True]
    assert [x.back for x in levels(metrics({up: (99.0, 60.0, 61.0)}), {up}, SPAN)] == [False]


def test_silence_is_no_recovery() -> None:
    [level] = levels(metrics({key("api"): (100, 400, 100)}, silent="api"), {key("api")}, SPAN)
    assert level.back is None
    assert "too few samples" in level.words


def test_right_after_the_write_nothing_is_known() -> None:
    early = Span(SPAN.onset, SPAN.applied, SPAN.applied + timedelta(seconds=10))
    [level] = levels(metrics({key("api"): (100, 400, 100)}), {key("api")}, early)
    assert level.back is None


def test_a_series_without_a_past_is_left_out() -> None:
    seen = metrics({key("api"): (100, 400, 100), key("new"): (np.nan, np.nan, 5.0)})
    assert [level.key.service for level in levels(seen, {key("api"), key("new")}, SPAN)] == ["api"]


@pytest.mark.parametrize(("since", "worse"), [(900.0, True), (410.0, False), (100.0, False)])
def test_what_alerted_is_much_worse_when_it_went_much_further(since: float, worse: bool) -> None:
    [level] = levels(metrics({key("api"): (100, 400, since)}), {key("api")}, SPAN)
    assert level.is_much_worse is worse


def test_only_what_was_well_and_is_felt_counts_as_new_trouble() -> None:
    seen = metrics(
        {
            key("api"): (100, 400, 400),
            key("stock"): (20, 20, 300),
            key("cart"): (50, 50, 50),
            key("pay"): (50, 300, 320),
            key("stock", "process_cpu_utilization", ""): (0.1, 0.1, 0.9),
        }
    )
    assert [level.key for level in newly_troubled(seen, SPAN, {"api"})] == [key("stock")]
    assert newly_troubled(seen, SPAN, {"api", "stock"}) == ()


def test_the_blip_of_a_restart_is_no_new_trouble() -> None:
    seen = metrics({key("stock"): (20, 20, 300)})
    just = Span(SPAN.onset, SPAN.applied, SPAN.applied + timedelta(seconds=45))
    assert newly_troubled(seen, just, ()) == ()


def test_nothing_is_changed_and_twice_is_the_same() -> None:
    seen = metrics({key("api"): (100, 400, 100), key("stock"): (20, 20, 300)})
    before = seen.values.copy()
    first = (levels(seen, set(seen.keys), SPAN), newly_troubled(seen, SPAN, ()))
    assert first == (levels(seen, set(seen.keys), SPAN), newly_troubled(seen, SPAN, ()))
    assert np.array_equal(before, seen.values)
    assert symptoms_of(seen, "stock") == (key("stock"),)


def test_a_counter_is_judged_by_its_growth_and_what_fills_up_by_its_level() -> None:
    count, memory = key("api", "http_server_errors_total", ""), key("api", "process_memory_resident_mb", "mb")
    flat = metrics({key("api"): (100, 100, 100)})
    steps = np.arange(len(flat.timestamps), dtype=float)
    # One failure a sample as ever, forty in the trouble, one again; memory creeps up, runs away, and is freed.
    trouble = (flat.timestamps >= np.datetime64("2026-03-02T03:20")) & (
        flat.timestamps < np.datetime64("2026-03-02T03:25")
    )
    failures = np.cumsum(np.where(trouble, 40.0, 1.0) + np.tile([0.5, 0.0], len(steps))[: len(steps)])
    held = 100 + 0.01 * steps + np.where(trouble, 300.0, 0.0)
    seen = Metrics(flat.timestamps, (count, memory), np.stack([failures, held], axis=1))
    assert {level.key: level.back for level in levels(seen, {count, memory}, SPAN)} == {count: True, memory: True}
    leaking = Metrics(flat.timestamps, (memory,), (held + np.where(trouble | (steps > 290), 300.0, 0.0))[:, None])
    assert [level.back for level in levels(leaking, {memory}, SPAN)] == [False]


def test_gaps_left_by_others_on_the_same_grid_do_not_matter() -> None:
    memory = key("api", "process_memory_resident_mb", "mb")
    flat = metrics({key("api"): (100, 400, 100)}, step_s=2.0)
    held = (100 + 0.01 * np.arange(len(flat.timestamps)))[:, None]
    gaps = np.where(np.arange(len(flat.timestamps)) % 2, np.nan, 1.0)[:, None]
    seen = Metrics(flat.timestamps, (*flat.keys, memory), np.hstack([flat.values / gaps, held * gaps]))
    assert [level.back for level in levels(seen, set(seen.keys), SPAN)] == [True, True]
