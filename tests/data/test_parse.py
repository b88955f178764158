from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.parse import parse_number, parse_tags, parse_time

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1795435200,
        "1795435200",
        1795435200000,
        "1795435200000",
        1795435200000000,
        1795435200000000000,
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00",
        "2026-11-23T13:00:00+01:00",
        datetime(2026, 11, 23, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_one_instant_in_every_form_vendors_send(value: object) -> None:
    assert parse_time(value, field="date") == NOON


@pytest.mark.parametrize("value", ["", "soon", None, True, math.nan, math.inf, "$DATE", 12, "9" * 400, [], {}])
def test_what_is_not_a_time_names_the_field(value: object) -> None:
    with pytest.raises(InputError, match=r"^date: ") as caught:
        parse_time(value, field="date")
    assert caught.value.field == "date"


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_value_is_a_time_in_utc_or_an_input_error(value: object) -> None:
    with suppress(InputError):
        assert parse_time(value, field="x").tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ("", {}),
        ("env:prod, monitor, service:checkout", {"env": "prod", "monitor": "", "service": "checkout"}),
        ("env:prod,service:checkout", {"env": "prod", "service": "checkout"}),
        ("env:prod, note:a,b, service:checkout", {"env": "prod", "note": "a,b", "service": "checkout"}),
        (["env:prod", "url:http://x:1"], {"env": "prod", "url": "http://x:1"}),
        ({"env": "prod", "n": 3, "none": None}, {"env": "prod", "n": "3", "none": ""}),
        ("team:a, team:b", {"team": "a,b"}),
        (7, {"7": ""}),
    ],
)
def test_tags_in_every_form(value: object, expected: dict[str, str]) -> None:
    assert parse_tags(value) == expected


def test_numbers() -> None:
    assert parse_number("2.5") == 2.5
    assert [parse_number(x) for x in ("nan", None, "a lot", math.inf, [])] == [None] * 5
