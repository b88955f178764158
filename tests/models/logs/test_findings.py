import time
from datetime import UTC, datetime, timedelta

import pandas as pd

from models.base import Channel, Finding
from models.features import Period
from models.logs import log_findings, log_series, read_lines

START = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = START + timedelta(minutes=60)
PERIOD = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=10))


def lines(service: str, message: str, minutes: range, severity: str = "INFO", each: int = 1) -> list[dict[str, object]]:
    return [
        {"timestamp": START + timedelta(minutes=m, seconds=i), "service": service, "severity": severity,
         "message": message.format(n=m * 100 + i)}
        for m in minutes
        for i in range(each)
    ]  # fmt: skip


def table(*parts: list[dict[str, object]]) -> pd.DataFrame:
    rows = pd.DataFrame([row for part in parts for row in part])
    return rows.assign(timestamp=pd.to_datetime(rows["timestamp"], utc=True).astype("datetime64[us, UTC]"))


def found(logs: pd.DataFrame, channel: Channel) -> list[Finding]:
    return sorted((f for f in log_findings(read_lines(logs), PERIOD) if f.channel is channel), key=lambda f: -f.score)


ORDINARY = lines("web", "served request {n} in 12 ms", range(70), each=3)


def test_a_new_error_is_found_with_a_sample_and_its_first_time() -> None:
    logs = table(ORDINARY, lines("db", "connection pool exhausted after {n} ms", range(62, 70), "ERROR"))
    finding = found(logs, Channel.new_logs)[0]
    assert finding.service == "db"
    assert finding.at == START + timedelta(minutes=62)
    assert "connection pool exhausted" in finding.text
    assert "never before" in finding.text


def test_a_service_that_always_logs_errors_is_not_news() -> None:
    logs = table(
        lines("noisy", "retry {n} failed", range(70), "ERROR", each=20),
        lines("db", "disk full on volume {n}", range(60, 70), "ERROR"),
    )
    assert found(logs, Channel.new_logs)[0].service == "db"
    assert all(f.score < 1 for f in found(logs, Channel.new_logs) if f.service == "noisy")


def test_a_template_that_vanishes_is_found() -> None:
    logs = table(ORDINARY, lines("mail", "sent message {n}", range(60), each=3))
    (lost,) = found(logs, Channel.lost_logs)
    assert lost.service == "mail"


def test_errors_that_name_another_service_are_evidence_about_it_too() -> None:
    logs = table(
        ORDINARY, lines("pay", "ok {n}", range(60)), lines("web", "call to pay failed: 503", range(61, 70), "ERROR")
    )
    (named,) = found(logs, Channel.named_in_errors)
    assert named.service == "pay"


def test_without_severity_words_tell() -> None:
    logs = table(ORDINARY, lines("db", "panic: nil pointer at {n}", range(61, 70), ""))
    assert found(logs, Channel.new_logs)[0].service == "db"


def test_lines_after_the_period_do_not_count() -> None:
    late = lines("db", "fatal: out of memory", range(75, 80), "FATAL")
    assert found(table(ORDINARY, late), Channel.new_logs) == []


def test_many_lines_are_bounded_in_time_and_their_order_does_not_matter() -> None:
    logs = table(
        lines("web", "user {n} did thing", range(70), each=700),
        lines("db", "deadlock detected {n}", range(60, 70), "ERROR"),
    )
    begin = time.perf_counter()
    ordered = log_findings(read_lines(logs), PERIOD)
    assert time.perf_counter() - begin < 10
    shuffled = log_findings(read_lines(logs.sample(frac=1.0, random_state=0)), PERIOD)
    scores = [sorted((f.service, f.channel, round(f.score, 9)) for f in fs) for fs in (ordered, shuffled)]
    assert scores[0] == scores[1]


def test_bad_lines_are_counted_with_zeros_between() -> None:
    series = log_series(read_lines(table(ORDINARY, lines("db", "boom", range(60, 70), "ERROR"))))
    column = [k.service for k in series.keys].index("db")
    assert series.values[:, column].min() == 0
    assert series.values[:, column].sum() == 10


def test_no_logs_nothing() -> None:
    empty = table(ORDINARY).iloc[:0]
    assert log_findings(read_lines(empty), PERIOD) == []
    assert len(log_series(read_lines(empty))) == 0


def test_an_ordinary_line_that_is_new_is_not_called_an_error() -> None:
    logs = table(
        ORDINARY, lines("web", "cache warmed up {n}", range(61, 70)), lines("db", "boom {n}", range(61, 70), "ERROR")
    )
    indicators = {finding.service: finding.indicator for finding in found(logs, Channel.new_logs)}
    assert indicators == {"web": "log lines", "db": "log errors"}
