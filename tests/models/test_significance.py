"""Shares of small counts, against figures worked out elsewhere."""

from __future__ import annotations

import math

import pytest

from models.significance import chance_of_more, holm, share


def test_the_interval_is_wilsons() -> None:
    found = share(0, 10)
    assert (found.value, found.low) == (0.0, pytest.approx(0.0, abs=1e-9))
    assert found.high == pytest.approx(1.96**2 / (10 + 1.96**2), abs=1e-3)
    assert math.isnan(share(0, 0).value)


def test_a_larger_share_is_unlikely_by_chance() -> None:
    assert chance_of_more(4, 4, 0, 4) == pytest.approx(1 / 70), "one of the seventy ways to choose four of eight"
    assert chance_of_more(2, 10, 20, 100) > 0.5


def test_many_questions_cost() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, 0.9]) == [1.0, 1.0]
