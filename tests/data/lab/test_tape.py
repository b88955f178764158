from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from data.lab import tape

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def spans(count: int) -> pd.DataFrame:
    """``count`` traces of two spans, ten a minute; trace 3 fails below, trace 7 is the slowest of its minute."""
    start = pd.Timestamp("2026-01-01T00:00:00Z")
    rows = []
    for n in range(count):
        trace_id = f"{n * 2654435761 % 2**32:08x}{n:024x}"
        at = start + pd.Timedelta(seconds=6 * n)
        root = {"timestamp": at, "trace_id": trace_id, "span_id": f"a{n}", "parent_id": None, "service": "storefront"}
        rows.append({**root, "operation": "GET /", "duration_ms": 900.0 if n == 7 else 10.0, "status": "ok"})
        child = {**root, "span_id": f"b{n}", "parent_id": f"a{n}", "service": "cart", "operation": "GET catalogue"}
        rows.append({**child, "duration_ms": 5.0, "status": "error" if n == 3 else "ok"})
    return pd.DataFrame(rows)


def test_sampling_keeps_whole_traces_and_every_notable_one() -> None:
    everything = spans(1000)
    kept = tape.sampled(everything, most=700)
    assert 500 < len(kept) < 900
    assert (kept.groupby("trace_id").size() == 2).all()
    ids = list(everything["trace_id"].iloc[::2])
    assert {ids[3], ids[7]} <= {*kept["trace_id"]}


def test_a_small_recording_is_kept_whole() -> None:
    assert len(tape.sampled(spans(20), most=1000)) == 40
    assert tape.sampled(spans(1).iloc[:0], most=10).empty


def test_logs_follow_their_traces_unless_they_warn() -> None:
    kept = spans(2)
    logs = pd.DataFrame(
        [
            {"severity": "INFO", "trace_id": kept["trace_id"].iloc[0], "message": "in a kept trace"},
            {"severity": "INFO", "trace_id": "elsewhere", "message": "in a dropped trace"},
            {"severity": "WARNING", "trace_id": "elsewhere", "message": "loud"},
            {"severity": "INFO", "trace_id": None, "message": "cart is listening"},
        ]
    )
    assert list(tape.kept_logs(logs, kept)["message"]) == ["in a kept trace", "loud", "cart is listening"]


def test_the_call_graph_is_read_from_outgoing_calls() -> None:
    assert tape.call_graph(spans(2)).edges == (("cart", "catalogue"),)


def test_a_line_still_being_written_waits_for_the_next_reading(tmp_path: Path) -> None:
    row = {"timestamp": 1767225605.0, "service": "cart", "instance": "cart-1", "metric": "m", "value": 2.0}
    (tmp_path / "cart.cart-1.metrics.ndjson").write_text(json.dumps(row) + '\n{"timestamp": 17672')
    metrics = tape.read_metrics(tmp_path, SINCE)
    assert metrics.values.tolist() == [[2.0]]
    assert len(tape.read_metrics(tmp_path, SINCE, "checkout")) == 0
