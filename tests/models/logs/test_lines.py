"""Log lines are read once: in the order of time, each with its template and how bad it is."""

import pandas as pd
import pytest

from models.logs import read_lines
from models.logs.lines import ORDINARY

START = pd.Timestamp("2026-01-01", tz="UTC")


def table(*rows: tuple[int, str, str, str]) -> pd.DataFrame:
    logs = pd.DataFrame(rows, columns=["second", "service", "severity", "message"])
    return logs.assign(timestamp=START + pd.to_timedelta(logs.pop("second"), unit="s"))


def test_lines_come_in_the_order_of_time_with_what_they_were() -> None:
    lines = read_lines(
        table((9, "web", "INFO", "served 12 items"), (3, "db", "INFO", "ready"), (5, "web", "", "served 7 items"))
    )
    assert [lines.services[i] for i in lines.service] == ["db", "web", "web"]
    assert lines.message.tolist() == ["ready", "served 7 items", "served 12 items"]
    assert lines.template[1] == lines.template[2] != lines.template[0]
    assert len(lines.templates) == 2


@pytest.mark.parametrize(
    ("severity", "message", "weight"),
    [
        ("ERROR", "all is well", 1.0),
        (" Warning", "all is well", 0.5),
        ("INFO", "all is well", ORDINARY),
        ("INFO", "could not connect: connection refused", 0.5),
        ("", "could not connect: connection refused", 1.0),
        (None, "all is well", ORDINARY),
    ],
)
def test_how_bad_a_line_is_is_told_by_its_severity_else_by_its_words(
    severity: str, message: str, weight: float
) -> None:
    assert read_lines(table((0, "web", severity, message))).weight.tolist() == [weight]


def test_no_lines() -> None:
    assert len(read_lines(table((0, "web", "INFO", "gone")).iloc[:0])) == 0
