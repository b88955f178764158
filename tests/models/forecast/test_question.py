import numpy as np
import pytest

from data.errors import InputError
from models.forecast.question import Question, comes_true, origins_of, rows_until


def test_distance_counts_from_either_side_and_gaps_are_bridged() -> None:
    values = np.array([np.nan, 1.0, np.nan, 5.0])
    assert Question(4.0, 2).gap(values).tolist() == [3.0, 3.0, 3.0, -1.0]
    assert Question(2.0, 2, above=False).gap(values).tolist() == [-1.0, -1.0, -1.0, 3.0]


def test_outcomes_look_ahead_by_the_horizon_and_no_further() -> None:
    gap = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    assert comes_true(gap, 2).tolist() == [False, True, True, False, False, False]
    assert rows_until(gap).tolist() == [3, 2, 1, np.inf, np.inf, np.inf]


def test_origins_do_not_breach_and_have_a_known_outcome() -> None:
    gap = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    assert origins_of(gap, 2, first=1, most=10).tolist() == [2, 3, 5]
    assert origins_of(gap, 2, first=1, most=2).tolist() == [2, 5]


@pytest.mark.parametrize(("threshold", "horizon", "field"), [(1.0, 0, "horizon"), (float("nan"), 3, "threshold")])
def test_a_question_without_sense_is_refused(threshold: float, horizon: int, field: str) -> None:
    with pytest.raises(InputError, match=field):
        Question(threshold, horizon)
