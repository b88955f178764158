from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.domain import Alert
from data.telemetry import Metrics, SeriesKey
from models.onset import BELIEVED, MAX_BLIND, MAX_DELAY, SPARE_ROWS, SPARE_SERIES, affordable, estimate_onsets

START = datetime(2026, 1, 1, tzinfo=UTC)
FAULT = START + timedelta(minutes=40)


def alert(at: datetime) -> Alert:
    return Alert(id="a", source="test", service="front", title="slow", fired_at=at, group="a", metric="latency_ms")


def recording(step_s: int, minutes: int, fault: datetime, seed: int) -> Metrics:
    """Four services with two series each; the front and one other change at ``fault``."""
    count = minutes * 60 // step_s
    clock = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(count) * np.timedelta64(step_s, "s")
    keys = tuple(SeriesKey(s, m) for s in ("front", "a", "b", "c") for m in ("latency_ms", "cpu"))
    values = np.random.default_rng(seed).normal(100, 5, (count, len(keys)))
    late = clock >= np.datetime64(fault.replace(tzinfo=None), "us")
    values[late, 0] += 60
    values[late, 2] += 60
    return Metrics(clock, keys, values)


@pytest.mark.parametrize("delay_s", [0, 30, 60, 120, 240])
@pytest.mark.parametrize("step_s", [1, 15, 60])
def test_the_onset_is_found_however_late_the_alert(step_s: int, delay_s: int) -> None:
    fault = START + timedelta(minutes=40)
    fired = fault + timedelta(seconds=delay_s)
    onset, *_ = estimate_onsets([recording(step_s, 60, fault, delay_s)], alert(fired), fired + timedelta(minutes=3))
    assert abs(onset.at - fault) <= timedelta(seconds=max(step_s, 3))
    assert onset.earliest <= onset.at <= onset.latest


def test_five_minute_samples_work() -> None:
    fault = START + timedelta(hours=10)
    fired = fault + timedelta(minutes=9)
    onset, *_ = estimate_onsets([recording(300, 1200, fault, 3)], alert(fired), fired + timedelta(minutes=15))
    assert onset.at == fault


def test_nothing_after_as_of_is_used() -> None:
    fault = START + timedelta(minutes=40)
    fired = as_of = fault + timedelta(minutes=2)
    table = recording(60, 60, fault, 0)
    tampered = Metrics(table.timestamps, table.keys, table.values.copy())
    tampered.values[43:] = 1e6
    assert estimate_onsets([table], alert(fired), as_of) == estimate_onsets([tampered], alert(fired), as_of)


def test_without_series_the_alert_is_the_guess_and_the_doubt_is_said() -> None:
    onset, *_ = estimate_onsets([], alert(START), START)
    assert onset.at == START
    assert onset.earliest < START


def test_half_of_what_is_believed_stays_with_the_delay_of_alerts() -> None:
    fired = FAULT + timedelta(seconds=60)
    onsets = estimate_onsets([recording(10, 60, FAULT, 3)], alert(fired), fired + timedelta(minutes=3))
    blind = [onset for onset in onsets if onset.blind]
    assert sum(onset.probability for onset in onsets) == pytest.approx(1.0)
    assert sum(onset.probability for onset in blind) == pytest.approx(1.0 - BELIEVED)
    assert not onsets[0].blind
    assert len(blind) == MAX_BLIND
    assert all(fired - MAX_DELAY <= onset.at <= fired and onset.earliest == onset.at for onset in blind)


def test_where_samples_are_rare_equal_guesses_are_one_and_go_back_no_further() -> None:
    fault = START + timedelta(hours=10)
    fired = fault + timedelta(minutes=9)
    onsets = estimate_onsets([recording(300, 1200, fault, 3)], alert(fired), fired + timedelta(minutes=15))
    blind = [onset for onset in onsets if onset.blind]
    assert len({onset.at for onset in blind}) == len(blind) < MAX_BLIND
    assert all(onset.at >= fired - MAX_DELAY for onset in blind)


def test_a_recording_that_begins_shortly_before_the_alert_keeps_half_of_itself_as_a_past() -> None:
    fault = START + timedelta(minutes=3)
    fired = fault + timedelta(seconds=60)
    onsets = estimate_onsets([recording(5, 10, fault, 3)], alert(fired), fired + timedelta(minutes=3))
    blind = [onset.at for onset in onsets if onset.blind]
    assert min(blind) == START + timedelta(minutes=2)
    assert len(blind) == MAX_BLIND


def test_a_very_large_system_is_looked_at_for_what_was_seen_alone() -> None:
    fired = FAULT + timedelta(seconds=60)
    onsets = estimate_onsets([recording(60, 60, FAULT, 1)], alert(fired), fired, blind=affordable(SPARE_SERIES + 1, 0))
    assert not any(onset.blind for onset in onsets)
    assert sum(onset.probability for onset in onsets) == pytest.approx(1.0)
    assert affordable(100, SPARE_ROWS + 1) == 0
    assert affordable(100, 1_000) == MAX_BLIND
