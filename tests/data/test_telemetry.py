from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from data.domain import Change, ChangeKind
from data.telemetry import Metrics, SeriesKey, Telemetry

T0 = datetime(2026, 3, 2, 3, tzinfo=UTC)


def long(rows: list[tuple[int, str, str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["timestamp", "service", "metric", "value"])
    return frame.assign(timestamp=[T0 + timedelta(seconds=s) for s in frame["timestamp"]])


def test_series_are_aligned_on_one_clock_with_gaps_as_nan() -> None:
    metrics = Metrics.from_long(long([(0, "a", "cpu", 1.0), (10, "a", "cpu", 2.0), (5, "b", "cpu", 9.0)]))
    assert metrics.keys == (SeriesKey("a", "cpu"), SeriesKey("b", "cpu"))
    np.testing.assert_array_equal(metrics.values, [[1, np.nan], [np.nan, 9], [2, np.nan]])


def test_repeats_are_averaged_and_text_and_infinities_dropped() -> None:
    rows = [(0, "a", "cpu", 1.0), (0, "a", "cpu", 3.0), (1, "a", "cpu", "n/a"), (2, "a", "cpu", float("inf"))]
    metrics = Metrics.from_long(long(rows))  # type: ignore[arg-type]
    np.testing.assert_array_equal(metrics.values, [[2.0]])


def test_long_form_round_trips() -> None:
    metrics = Metrics.from_long(long([(0, "a", "cpu", 1.0), (5, "b", "mem", 9.0)]).assign(instance="i", unit="MB"))
    again = Metrics.from_long(metrics.to_long())
    assert again.keys == metrics.keys == (SeriesKey("a", "cpu", "i", "MB"), SeriesKey("b", "mem", "i", "MB"))
    np.testing.assert_array_equal(again.values, metrics.values)
    np.testing.assert_array_equal(again.timestamps, metrics.timestamps)


def test_nothing_after_the_instant_is_left() -> None:
    spans = pd.DataFrame(
        {
            "timestamp": pd.to_datetime([T0, T0 + timedelta(seconds=9)]),
            "duration_ms": [1000.0, 5000.0],
            "service": ["a", "a"],
        }
    )
    change = Change(id="c", kind=ChangeKind.commit, timestamp=T0 + timedelta(seconds=11))
    telemetry = Telemetry(
        metrics=Metrics.from_long(long([(0, "a", "cpu", 1.0), (10, "a", "cpu", 2.0), (11, "a", "cpu", 3.0)])),
        spans=spans,
        changes=(change,),
    )
    cut = telemetry.before(T0 + timedelta(seconds=10))
    np.testing.assert_array_equal(cut.metrics.values, [[1.0], [2.0]])
    assert len(cut.spans) == 1, "a span that is still open has not been exported"
    assert cut.changes == ()


def test_joining_two_sources_unites_clocks_and_drops_repeated_changes() -> None:
    change = Change(id="c", kind=ChangeKind.commit, timestamp=T0)
    one = Telemetry(metrics=Metrics.from_long(long([(0, "a", "cpu", 1.0)])), changes=(change,))
    two = Telemetry(metrics=Metrics.from_long(long([(7, "b", "cpu", 2.0)])), changes=(change,))
    both = one.joined(two)
    assert both.metrics.values.shape == (2, 2)
    assert both.changes == (change,)
    assert both.services == ("a", "b")


def test_empty_telemetry_is_usable() -> None:
    empty = Telemetry()
    assert empty.services == ()
    assert empty.before(T0).joined(Telemetry()).metrics.values.shape == (0, 0)
