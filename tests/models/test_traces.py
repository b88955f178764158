"""Spans find their parents, and become a call graph, series and arrays."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models.features import Period
from models.grouped import NONE
from models.spans import cut
from models.traces import join_spans, span_series

START = datetime(2026, 1, 1, tzinfo=UTC)


def spans(minutes: int = 30) -> pd.DataFrame:
    """A request a minute: web's handler, its client call, and the database's span that answers it."""
    rows = [("a", None, "web", "GET /", 27.0), ("b", "a", "web", "call db", 22.0), ("c", "b", "db", "SELECT", 20.0)]
    table = pd.DataFrame(
        [(START + timedelta(minutes=m), f"t{m}", *row) for m in range(minutes) for row in rows],
        columns=["timestamp", "trace_id", "span_id", "parent_id", "service", "operation", "duration_ms"],
    )
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True))


def test_the_call_graph_is_read_from_parents_and_from_operations_that_name_a_service() -> None:
    table = spans()
    orphan = table.iloc[[0]].assign(span_id="x", operation="POST mail/send", trace_id="t99")
    graph = join_spans(pd.concat([table, orphan], ignore_index=True), ["mail"]).graph
    assert graph.edges == (("web", "db"), ("web", "mail"))


def test_a_service_whose_quick_operations_stop_has_not_become_slower() -> None:
    at = pd.to_datetime([START + timedelta(seconds=5 * i) for i in range(240)], utc=True)
    quick = [i % 4 != 0 and i < 120 for i in range(240)]
    table = pd.DataFrame({"timestamp": at, "trace_id": [f"t{i}" for i in range(240)], "span_id": "a", "parent_id": None,
                          "service": "web", "operation": ["GET" if q else "POST" for q in quick],
                          "duration_ms": [5.0 if q else 100.0 for q in quick]})  # fmt: skip
    series = span_series(join_spans(table))
    p50 = series.values[:, [key.metric for key in series.keys].index("span_duration_p50_ms")]
    assert p50.max() == pytest.approx(p50.min())


def test_spans_become_series_by_service_and_time() -> None:
    series = span_series(join_spans(spans()))
    assert {key.service for key in series.keys} == {"web", "db"}


def test_arrays_say_the_same_as_the_table() -> None:
    table = join_spans(spans(2)).spans
    arrays = join_spans(spans(2)).columns
    assert [arrays.names.service(i) for i in arrays.service] == table["service"].tolist()
    assert [arrays.names.operation(i) for i in arrays.operation] == table["operation"].tolist()
    assert [None if i == NONE else arrays.names.service(i) for i in arrays.caller] == [None, "web", "web"] * 2
    assert arrays.root.tolist() == [True, False, False] * 2
    np.testing.assert_allclose(arrays.gap_ms, [np.nan, np.nan, 2.0] * 2)
    assert (arrays.ended - arrays.started)[0] == np.timedelta64(27, "ms")


def test_a_span_under_way_at_the_onset_counts_as_since() -> None:
    arrays = join_spans(spans(3)).columns
    onset = START + timedelta(minutes=1, milliseconds=25)
    before, since = cut(arrays, Period(before=onset, onset=onset, end=START + timedelta(minutes=1, seconds=30)))
    assert before.row.tolist() == [0, 1, 2, 4, 5], "two of the second request had ended"
    assert since.row.tolist() == [3], "the third request is after the end"
    assert before.with_more(since).row.tolist() == [0, 1, 2, 4, 5, 3]


def test_no_spans_are_no_series_and_no_arrays() -> None:
    empty = join_spans(spans().iloc[:0])
    assert len(span_series(empty)) == 0
    assert len(empty.columns) == 0
