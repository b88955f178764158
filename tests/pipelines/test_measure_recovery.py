"""What is measured of calling a write harmful: both kinds of being wrong can be seen in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.telemetry import Metrics, SeriesKey
from pipelines.measure_recovery import called_harmful, share

START = datetime(2026, 3, 2, 3, tzinfo=UTC)


def recorded(later: float, minutes: float = 20.0) -> Metrics:
    """A latency around 100 ms that is ``later`` from the middle on."""
    seconds = np.arange(0.0, minutes * 60, 5.0)
    level = np.where(seconds < minutes * 30, 100.0, later) * (
        1 + 0.05 * np.random.default_rng(1).standard_normal(len(seconds))
    )
    times = np.datetime64(START.replace(tzinfo=None), "us") + (seconds * 1e6).astype("timedelta64[us]")
    return Metrics(times, (SeriesKey("api", "http_server_request_duration_p95_ms", "", "ms"),), level[:, None])


@pytest.mark.parametrize(("later", "harmful"), [(100.0, False), (400.0, True)])
def test_a_write_is_called_harmful_where_something_got_worse(later: float, harmful: bool) -> None:
    assert called_harmful(recorded(later), START + timedelta(minutes=10)) is harmful


def test_too_short_a_recording_says_nothing() -> None:
    assert called_harmful(recorded(400.0, minutes=1.5), START + timedelta(minutes=1)) is None


def test_only_what_could_be_looked_at_counts() -> None:
    found = share([True, False, None, False, False])
    assert (found["writes"], found["too_short"], found["harmful"]) == (4, 1, 0.25)
    assert share([None]) == {"writes": 0, "too_short": 1}
