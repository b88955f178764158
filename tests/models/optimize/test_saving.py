"""The interval of a saving: it holds what later days give, about as often as it says."""

from __future__ import annotations

import numpy as np

from models.optimize.saving import estimate


def left_over(peaks):
    return 1.0 - min(float(peaks[0].max()) / 0.65, 1.0)


def test_two_days_give_no_interval():
    assert estimate(left_over, [np.array([0.2, 0.3])], 2) is None


def test_the_interval_holds_what_as_many_later_days_give():
    rng, held, missed_low, trials = np.random.default_rng(11), 0, 0, 30
    for trial in range(trials):
        peaks = 0.3 * rng.lognormal(0, 0.3, 28)
        found = estimate(left_over, [peaks[:14]], 14, seed=trial)
        assert found is not None
        assert found.low <= found.value <= found.high
        later = left_over([peaks[14:]])
        held += found.low <= later <= found.high
        missed_low += later < found.low
    assert held >= 0.75 * trials
    assert missed_low <= 0.15 * trials


def test_it_is_the_same_each_time_and_wider_for_wilder_days():
    calm, wild = np.array([0.3, 0.31, 0.3, 0.29, 0.3]), np.array([0.3, 0.1, 0.2, 0.25, 0.15])
    first, again, wilder = (estimate(left_over, [p], 5) for p in (calm, calm, wild))
    assert first == again
    assert first is not None
    assert wilder is not None
    assert wilder.high - wilder.low > first.high - first.low


def test_what_rests_on_no_peak_is_what_it_is():
    found = estimate(lambda _: 5.0, (), 7)
    assert found is not None
    assert (found.low, found.value, found.high) == (5.0, 5.0, 5.0)
