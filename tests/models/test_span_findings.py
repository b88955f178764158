from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from models.base import PASSED_ON, Channel, Finding
from models.features import Period
from models.span_findings import span_findings
from models.traces import join_spans

START = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = START + timedelta(minutes=20)
PERIOD = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=10))


def request(
    minute: int, *, web_ms: float = 5, wait_ms: float = 2, db_ms: float = 20, **db: Any
) -> list[dict[str, Any]]:
    """One trace: web's handler, its client call, and the database's span that answers it."""
    at = START + timedelta(minutes=minute, seconds=1)
    rows = [
        ("a", None, "web", "GET /", web_ms + wait_ms + db_ms),
        ("b", "a", "web", "call db", wait_ms + db_ms),
        ("c", "b", "db", "SELECT", db_ms),
    ]
    table = [
        {"timestamp": at, "trace_id": f"t{minute}", "span_id": i, "parent_id": p, "service": s, "operation": o,
         "duration_ms": d, "status": "OK", "error": None}
        for i, p, s, o, d in rows
    ]  # fmt: skip
    table[2].update(db)
    return table


def spans(**during: Any) -> pd.DataFrame:
    rows = [row for minute in range(30) for row in request(minute, **(during if minute >= 20 else {}))]
    table = pd.DataFrame(rows)
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True))


def found(table: pd.DataFrame, channel: Channel) -> list[Finding]:
    return [f for f in span_findings(join_spans(table), PERIOD) if f.channel is channel]


def test_slow_code_is_own_time_of_the_service_that_runs_it() -> None:
    assert {f.service for f in found(spans(web_ms=200), Channel.own_time)} == {"web"}
    assert {f.service for f in found(spans(db_ms=200), Channel.own_time)} == {"db"}


def test_a_slow_network_is_a_gap_credited_to_the_callee() -> None:
    table = spans(wait_ms=300)
    (gap,) = found(table, Channel.gap)
    assert gap.service == "db"
    assert "from 2 ms to 300 ms" in gap.text
    assert found(table, Channel.own_time) == []


def test_healthy_traffic_finds_nothing() -> None:
    assert span_findings(join_spans(spans()), PERIOD) == []


def test_errors_are_blamed_on_the_deepest_failing_span() -> None:
    table = spans(status="ERROR", error="statement timeout")
    table.loc[(table["timestamp"] >= pd.Timestamp(ONSET)), "status"] = "ERROR"
    (origin,) = found(table, Channel.error_origin)
    assert origin.service == "db"
    assert "statement timeout" in origin.text


def test_a_failing_call_that_nobody_answered_also_points_at_whom_it_names() -> None:
    table = spans(status="ERROR")
    late = table["timestamp"] >= pd.Timestamp(ONSET)
    table = table[~(late & (table["service"] == "db"))].reset_index(drop=True)
    late = table["timestamp"] >= pd.Timestamp(ONSET)
    table.loc[late, "status"] = "ERROR"
    (origin,) = found(table, Channel.error_origin)
    (peer,) = found(table, Channel.peer_errors)
    assert (origin.service, peer.service) == ("web", "db")
    assert origin.trust == 0.5  # it may be either


def test_a_call_that_is_refused_is_the_failure_of_whoever_refused_it() -> None:
    table = spans()
    late = (table["timestamp"] >= pd.Timestamp(ONSET)) & (table["service"] == "web")
    table.loc[late, ["status", "error"]] = ["ERROR", "db answered 429: more than 2 requests a second"]
    (origin,) = found(table, Channel.error_origin)
    (peer,) = found(table, Channel.peer_errors)
    assert (origin.service, peer.service) == ("web", "db")
    assert origin.trust == pytest.approx(0.1)
    assert peer.detail[PASSED_ON] == ("web", pytest.approx(0.9))
    assert "db reports no failure of them" in peer.text


def test_calls_that_nobody_answers_any_more_are_held_against_what_they_took_when_somebody_did() -> None:
    table = spans(wait_ms=5000)
    table = table[~((table["timestamp"] >= pd.Timestamp(ONSET)) & (table["service"] == "db"))].reset_index(drop=True)
    (slow,) = found(table, Channel.peer_time)
    assert slow.service == "db"
    assert "from 22 ms to 5,020 ms" in slow.text


