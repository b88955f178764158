import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError, ModelError
from models.forecast import OWN_FREQUENCY, SHIPPED, Question, forecast, knows_better, load, shipped
from models.forecast.backtest import backtest
from models.forecast.features import NAMES
from models.forecast.model import BreachModel, fit
from models.forecast.past import Past

RNG = np.random.default_rng(5)


def leak(rows: int = 400) -> np.ndarray:
    return 20 + 0.1 * np.arange(rows) + RNG.normal(0, 0.3, rows)


def test_a_leak_is_foretold_with_its_time() -> None:
    found = forecast(leak(), Question(61.0, 30))
    assert found.probability > 0.7
    assert found.lead is not None
    assert found.lead.told_by == "trend"
    # The line reaches 61 after ten rows; noise crosses a little earlier.
    assert found.lead.low <= 10 <= found.lead.high


def test_what_is_flat_and_far_is_not_foretold() -> None:
    assert forecast(20 + RNG.normal(0, 0.3, 400), Question(61.0, 30)).probability < 0.05


def test_falling_to_a_limit_is_the_same_question_turned_over() -> None:
    values = leak()
    up, down = forecast(values, Question(61.0, 30)), forecast(-values, Question(-61.0, 30, above=False))
    assert down.probability == pytest.approx(up.probability)
    assert down.lead == up.lead


def test_what_breaches_already_is_said_to() -> None:
    found = forecast(np.r_[np.zeros(50), 9.0], Question(5.0, 5))
    assert found.breaching
    assert found.probability == 1.0
    assert found.lead is None


def test_every_prediction_carries_its_history_and_its_terms() -> None:
    values = 10 * np.sin(2 * np.pi * np.arange(600) / 48) + RNG.normal(0, 1, 600)
    found = forecast(values, Question(9.0, 8, period=48))
    assert found.history.origins > 100
    assert 0 < found.history.came_true < found.history.origins
    assert found.history.brier is not None
    assert found.history.usual_brier is not None
    assert found.history.brier < found.history.usual_brier
    assert found.history.lead_rows is not None
    assert found.history.lead_rows <= 8
    assert found.terms or found.told_by == OWN_FREQUENCY
    assert found.elsewhere is not None


def test_a_series_own_frequency_is_believed_where_it_was_better() -> None:
    true = np.array([True, False] * 20)
    right, wrong = true * 0.9 + 0.05, np.full(40, 0.5)
    assert knows_better(right, wrong, true)
    assert not knows_better(wrong, right, true)
    assert not knows_better(right[:10], wrong[:10], true[:10])


def test_backtest_counts_what_alarms_were_worth() -> None:
    gap = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    past = Past(gap, Question(1.0, 2))
    found = backtest(past, np.array([0, 1, 2, 4]), np.array([0.9, 0.8, 0.1, 0.2]))
    assert (found.origins, found.came_true, found.alarms) == (4, 2, 2)
    assert (found.false_alarm_rate, found.found, found.lead_rows) == (0.5, 0.5, 2.0)


def test_without_a_number_there_is_nothing_to_foretell() -> None:
    with pytest.raises(InputError, match="no number"):
        forecast(np.full(5, np.nan), Question(1.0, 2))


def test_input_is_left_alone_and_the_answer_is_the_same_again() -> None:
    values = leak()
    before = values.copy()
    assert forecast(values, Question(61.0, 30)) == forecast(values, Question(61.0, 30))
    assert np.array_equal(values, before)


def test_the_model_learns_and_survives_being_kept() -> None:
    table = RNG.normal(0, 1, (400, len(NAMES)))
    model = fit(table, table[:, 2] > 0)
    assert np.mean((model.probabilities(table) > 0.5) == (table[:, 2] > 0)) > 0.9
    again = BreachModel.from_json(json.loads(json.dumps(model.as_json())))
    assert np.array_equal(again.probabilities(table), model.probabilities(table))
    assert next(iter(model.terms(np.eye(len(NAMES))[2] * 5))) == "how often from a place like this"


def test_a_changed_model_is_refused(tmp_path: Path) -> None:
    kept = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert load(SHIPPED).as_json() == shipped().as_json()
    kept["state"]["bias"] += 1.0
    changed = tmp_path / "m.json"
    changed.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(ModelError, match="not as it was made"):
        load(changed)
