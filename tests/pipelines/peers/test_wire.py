"""What a peer is told says nothing of names, and its answer comes back as services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from data.telemetry import Metrics, SeriesKey, to_datetime64
from pipelines.peers.wire import question_of, services_of

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def metrics() -> Metrics:
    values = np.array([[1.0, 10e6, np.nan], [2.0, np.nan, np.nan], [3.0, 30e6, 5.0], [4.0, 40e6, 6.0]])
    clock = to_datetime64(T0) + np.arange(4) * np.timedelta64(1, "s")
    return Metrics(clock, (SeriesKey("web_1", "cpu"), SeriesKey("web_1", "mem"), SeriesKey("db", "cpu")), values)


def test_columns_are_opaque_gaps_are_filled_and_time_is_split() -> None:
    question = question_of(metrics(), T0 + timedelta(seconds=2))
    assert question is not None
    assert question.split == 2
    assert sorted(question.services) == ["db", "web_1"]
    assert all(column[0] == "s" and "_m" in column for column in question.columns)
    assert not any(name in " ".join(question.columns) for name in ("web", "db", "cpu", "mem"))
    columns = [question.values[:, i].tolist() for i in range(3)]
    assert sorted(columns) == [[0, 0, 5, 6], [1, 2, 3, 4], [10, 10, 30, 40]]


def test_each_column_belongs_to_its_service() -> None:
    question = question_of(metrics(), T0 + timedelta(seconds=2))
    assert question is not None
    for i, column in enumerate(question.columns):
        expected = "db" if question.values[-1, i] == 6.0 else "web_1"
        assert list(services_of([column], question)) == [expected]


def test_the_order_of_columns_follows_the_seed() -> None:
    orders = {tuple(question_of(metrics(), T0 + timedelta(seconds=2), seed=s).columns) for s in range(20)}  # type: ignore[union-attr]
    assert len(orders) > 1
    first, second = (question_of(metrics(), T0 + timedelta(seconds=2), seed=4) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.columns, first.services) == (second.columns, second.services)


def test_services_rank_by_their_first_series_and_the_unnamed_are_not_ranked() -> None:
    question = question_of(metrics(), T0 + timedelta(seconds=2))
    assert question is not None
    of = {service: f"s{i}" for i, service in enumerate(question.services)}
    assert services_of([f"{of['db']}_m0", f"{of['web_1']}_m1", f"{of['db']}_m2"], question) == {"db": 2.0, "web_1": 1.0}
    assert services_of([], question) == {}


def test_nothing_to_ask_without_samples_on_both_sides() -> None:
    assert question_of(metrics(), T0 - timedelta(seconds=1)) is None
    assert question_of(metrics(), T0 + timedelta(seconds=9)) is None
    assert question_of(Metrics.empty(), T0) is None