def test_that_a_few_calls_were_never_answered_does_not_hide_that_now_none_is() -> None:
    table = spans(wait_ms=5000)
    unheard = (table["timestamp"] >= pd.Timestamp(ONSET)) | table["trace_id"].isin(["t3", "t4"])
    (slow,) = found(table[~(unheard & (table["service"] == "db"))].reset_index(drop=True), Channel.peer_time)
    assert slow.service == "db"
    assert "from 22 ms to 5,020 ms" in slow.text


def without_spans_of_db(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["service"] != "db"].reset_index(drop=True)


def test_a_slow_call_to_somebody_without_spans_is_theirs_and_not_own_time() -> None:
    table = without_spans_of_db(spans(db_ms=300))
    traces = join_spans(table, ["db"])
    by_channel = {f.channel: f for f in span_findings(traces, PERIOD)}
    assert by_channel[Channel.peer_time].service == "db"
    assert Channel.own_time not in by_channel


def test_whom_a_client_calls_is_told_by_peer_service_before_its_operation() -> None:
    table = without_spans_of_db(spans(db_ms=300))
    table["peer_service"] = ["stripe" if o == "call db" else None for o in table["operation"]]
    (slow,) = [f for f in span_findings(join_spans(table), PERIOD) if f.channel is Channel.peer_time]
    assert slow.service == "stripe"


def test_more_calls_for_each_request_are_the_callers_doing() -> None:
    late = [row for minute in range(20, 30) for row in request(minute)[2:] * 7]
    more = pd.DataFrame(late).assign(span_id=[f"d{i}" for i in range(len(late))])
    table = pd.concat([spans(), more.assign(timestamp=pd.to_datetime(more["timestamp"], utc=True))], ignore_index=True)
    (asked,) = found(table, Channel.fan_out)
    assert asked.service == "web"
    assert "8 times for each request, 1 before" in asked.text


def test_calls_that_are_no_longer_made_are_the_callers_doing() -> None:
    table = spans()
    table = table[~((table["timestamp"] >= pd.Timestamp(ONSET)) & (table["operation"] != "GET /"))]
    (lost,) = found(table, Channel.lost_calls)
    assert (lost.service, lost.detail["callee"]) == ("web", "db")


def test_a_bad_network_is_where_all_ways_wait() -> None:
    def trace(minute: int) -> list[dict[str, Any]]:
        slow = 50 if minute >= 20 else 0
        at = START + timedelta(minutes=minute, seconds=1)
        rows = [
            ("a", None, "web", "GET /", 40 + 2 * slow),
            ("b", "a", "web", "call cart", 30 + 2 * slow),
            ("c", "b", "cart", "POST /", 25 + slow),
            ("d", "c", "cart", "call db", 10 + slow),
            ("e", "d", "db", "SELECT", 8),
        ]
        return [
            {"timestamp": at, "trace_id": f"t{minute}", "span_id": i, "parent_id": p, "service": s, "operation": o,
             "duration_ms": float(d)}
            for i, p, s, o, d in rows
        ]  # fmt: skip

    table = pd.DataFrame([row for minute in range(30) for row in trace(minute)])
    (slow,) = found(table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True)), Channel.ways)
    assert slow.service == "cart"
    assert slow.text.startswith("2 of the 2 ways")


def test_an_operation_that_is_no_longer_reached_is_noticed() -> None:
    table = spans()
    table = table[~((table["timestamp"] >= pd.Timestamp(ONSET)) & (table["service"] == "db"))]
    (missing,) = found(table, Channel.calls)
    assert missing.service == "db"
    assert "0 times" in missing.text


def test_a_wrong_trace_id_on_children_does_not_lose_their_parents() -> None:
    table = spans(wait_ms=300)
    dirty = table.assign(trace_id=table["trace_id"].where(table["parent_id"].isna(), "same"))
    # Span ids repeat in every trace here, so the right parent is the latest one before.
    assert {f.service for f in found(dirty, Channel.gap)} == {"db"}
    assert join_spans(dirty).graph.edges == (("web", "db"),)


def test_order_of_rows_does_not_matter_and_the_input_is_left_alone() -> None:
    table = spans(db_ms=200)
    shuffled = table.sample(frac=1.0, random_state=1)
    before = shuffled.copy()
    key = [(f.service, f.channel, f.score) for f in span_findings(join_spans(table), PERIOD)]
    assert [(f.service, f.channel, f.score) for f in span_findings(join_spans(shuffled), PERIOD)] == key
    pd.testing.assert_frame_equal(shuffled, before)


def test_no_spans_nothing() -> None:
    empty = spans().iloc[:0]
    assert span_findings(join_spans(empty), PERIOD) == []
