"""Ranking metrics: exact under ties, and equal to brute force over every order of them."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.metrics import ac_at_k, avg_at_k, bootstrap, reciprocal_rank

NAMES = "abcdef"
rankings = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.0, 1.0, 2.0]), max_size=5)
answers = st.sets(st.sampled_from(NAMES), min_size=1, max_size=3)
depths = st.integers(1, 7)


def orders(scores: dict[str, float]) -> list[tuple[str, ...]]:
    """Every order that the scores allow."""
    return [p for p in permutations(scores) if all(scores[a] >= scores[b] for a, b in pairwise(p))]


@given(rankings, answers, depths)
def test_ac_at_k_is_the_mean_over_every_order_of_ties(scores: dict[str, float], true: set[str], k: int) -> None:
    found = [len(true & set(order[:k])) / min(k, len(true)) for order in orders(scores)]
    assert ac_at_k(scores, true, k) == pytest.approx(np.mean(found))


@given(rankings, answers)
def test_reciprocal_rank_is_the_mean_over_every_order_of_ties(scores: dict[str, float], true: set[str]) -> None:
    def best(order: tuple[str, ...]) -> float:
        return max((1 / (place + 1) for place, name in enumerate(order) if name in true), default=0.0)

    assert reciprocal_rank(scores, true) == pytest.approx(np.mean([best(order) for order in orders(scores)]))


@given(rankings, answers, depths)
def test_figures_are_shares_and_do_not_depend_on_the_order_given(
    scores: dict[str, float], true: set[str], k: int
) -> None:
    backwards = dict(reversed(scores.items()))
    for figure in (ac_at_k(scores, true, k), avg_at_k(scores, true, k), reciprocal_rank(scores, true)):
        assert 0.0 <= figure <= 1.0 + 1e-12
    assert ac_at_k(scores, true, k) == ac_at_k(backwards, true, k)
    assert reciprocal_rank(scores, true) == pytest.approx(reciprocal_rank(backwards, true))


@given(rankings, st.sampled_from(NAMES))
def test_a_deeper_look_never_finds_less_of_one_cause(scores: dict[str, float], true: str) -> None:
    figures = [ac_at_k(scores, {true}, k) for k in range(1, 7)]
    assert figures == sorted(figures)


def test_known_values() -> None:
    scores = {"a": 3.0, "b": 2.0, "c": 2.0, "d": 1.0}
    assert ac_at_k(scores, {"b"}, 1) == 0.0
    assert ac_at_k(scores, {"b"}, 2) == 0.5
    assert ac_at_k(scores, {"b"}, 3) == 1.0
    assert avg_at_k(scores, {"b"}) == pytest.approx((0 + 0.5 + 1 + 1 + 1) / 5)
    assert reciprocal_rank(scores, {"b"}) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert ac_at_k(scores, {"a", "d"}, 1) == 1.0
    assert ac_at_k(scores, {"a", "d"}, 3) == 0.5


def test_an_absent_cause_is_a_miss_and_an_undefined_score_comes_last() -> None:
    assert ac_at_k({"a": 1.0}, {"z"}, 5) == 0.0
    assert reciprocal_rank({}, {"z"}) == 0.0
    assert ac_at_k({"a": float("nan"), "b": -5.0}, {"b"}, 1) == 1.0


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="without a true cause"):
        ac_at_k({"a": 1.0}, (), 1)
    with pytest.raises(ValueError, match="at least 1"):
        ac_at_k({"a": 1.0}, {"a"}, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_is_repeatable(values: list[float]) -> None:
    interval = bootstrap(values, resamples=200)
    assert interval == bootstrap(values, resamples=200)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.value == pytest.approx(np.mean(values))


def test_the_interval_has_about_the_width_theory_gives() -> None:
    values = [0.0, 1.0] * 200
    interval = bootstrap(values)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(400), rel=0.15)
    assert all(np.isnan(v) for v in (bootstrap([]).value, bootstrap([]).low))
