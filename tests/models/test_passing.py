"""What callers only waited for, followed down the calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.domain import EvidenceKind
from models.base import PASSED_ON, Channel, Finding
from models.features import Period
from models.passing import Passing, passed_down, passings
from models.slower import lost_time
from models.traces import join_spans

START = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = START + timedelta(minutes=20)
PERIOD = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=10))


def request(minute: int, *, web: float = 5, wait: float = 2, cart: float = 4, db: float = 20) -> list[dict[str, Any]]:
    """web asks cart, which asks db; ``wait`` is lost between web and cart."""
    rows = [
        ("a", None, "web", "GET /", web + wait + cart + db),
        ("b", "a", "web", "call cart", wait + cart + db),
        ("c", "b", "cart", "GET /cart", cart + db),
        ("d", "c", "cart", "call db", db),
        ("e", "d", "db", "SELECT", db),
    ]
    at = START + timedelta(minutes=minute, seconds=1)
    return [
        {"timestamp": at, "trace_id": f"t{minute}", "span_id": i, "parent_id": p, "service": s, "operation": o,
         "duration_ms": d, "status": "OK", "error": None}
        for i, p, s, o, d in rows
    ]  # fmt: skip


def shares(**during: float) -> dict[tuple[str, str], float]:
    rows = [row for minute in range(30) for row in request(minute, **(during if minute >= 20 else {}))]
    table = pd.DataFrame(rows)
    traces = join_spans(table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True)))
    return {(p.caller, p.callee): p.share for p in passings(lost_time(traces, PERIOD), [])}


def test_time_that_the_last_one_takes_is_passed_on_all_the_way() -> None:
    found = shares(db=500)
    assert found["web", "cart"] == pytest.approx(1.0, abs=0.05)
    assert found["cart", "db"] == pytest.approx(1.0, abs=0.05)


def test_own_work_is_kept_and_what_is_shared_is_split() -> None:
    assert shares(web=500).get(("web", "cart"), 0.0) == 0.0
    assert shares(web=505, db=520)["web", "cart"] == pytest.approx(0.5, abs=0.05)


def test_what_is_lost_between_two_is_less_of_the_end_whose_other_ways_are_well() -> None:
    found = shares(wait=300)  # cart reaches db as ever, and web has no other way
    assert 0.2 < found["web", "cart"] < 0.5
    assert found.get(("cart", "db"), 0.0) == 0.0


def test_what_a_callee_is_given_it_passes_on_in_turn() -> None:
    row = {"web": 0, "cart": 1, "db": 2}
    chain = [Passing("web", "cart", 1.0), Passing("cart", "db", 0.75)]
    got, kept = passed_down(np.array([0.8, 0.0, 0.0]), chain, row, failures=False)
    np.testing.assert_allclose(got, [0.0, 0.8, 0.6])
    np.testing.assert_allclose(kept, [0.0, 0.25, 1.0])


def test_a_circle_ends_and_nobody_hands_on_more_than_there_is() -> None:
    row = {"a": 0, "b": 1}
    got, kept = passed_down(
        np.array([1.0, 0.0]), [Passing("a", "b", 0.9), Passing("b", "a", 0.9), Passing("a", "b", 0.9)], row,
        failures=False,
    )  # fmt: skip
    assert np.isfinite(got).all()
    assert kept.tolist() == pytest.approx([0.0, 0.1])


def test_services_that_call_nobody_pass_nothing_on() -> None:
    alone = pd.DataFrame([request(minute, web=500.0 if minute >= 20 else 5.0)[0] for minute in range(30)])
    traces = join_spans(alone.assign(timestamp=pd.to_datetime(alone["timestamp"], utc=True)))
    assert passings(lost_time(traces, PERIOD), []) == ()


def test_failures_are_passed_on_as_they_were_found() -> None:
    detail = {PASSED_ON: ("cart", 0.9)}
    failed = Finding("db", Channel.peer_errors, 1.0, EvidenceKind.span, "fails", "spans", detail=detail)
    empty = join_spans(pd.DataFrame(request(0)).iloc[:0].assign(timestamp=pd.to_datetime([], utc=True)))
    assert passings(lost_time(empty, PERIOD), [failed]) == (Passing("cart", "db", 0.9, failures=True),)
