"""The speed benchmark measures what it says: a planted cause, growth by powers."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import ModelError
from pipelines.bench import speed


def test_made_telemetry_has_the_stated_size_and_one_cause() -> None:
    alert, telemetry, cause = speed.made(20, seed=3)
    metrics = telemetry.metrics
    assert metrics.values.shape == (speed.POINTS, 20 * len(speed.METRICS))
    assert len(telemetry.graph.edges) == 19
    assert alert.service in telemetry.graph.upstream(cause)
    last = metrics.values[-speed.POINTS // 10 :].mean(axis=0) / metrics.values[: speed.POINTS // 2].mean(axis=0)
    tripled = {key.service for key, ratio in zip(metrics.keys, last, strict=True) if ratio > 2.5}
    assert tripled == {cause}
    again = speed.made(20, seed=3)[1]
    assert np.array_equal(again.metrics.values, metrics.values)


@pytest.mark.parametrize("power", [1.0, 1.7])
def test_the_exponent_is_the_slope_over_large_sizes(power: float) -> None:
    rows = [{"services": n, "series": 10 * n, "s": 1e-6 * (10 * n) ** power} for n in (100, 300, 1000)]
    small = {"services": 10, "series": 100, "s": 99.0}
    assert speed.exponent([small, *rows], "s") == pytest.approx(power)
    assert speed.exponent([small], "s") is None


def test_a_size_that_fails_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed.sys, "executable", "/bin/false")
    with pytest.raises(ModelError, match="ranking 7 services failed"):
        speed.measure([7])
