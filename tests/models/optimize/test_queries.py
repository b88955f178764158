"""Index candidates and repeated queries: slow for long and for a reason, in turn and not side by side."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from models.optimize import OpportunityKind
from models.optimize.queries import queries
from models.optimize.statements import filtered_by, normal, with_statements

START = pd.Timestamp("2026-03-02 10:00", tz="UTC")
QUERY = "SELECT * FROM orders o WHERE o.customer_id = {} AND state = 'paid' ORDER BY id"


def spans(*, slow=150.0, minutes=120, loop=1, side_by_side=False, moment=False, statement=QUERY):
    """A request every 18 s: one larger query, and ``loop`` small ones after it."""
    rng, rows = np.random.default_rng(3), []
    requests = int(minutes * 60 / 18)
    for k in range(requests):
        at, trace = START + pd.Timedelta(seconds=18 * k), f"t{k}"
        usual = 3.0 if moment and not 0.4 < k / requests < 0.55 else slow
        took = float(usual * rng.lognormal(0, 0.1))
        rows.append((at, trace, "r", None, "orders", "GET /orders", 700.0, None))
        rows.append((at, trace, "q", "r", "orders", "query", took, statement.format(k)))
        for j in range(loop):
            start = at + pd.Timedelta(milliseconds=300 if side_by_side else 300 + 5 * j)
            rows.append((start, trace, f"n{j}", "r", "orders", "query", 4.0, f"SELECT name FROM items WHERE id = {j}"))
    columns = ["timestamp", "trace_id", "span_id", "parent_id", "service", "operation", "duration_ms", "db.statement"]
    return pd.DataFrame(rows, columns=columns)


def test_a_query_slow_all_along_and_unlike_the_others_is_a_candidate():
    (only,) = queries(spans()).found
    assert only.kind is OpportunityKind.missing_index
    assert "on orders (customer_id, state)" in only.action
    assert any("query plan" in unknown for unknown in only.unknown)


def test_a_slow_moment_is_no_missing_index():
    assert queries(spans(moment=True)).found == ()


def test_a_fast_query_and_a_slow_insert_are_left_alone():
    assert queries(spans(slow=5.0)).found == ()
    assert queries(spans(statement="INSERT INTO orders VALUES ({})")).found == ()


def test_slow_alone_is_no_sign():
    alone = spans(loop=0)
    assert queries(alone).found == ()
    read = alone.assign(attributes=json.dumps({"db.rows_examined": 90_000, "db.response.returned_rows": 3}))
    (only,) = queries(read).found
    assert "it reads 90000 rows to return 3" in only.facts[1].text


def test_an_hour_is_needed():
    result = queries(spans(minutes=30))
    assert result.found == ()
    assert "60 min" in result.refused[0]


def test_a_query_once_a_row_in_turn_is_found_and_side_by_side_is_not():
    kinds = [o.kind for o in queries(spans(slow=5.0, loop=8)).found]
    assert kinds == [OpportunityKind.repeated_query]
    assert queries(spans(slow=5.0, loop=8, side_by_side=True)).found == ()


def test_spans_without_a_statement_are_said_not_judged():
    plain = spans().drop(columns="db.statement")
    assert "no span looks like a database statement" in queries(plain).refused[0]


@pytest.mark.parametrize("operation", ["SELECT movements", "find users", "update stock set x = 1"])
def test_an_operation_named_as_a_statement_is_one(operation):
    table = spans(loop=0).drop(columns="db.statement").assign(operation=operation)
    assert with_statements(table)["statement"].notna().all()


def test_values_are_no_part_of_a_statement():
    assert normal("SELECT a FROM t WHERE id IN (1, 2, 3)\n AND n = 'O''Hara'") == (
        "SELECT a FROM t WHERE id IN (?) AND n = ?"
    )
    assert filtered_by("SELECT 1 FROM a.b WHERE b.x = ? AND y BETWEEN ? AND ? GROUP BY z") == ("a.b", ("x", "y"))
    assert filtered_by("SELECT movements") == ("", ())
