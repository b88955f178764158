from __future__ import annotations

import numpy as np
import pytest

from models.anomaly.alarms import alarms, peaks_above, threshold_for


@pytest.mark.parametrize("rate", [1e-2, 1e-3, 1e-4])
def test_the_rate_asked_for_is_the_rate_had(rate: float) -> None:
    rng = np.random.default_rng(0)
    threshold = threshold_for(rng.exponential(size=10_000), rate)
    fresh = rng.exponential(size=1_000_000)
    had = len(peaks_above(fresh, threshold.value, 1)) / len(fresh)
    assert rate / 3 < had < rate * 3


def test_a_history_too_short_for_one_alarm_says_so() -> None:
    scores = np.random.default_rng(0).random(500)
    assert threshold_for(scores, 1e-4).extrapolated
    assert "extrapolated" in threshold_for(scores, 1e-4).text
    assert not threshold_for(scores, 0.05).extrapolated


def test_anomalies_in_an_untrusted_record_do_not_raise_its_threshold() -> None:
    scores = np.random.default_rng(0).random(2000)
    scores[500:520] = 50.0
    threshold = threshold_for(scores, 1e-3, span=10, trusted=False)
    assert threshold.value < 5
    assert alarms(scores, threshold).sum() == 20


def test_rows_near_one_another_are_one_episode() -> None:
    scores = np.zeros(100)
    scores[[10, 12, 15, 60]] = [1.0, 3.0, 2.0, 5.0]
    np.testing.assert_array_equal(peaks_above(scores, 0.5, span=5), [3.0, 5.0])


def test_a_record_that_never_varies_raises_no_alarm() -> None:
    flat = np.full(500, 0.7)
    assert not alarms(flat, threshold_for(flat, 1e-3)).any()


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        threshold_for(np.ones(10), 0.0)
