import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipelines.detect import Series, detect
from pipelines.scoring.series import SeriesRequest, SeriesScores, score_series


def values(rows: int, seed: int = 0) -> list[float | None]:
    made: list[float | None] = np.random.default_rng(seed).normal(50.0, 3.0, rows).tolist()
    made[rows // 2] = 120.0
    made[rows // 3] = None
    return made


def by_detect(request: SeriesRequest) -> SeriesScores:
    clock = np.datetime64("2026-01-01", "ns") + np.arange(len(request.values)) * np.timedelta64(
        int(request.step_s), "s"
    )
    table = np.array(request.values, dtype=float)[:, None]
    found = detect(Series(pd.Series(clock), clock, table, ("v",), ()), alarms_per_week=request.alarms_per_week)
    return SeriesScores(
        scores=found.scores.tolist(),
        alarms=found.alarms.tolist(),
        threshold=found.threshold.value,
        note=found.threshold.text,
    )


def test_each_series_is_scored_as_the_command_line_scores_it() -> None:
    batch = [
        SeriesRequest(values=values(240, 1)),
        SeriesRequest(values=values(90, 2)),
        SeriesRequest(values=values(240, 3), step_s=10.0, alarms_per_week=5.0),
        SeriesRequest(values=values(240, 4)),
        SeriesRequest(values=[7.0]),
        SeriesRequest(values=[None, None, None]),
    ]
    for request, found in zip(batch, score_series(batch), strict=True):
        alone = by_detect(request)
        np.testing.assert_allclose(found.scores, alone.scores, rtol=2e-3, atol=2e-3)
        assert found.threshold == pytest.approx(alone.threshold, rel=2e-3)
        assert found.note == alone.note
        assert SeriesScores.model_validate(found.model_dump()) == found


def test_an_outlier_is_the_most_unusual() -> None:
    [found] = score_series([SeriesRequest(values=values(240))])
    assert abs(int(np.argmax(found.scores)) - 120) < 10


@pytest.mark.parametrize("wrong", [{"values": []}, {"values": [1.0], "step_s": 0}, {"values": ["x"]}, {}])
def test_what_cannot_be_scored_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"values|step_s"):
        SeriesRequest.model_validate(wrong)
