"""What the kind of trouble says of "no change did it"."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data.domain import Alert
from data.topology import ServiceGraph
from models.base import Channel
from models.changes import ChangeContext, Symptom
from models.changes.nature import nature_signals, strength

FIRED = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
CALLS = (("web", "cart"), ("cart", "cartdb"), ("web", "pay"), ("pay", "bank"))


def sign(service: str, channel: Channel, score: float, text: str = "", name: str = "x") -> Symptom:
    return Symptom(service, "span", name, text, score, channel.value)


def families(suspect: str, *symptoms: Symptom, reporting: str = "web cart cartdb pay") -> dict[str, float]:
    graph = ServiceGraph(CALLS, hosts={"cart": "node-1", "cartdb": "node-1"})
    alert = Alert(id="a", source="test", service="web", title="web is slow", fired_at=FIRED, group="g")
    context = ChangeContext(alert, FIRED, {suspect: 0.9}, graph, symptoms, reporting=frozenset(reporting.split()))
    return {s.family: s.weight for s in nature_signals(context)}


def test_a_slow_line_speaks_for_none_and_more_so_from_several_callers() -> None:
    one = families("cart", sign("cart", Channel.gap, 9.0))
    two = families(
        "cart", sign("cart", Channel.gap, 9.0, name="from web"), sign("cart", Channel.gap, 5.0, name="of pay")
    )
    assert 0.8 < one["slow_line"] < two["slow_line"]


def test_a_slow_line_to_a_service_that_works_longer_is_no_slow_line() -> None:
    busy = families("cart", sign("cart", Channel.gap, 9.0), sign("cart", Channel.own_time, 20.0))
    assert busy["slow_line"] < 0.2


def test_a_busy_host_speaks_for_none_where_neighbours_suffer_too() -> None:
    alone = families("cart", sign("cart", Channel.cpu, 12.0))
    together = families("cart", sign("cart", Channel.cpu, 12.0), sign("cartdb", Channel.own_time, 9.0))
    asked = families("cart", sign("cart", Channel.cpu, 12.0), sign("cart", Channel.traffic, 12.0))
    assert together["busy_host"] > 1.0 > alone["busy_host"] > asked.get("busy_host", 0.0)


def test_somebody_elses_service_speaks_for_none() -> None:
    assert families("bank", sign("bank", Channel.error_origin, 4.0))["outsider"] > 1.0
    assert "outsider" not in families("pay", sign("pay", Channel.error_origin, 4.0))
    assert "outsider" not in families("bank", sign("bank", Channel.gap, 4.0), reporting="")


def test_more_calls_for_as_many_requests_speak_against_none() -> None:
    text = "GET /x of cartdb ran 900 times where 100 were usual for as many requests"
    assert families("cartdb", sign("cartdb", Channel.calls, 12.0, text))["asks_more"] < -0.5
    fewer = "GET /x of cartdb ran 10 times where 100 were usual for as many requests"
    assert "asks_more" not in families("cartdb", sign("cartdb", Channel.calls, 12.0, fewer))


def test_faint_signs_speak_for_none() -> None:
    assert families("cart", sign("cart", Channel.latency, 0.5))["faint"] > 0.8
    assert families("cart", sign("cart", Channel.latency, 30.0)).get("faint", 0.0) < 0.01


def test_nothing_is_said_where_nobody_looked() -> None:
    assert families("cart", Symptom("cart", "metric", "cpu", "rose from 1 to 9", 20.0)) == {}


@pytest.mark.parametrize("channel", list(Channel))
def test_strength_grows_with_the_score_in_every_channel(channel: Channel) -> None:
    assert 0 <= strength(sign("a", channel, 0.1)) < strength(sign("a", channel, 5.0)) < 1
