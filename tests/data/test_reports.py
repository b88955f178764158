import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.domain import Alert
from data.errors import InputError
from data.reports import Report, read_reports, report_of


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"title": "Down", "text": "It is down", "id": 7}, Report("Down", "It is down", id="7")),
        ({"name": "Disk full", "description": "d", "query": "x > 1"}, Report("Disk full", "d", expression="x > 1")),
        ({"alert": "A", "expr": "up == 0", "for": "5m"}, Report("A", expression="up == 0")),
        ({"summary": "only this"}, Report("only this")),
        ({"title": "T", "summary": "S"}, Report("T", "S")),
        ({"text": "x", "value": "3.5", "threshold": 2}, Report(text="x", value=3.5, threshold=2.0)),
    ],
)
def test_senders_may_name_things_as_they_do(record: dict[str, object], expected: Report) -> None:
    assert report_of(record) == expected


def test_labels_and_annotations_of_alertmanager_are_read() -> None:
    record = {
        "labels": {"alertname": "Slow", "severity": "Critical", "service": "cart"},
        "annotations": {"description": "d"},
    }
    report = report_of(record)
    assert (report.title, report.text, report.service, report.stated) == ("Slow", "d", "cart", "critical")


def test_of_a_status_pages_updates_only_the_first_is_read() -> None:
    updates = [{"message": "We look into it"}, {"message": "It was a major outage"}]
    assert report_of({"title": "T", "updates": updates}).text == "We look into it"


def test_a_record_that_says_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="says nothing"):
        report_of({"service": "cart"})


def test_order_and_line_numbers_are_kept_and_blank_lines_skipped(tmp_path: Path) -> None:
    file = tmp_path / "in.ndjson"
    file.write_text('{"title": "a"}\n\n"just text"\n{"title": "b"}\n', encoding="utf-8")
    assert [(n, r.title or r.text) for n, r in read_reports(file)] == [(1, "a"), (3, "just text"), (4, "b")]


def test_a_list_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text(json.dumps([{"title": "a"}, {"title": "b"}]), encoding="utf-8")
    assert [r.title for _, r in read_reports(file)] == ["a", "b"]


@pytest.mark.parametrize(("line", "says"), [("{oops", "not valid JSON"), ("3", "not a JSON object")])
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "in.ndjson"
    file.write_text('{"title": "a"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2: .*{says}"):
        list(read_reports(file))


def test_an_alert_is_a_report() -> None:
    fired_at = datetime(2026, 1, 1, tzinfo=UTC)
    said = {"body": "very"}
    alert = Alert(id="1", source="s", service="cart", title="Slow", fired_at=fired_at, group="g", extra=said)
    assert (Report.of(alert).title, Report.of(alert).text, Report.of(alert).service) == ("Slow", "very", "cart")


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("[Triggered] checkout is slow", "checkout is slow"),
        ("[Re-Triggered on {host:a}] checkout is slow", "checkout is slow"),
        ("[FIRING:2] CheckoutSlow", "CheckoutSlow"),
        ("[P1] checkout is down", "[P1] checkout is down"),
        ("[Triggered]", "[Triggered]"),
        ("Triggered jobs fail", "Triggered jobs fail"),
    ],
)
def test_that_a_monitor_fired_is_not_what_is_wrong(title: str, read: str) -> None:
    assert report_of({"title": title}).title == read
    alert = Alert(id="a", source="t", service="s", title=title, fired_at=datetime(2026, 1, 1, tzinfo=UTC), group="g")
    assert Report.of(alert).title == read
