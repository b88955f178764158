from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.errors import InputError
from models.forecast.known import error_budget, expiry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("days", "due"), [(-1, True), (10, True), (40, False)])
def test_dates_are_known(days: int, due: bool) -> None:
    found = expiry("a", NOW + timedelta(days=days), as_of=NOW, horizon=timedelta(days=30))
    assert (found.due, found.probability) == (due, float(due))
    assert found.left == timedelta(days=days)


def test_a_budget_is_spent_at_its_rate() -> None:
    failing = np.r_[np.zeros(50), np.full(50, 0.02)]
    found = error_budget(failing, objective=0.99, window=200, recent=10)
    assert found.spent == pytest.approx(0.5)
    assert found.burn_rate == pytest.approx(2.0)
    assert found.rows_left == pytest.approx(50.0)


def test_an_overspent_budget_is_gone_and_an_untouched_one_lasts() -> None:
    assert error_budget(np.full(10, 1.0), objective=0.9, window=10, recent=5).rows_left == 0.0
    assert error_budget(np.zeros(10), objective=0.9, window=10, recent=5).rows_left == np.inf


@pytest.mark.parametrize(("failing", "objective"), [([0.1], 1.0), ([2.0], 0.9), ([], 0.9)])
def test_what_is_no_share_is_refused(failing: list[float], objective: float) -> None:
    with pytest.raises(InputError):
        error_budget(np.array(failing), objective=objective, window=5, recent=2)
