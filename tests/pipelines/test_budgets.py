"""Error budgets: told of while there is time, for every service whose failures are counted in whatever way."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from data.telemetry import Floats, Metrics, SeriesKey
from pipelines.budgets import budgets_foretold
from pipelines.foretold import Foretold

MINUTES = 180
START = np.datetime64(datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None), "us")


def metrics(**columns: Floats) -> Metrics:
    clock = START + np.arange(MINUTES) * np.timedelta64(60, "s")
    return Metrics(clock, tuple(SeriesKey("web", name) for name in columns), np.stack(list(columns.values()), axis=1))


def failing(share: float, minutes: int) -> Floats:
    """A share that failed for the last so many minutes."""
    rows = np.full(MINUTES, 0.0)
    rows[MINUTES - minutes :] = share
    return rows


def foretold(**columns: Floats) -> Foretold:
    (found,) = budgets_foretold(metrics(**columns), objective=0.999)
    return found


def test_a_budget_that_burns_fast_is_told_of_with_the_time_left() -> None:
    found = foretold(error_ratio=failing(0.02, 90))
    assert (found.is_likely, found.is_unlikely) == (True, False)
    assert found.key == SeriesKey("web", "error budget")
    assert found.extra["burn_rate"] == pytest.approx(20.0)
    # 30 days at twenty times the rate, less what is spent: 36 h less the hour and a half it has burned.
    assert found.extra["lead_s"] == pytest.approx((36 - 1.5) * 3600, rel=0.01)
    assert found.title == (
        "web error budget of 99.9% over 30 days will be gone in about 34 h: it burns 20 times as fast as allowed"
    )


@pytest.mark.parametrize(
    "rows", [failing(0.0, 0), failing(0.001, 90), failing(0.02, 2)], ids=["nothing", "as allowed", "a blip"]
)
def test_what_leaves_time_is_not_told_of(rows: Floats) -> None:
    found = foretold(error_ratio=rows)
    assert (found.is_likely, found.is_unlikely) == (False, True)


def test_what_is_over_is_called_off() -> None:
    rows = failing(0.02, 90)
    rows[-10:] = 0.0
    assert foretold(error_ratio=rows).is_unlikely


def test_failed_requests_are_set_against_all_requests_also_where_both_are_counters() -> None:
    asked = np.full(MINUTES, 600.0)
    failed = asked * failing(0.02, 90)
    failed[: MINUTES - 90] = 0.1
    by_rate = foretold(requests_total=asked, requests_failed=failed)
    by_counter = foretold(requests_total=np.cumsum(asked), requests_failed=np.cumsum(failed))
    for found in (by_rate, by_counter):
        assert found.extra["burn_rate"] == pytest.approx(20.0, rel=0.05)


def test_a_service_whose_failures_nobody_counts_has_no_budget() -> None:
    assert list(budgets_foretold(metrics(latency_ms=np.full(MINUTES, 5.0)), objective=0.999)) == []
    assert list(budgets_foretold(Metrics.empty(), objective=0.999)) == []
