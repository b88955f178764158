"""The baselines find a planted fault, and survive what real columns look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.domain import Alert
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64
from models.baselines import BASELINES, n_sigma, random

T0 = datetime(2024, 1, 1, tzinfo=UTC)
KEYS = (SeriesKey("a", "cpu"), SeriesKey("b", "cpu"), SeriesKey("b", "memory"))


def telemetry(values: np.ndarray, step_s: float = 10.0) -> Telemetry:
    clock = to_datetime64(T0) + (np.arange(len(values)) * step_s * 1e6).astype("timedelta64[us]")
    return Telemetry(Metrics(clock, KEYS, values))


def alert_after(seconds: float) -> Alert:
    return Alert(id="x", source="test", service="a", title="", fired_at=T0 + timedelta(seconds=seconds), group="x")


@pytest.mark.parametrize("name", ["n_sigma", "mean_shift"])
@pytest.mark.parametrize("step_s", [1.0, 60.0, 300.0])
def test_a_planted_fault_leads_at_any_sampling(name: str, step_s: float) -> None:
    values = np.random.default_rng(1).normal(10.0, 1.0, size=(120, 3))
    values[100:, 2] += 30.0
    scores = BASELINES[name](alert_after(100 * step_s + 60), telemetry(values, step_s))
    assert max(scores, key=scores.__getitem__) == "b"


def test_random_has_no_opinion() -> None:
    assert set(random(alert_after(0), telemetry(np.ones((3, 3)))).values()) == {0.0}


@pytest.mark.parametrize("name", sorted(BASELINES))
@given(
    values=arrays(float, st.tuples(st.integers(0, 12), st.just(3)), elements=st.floats(-1e12, 1e12) | st.just(np.nan)),
    fired=st.floats(-100, 300),
)
def test_scores_are_finite_whatever_the_columns_hold(name: str, values: np.ndarray, fired: float) -> None:
    seen = telemetry(values)
    kept = values.copy()
    scores = BASELINES[name](alert_after(fired), seen)
    assert set(scores) == set(seen.services)
    assert all(np.isfinite(score) and score >= 0 for score in scores.values())
    np.testing.assert_array_equal(seen.metrics.values, kept)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_without_metrics_there_are_no_scores(name: str) -> None:
    assert BASELINES[name](alert_after(0), Telemetry()) == {}


def test_a_flat_series_that_stays_flat_is_not_suspicious() -> None:
    values = np.full((40, 3), 7.0)
    values[30:, 0] += 0.001
    scores = n_sigma(alert_after(300), telemetry(values))
    assert scores["b"] == 0.0
    assert scores["a"] > 0.0
