"""Calibration: known values, and bounds that hold for any input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import (
    accuracy_when_answering,
    brier,
    expected_calibration_error,
    fit_temperature,
    reliability,
    softmax,
)

pairs = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60)


@given(pairs)
def test_errors_are_bounded_and_the_table_holds_every_case(cases: list[tuple[float, float]]) -> None:
    confidence, correct = zip(*cases, strict=True)
    rows = reliability(confidence, correct)
    assert sum(row.count for row in rows) == len(cases)
    assert all(row.low - 1e-9 <= row.confidence <= row.high + 1e-9 for row in rows)
    error = expected_calibration_error(confidence, correct)
    assert 0 <= error <= 1
    assert abs(np.mean(confidence) - np.mean(correct)) <= error + 1e-9
    assert 0 <= brier(confidence, correct) <= 1


def test_answering_the_surest_cases_alone() -> None:
    known = accuracy_when_answering([0.2, 0.9, 0.6, 0.6], [0, 1, 0, 1])
    assert known == pytest.approx([1.0, 0.75, 2 / 3, 0.5])
    assert len(accuracy_when_answering([], [])) == 0


@given(pairs)
def test_answering_everything_is_the_accuracy_in_whatever_order(cases: list[tuple[float, float]]) -> None:
    forwards, backwards = (accuracy_when_answering(*zip(*some, strict=True)) for some in (cases, cases[::-1]))
    assert forwards == pytest.approx(backwards)
    assert forwards[-1] == pytest.approx(np.mean([right for _, right in cases]))


def test_known_values() -> None:
    assert expected_calibration_error([0.8] * 5, [1, 1, 1, 1, 0]) == pytest.approx(0.0)
    assert expected_calibration_error([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0]) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
    assert expected_calibration_error([1.0, 0.0], [0, 1]) == 1.0
    assert brier([0.7, 0.2], [1, 0]) == pytest.approx((0.09 + 0.04) / 2)
    assert np.isnan(expected_calibration_error([], []))
    assert np.isnan(brier([], []))


@pytest.mark.parametrize(
    ("confidence", "correct"), [([1.2], [1]), ([0.5], [2]), ([0.5, 0.5], [1]), ([float("nan")], [1])]
)
def test_what_is_no_probability_is_refused(confidence: list[float], correct: list[float]) -> None:
    with pytest.raises(ValueError, match=r"must lie in|one confidence"):
        expected_calibration_error(confidence, correct)


@pytest.mark.parametrize("planted", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_answers_is_found(planted: float) -> None:
    rng = np.random.default_rng(3)
    scores = [rng.normal(0, 3, size=rng.integers(3, 9)) for _ in range(3000)]
    answers = [int(rng.choice(len(s), p=softmax(s, planted))) for s in scores]
    assert fit_temperature(scores, answers) == pytest.approx(planted, rel=0.1)


def test_a_temperature_needs_cases() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_temperature([], [])


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=20), st.floats(0.05, 20))
def test_softmax_is_a_distribution_that_keeps_the_order(scores: list[float], temperature: float) -> None:
    probabilities = softmax(np.array(scores), temperature)
    assert probabilities.sum() == pytest.approx(1.0)
    assert probabilities[int(np.argmax(scores))] == probabilities.max()
