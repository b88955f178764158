import numpy as np
import pytest

from models.forecast.baselines import exponential_smoothing, predict_linear, seasonal_frequency
from models.forecast.past import Past
from models.forecast.question import Question


def asked(values: np.ndarray, threshold: float, horizon: int, period: int = 0) -> Past:
    question = Question(threshold, horizon, period=period)
    return Past(question.gap(values), question)


@pytest.mark.parametrize("method", [predict_linear, exponential_smoothing])
def test_trends_are_followed(method: object) -> None:
    values = np.arange(200.0) + np.random.default_rng(0).normal(0, 1, 200)
    near, far = asked(values, 190.0, 20), asked(values, 400.0, 20)
    assert callable(method)
    assert method(near, np.array([180]))[0] > 0.7
    assert method(far, np.array([180]))[0] < 0.1


def test_the_season_is_remembered() -> None:
    values = np.where(np.arange(240) % 24 == 12, 9.0, 0.0)
    said = seasonal_frequency(asked(values, 5.0, 4, period=24), np.array([9 * 24 + 9, 9 * 24 + 16]))
    assert said[0] > 0.6 > 0.2 > said[1]
