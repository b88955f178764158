import numpy as np
import pytest

from models.forecast.features import NAMES, features
from models.forecast.past import Past
from models.forecast.question import Question


def daily(rows: int = 480, period: int = 48) -> Past:
    """A series that breaches for four rows at the same time of every day."""
    values = np.zeros(rows)
    values[np.arange(rows) % period >= period - 4] = 10.0
    question = Question(5.0, 6, period=period)
    return Past(question.gap(values + np.random.default_rng(0).normal(0, 0.1, rows)), question)


def test_nothing_after_the_origin_is_used() -> None:
    rng = np.random.default_rng(1)
    values, question = rng.normal(0, 1, 300), Question(1.5, 10, period=24)
    changed = values.copy()
    changed[201:] = 100.0
    origins = np.array([150, 200])
    told = [features(Past(question.gap(v), question), origins) for v in (values, changed)]
    assert np.array_equal(*told)


def test_the_time_of_day_tells_a_breach_that_comes_every_day() -> None:
    past = daily()
    before, after = 8 * 48 + 41, 8 * 48 + 10
    assert past.season(before) > 0.7
    assert past.season(after) < 0.1
    assert past.base(before) == pytest.approx(past.base(after), abs=0.05)


def test_lines_find_slope_and_level() -> None:
    question = Question(100.0, 10)
    line = Past(question.gap(np.arange(60.0)), question).line(50, 4)
    assert (line.level, line.slope, line.straight) == (pytest.approx(50.0), pytest.approx(-1.0), pytest.approx(1.0))
    assert line.after(50) == pytest.approx(0.0)


@pytest.mark.parametrize("values", [np.full(50, 3.0), np.arange(4.0), np.array([1.0]), np.r_[np.nan, np.zeros(30)]])
def test_every_feature_is_a_number_however_little_there_is(values: np.ndarray) -> None:
    question = Question(5.0, 3, period=12)
    table = features(Past(question.gap(values), question), np.array([0, len(values) - 1]))
    assert table.shape == (2, len(NAMES))
    assert np.isfinite(table).all()


def test_the_unit_does_not_matter() -> None:
    values = np.random.default_rng(2).normal(10, 2, 200)
    origins = np.array([120, 180])
    tables = []
    for unit in (1.0, 1e6):
        question = Question(13.0 * unit, 8)
        tables.append(features(Past(question.gap(values * unit), question), origins))
    assert np.allclose(*tables, atol=1e-6)
