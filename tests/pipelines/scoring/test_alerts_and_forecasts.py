import numpy as np
import pytest

from data.errors import InputError
from data.reports import Report
from models.forecast import Question, forecast
from models.severity import shipped
from pipelines.scoring.alerts import AlertRequest, score_alerts
from pipelines.scoring.forecasts import ForecastRequest, foretell


def test_alerts_are_assessed_as_the_model_assesses_them() -> None:
    outage, hint = score_alerts(
        [
            AlertRequest(title="Major outage", text="All regions return errors, nobody can log in.", stated="Critical"),
            AlertRequest(title="Minor delay in report emails"),
        ]
    )
    alone = shipped().assess(Report("Major outage", "All regions return errors, nobody can log in.", stated="critical"))
    assert outage.severity is alone.severity
    assert outage.probabilities == alone.probabilities
    assert sum(hint.probabilities.values()) == pytest.approx(1.0)


def test_a_forecast_is_the_model_s() -> None:
    values = np.linspace(10.0, 80.0, 200)
    found = foretell(ForecastRequest(values=values.tolist(), threshold=90.0, horizon=40))
    alone = forecast(values, Question(90.0, 40))
    assert found.probability == alone.probability > 0.5
    assert found.lead is not None
    assert alone.lead is not None
    assert found.lead.rows == alone.lead.rows


def test_nothing_to_go_by_is_said() -> None:
    with pytest.raises(InputError, match="no number"):
        foretell(ForecastRequest(values=[None, None], threshold=1.0, horizon=5))
