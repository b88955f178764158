from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from pipelines.detect import read_series
from pipelines.forecast import Clocked, Span, columns_of, look_ahead, look_at_budget, period_of, read_expiries


@pytest.mark.parametrize(("text", "rows"), [("24", 24), ("2h", 24), ("30m", 6), ("600s", 2), ("1d", 288)])
def test_horizons_are_rows_or_times(text: str, rows: int) -> None:
    assert Span.parse(text, field="--horizon").in_rows(300.0, field="--horizon") == rows


@pytest.mark.parametrize("text", ["", "0", "-3", "soon", "2y", "0h", "1e9"])
def test_other_horizons_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--horizon"):
        Span.parse(text, field="--horizon")


def test_a_time_needs_a_clock() -> None:
    with pytest.raises(InputError, match="give rows"):
        Span.parse("2h", field="--horizon").in_rows(None, field="--horizon")


def test_rows_come_in_order_of_time_with_gaps_left_open(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("timestamp,a,b\n2026-01-01T00:10Z,3,1\n2026-01-01T00:00Z,1,1\n2026-01-01T00:05Z,2,1\n"
                    "2026-01-01T00:20Z,5,1\n2026-01-01T00:20Z,7,1\n")  # fmt: skip
    column, _ = columns_of(read_series(file))
    assert column.step_s == 300.0
    assert column.values[[0, 1, 2, 4]].tolist() == [1, 2, 3, 6]
    assert np.isnan(column.values[3])
    assert column.ends == datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
    with pytest.raises(InputError, match="--column"):
        list(columns_of(read_series(file), "c"))


def test_a_day_is_the_season_once_two_were_recorded() -> None:
    values = np.random.default_rng(0).normal(0, 1, 600)
    assert period_of(Clocked("a", values, 300.0, None)) == 288
    assert period_of(Clocked("a", values[:500], 300.0, None)) != 288
    rhythm = np.sin(2 * np.pi * np.arange(400) / 40)
    assert period_of(Clocked("a", rhythm, None, None)) == pytest.approx(40, abs=1)


def test_an_error_budget_that_burns_is_foretold() -> None:
    rng = np.random.default_rng(1)
    failing = np.r_[rng.uniform(0, 0.0005, 400), rng.uniform(0.004, 0.008, 100)]
    spans = {"window": Span(rows=500), "horizon": Span(rows=30)}
    found = look_at_budget(Clocked("failing", failing, 60.0, None), objective=0.9985, **spans)
    assert found.budget is not None
    assert found.budget.burn_rate > 3
    assert 0.8 < found.budget.spent < 1
    assert found.budget.rows_left < 30
    calm = look_at_budget(Clocked("failing", failing[:400], 60.0, None), objective=0.9985, **spans)
    assert calm.prediction.probability < 0.02 < 0.2 < found.prediction.probability


def test_lead_is_in_seconds_where_there_is_a_clock() -> None:
    values = 0.1 * np.arange(300) + np.random.default_rng(2).normal(0, 0.2, 300)
    outlook = look_ahead(Clocked("disk", values, 60.0, None), threshold=31.0, horizon=Span(seconds=1800))
    assert outlook.lead_s is not None
    assert 120 <= outlook.lead_s <= 1500


def test_dates_are_read_and_sorted(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("name,not_after\nlater,2026-09-01\nsoon,2026-03-10T00:00:00Z\n")
    found = read_expiries(file, as_of=datetime(2026, 3, 1, tzinfo=UTC), horizon=timedelta(days=30))
    assert [(item.name, item.due) for item in found] == [("soon", True), ("later", False)]
    file.write_text("name,not_after\nx,never\n")
    with pytest.raises(InputError, match="row 1"):
        read_expiries(file, as_of=datetime(2026, 3, 1, tzinfo=UTC), horizon=timedelta(days=30))
    file.write_text("name\nx\n")
    with pytest.raises(InputError, match="not_after"):
        read_expiries(file, as_of=datetime(2026, 3, 1, tzinfo=UTC), horizon=timedelta(days=30))
