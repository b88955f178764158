import numpy as np
import pytest

from models.anomaly.neighbours import Neighbours
from models.anomaly.together import hindsight_of_each


def series(rows: int, count: int = 7) -> np.ndarray:
    rng = np.random.default_rng(rows)
    values = rng.normal(10.0, 2.0, (count, rows)) + np.sin(np.arange(rows) / 7.0)
    values[1] = 3.0
    values[2, rows // 2 :] += 30.0
    values[3, ::3] = np.nan
    values[4, : rows // 3] = np.nan
    values[5, rows // 4] = np.inf
    return values


@pytest.mark.parametrize("rows", [1, 2, 5, 60, 240, 1000, 3000])
def test_each_is_scored_as_if_it_were_alone(rows: int) -> None:
    values = series(rows)
    before = values.copy()

    scores, span = hindsight_of_each(values)

    for row, found in zip(values, scores, strict=True):
        alone = Neighbours().fit(row[:, None])
        assert span == alone.span
        np.testing.assert_allclose(found, alone.hindsight(row[:, None]), rtol=2e-3, atol=2e-3)
    np.testing.assert_array_equal(values, before)


def test_company_does_not_matter() -> None:
    values = series(240, count=6)
    alone = np.concatenate([hindsight_of_each(row[None])[0] for row in values])
    np.testing.assert_allclose(hindsight_of_each(values)[0], alone, rtol=1e-5, atol=1e-5)
