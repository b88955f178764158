from datetime import UTC, datetime, timedelta

import numpy as np

from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.features import Period, change_scores
from models.flow import flow_findings
from models.sentences import MetricBlock

START = datetime(2026, 1, 1, tzinfo=UTC)
GRAPH = ServiceGraph([("web", "cart"), ("web", "stock"), ("cart", "db"), ("stock", "db")])
SAMPLES, CUT = 60, 40
PERIOD = Period(*(START + timedelta(minutes=m) for m in (CUT, CUT, SAMPLES)))


def found(levels: dict[str, dict[str, tuple[float, float]]]) -> dict[Channel, list[Finding]]:
    """Of {metric: {service: (before, since)}}, each level with a little noise."""
    rng = np.random.default_rng(0)
    keys = tuple(SeriesKey(s, m) for m, by in levels.items() for s in by)
    pairs = [pair for by in levels.values() for pair in by.values()]
    means = np.array([[old] * CUT + [new] * (SAMPLES - CUT) for old, new in pairs]).T
    times = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(SAMPLES) * np.timedelta64(60_000_000, "us")
    metrics = Metrics(times, keys, means * (1 + 0.02 * rng.standard_normal(means.shape)))
    by_channel: dict[Channel, list[Finding]] = {}
    for finding in flow_findings(MetricBlock(metrics, change_scores(metrics, PERIOD)), GRAPH):
        by_channel.setdefault(finding.channel, []).append(finding)
    return by_channel


def services(findings: list[Finding]) -> set[str]:
    return {f.service for f in findings}


def test_traffic_that_grows_where_its_callers_does_not_is_their_doing() -> None:
    steady = (100.0, 100.0)
    signs = found({"requests": {"web": steady, "cart": steady, "stock": steady, "db": (200.0, 900.0)}})
    assert services(signs[Channel.fan_out]) == {"cart", "stock"}
    assert {f.trust for f in signs[Channel.fan_out]} == {0.5}  # either of the two


def test_traffic_that_grows_as_its_callers_does_is_nobodys_doing_but_where_it_comes_in() -> None:
    surge = (100.0, 300.0)
    signs = found({"requests": dict.fromkeys(["web", "cart", "stock", "db"], surge)})
    assert set(signs) == {Channel.surge}
    assert services(signs[Channel.surge]) == {"web"}


def test_traffic_that_does_not_arrive_is_seen_at_both_ends() -> None:
    steady = (100.0, 100.0)
    signs = found({"requests": {"web": steady, "cart": (100.0, 20.0), "stock": steady}})
    assert services(signs[Channel.lost_calls]) == {"web"}
    assert services(signs[Channel.starved]) == {"cart"}


def test_calls_that_a_service_counts_itself_are_held_against_its_requests() -> None:
    signs = found({"requests": {"cart": (100.0, 100.0)}, "client_requests": {"cart": (200.0, 900.0)}})
    (asked,) = signs[Channel.fan_out]
    assert (asked.service, asked.trust) == ("cart", 1.0)


def test_failures_that_no_callee_has_begin_here() -> None:
    signs = found(
        {
            "requests": dict.fromkeys(["web", "cart", "db"], (100.0, 100.0)),
            "errors": {"web": (0.5, 30.0), "cart": (0.5, 30.0), "db": (0.5, 0.5)},
        }
    )
    assert services(signs[Channel.own_errors]) == {"cart"}
    assert "db" in services(signs[Channel.callers_fail])


def test_failures_that_no_caller_feels_are_believed_less() -> None:
    (felt,) = found({"error_ratio": {"web": (0.01, 0.3), "cart": (0.01, 0.3), "db": (0.0, 0.3)}})[Channel.own_errors]
    signs = found({"error_ratio": {"web": (0.01, 0.01), "cart": (0.01, 0.01), "db": (0.0, 0.9)}})
    (unfelt,) = signs[Channel.own_errors]
    assert (felt.service, felt.trust) == ("db", 1.0)
    assert unfelt.service == "db"
    assert unfelt.trust < 0.5


def test_a_share_and_a_percentage_of_failures_are_the_same_thing() -> None:
    signs = found({"error_ratio": {"cart": (0.01, 0.3)}, "error_percent": {"web": (1.0, 30.0)}})
    assert Channel.own_errors in signs
    assert services(signs[Channel.own_errors]) == {"cart"}


def test_all_callers_slow_and_the_callee_not_points_at_the_way_between() -> None:
    signs = found({"latency_ms": {"web": (30.0, 130.0), "cart": (20.0, 120.0), "stock": (20.0, 120.0), "db": (5, 5)}})
    assert "db" in services(signs[Channel.callers_slow])
    (at_db,) = [f for f in signs[Channel.callers_slow] if f.service == "db"]
    assert at_db.text.startswith("2 of 2 callers")


def test_nothing_is_said_where_nothing_changed_or_nobody_calls() -> None:
    levels = {"requests": dict.fromkeys(["web", "cart", "db"], (100.0, 100.0)), "latency_ms": {"web": (20.0, 20.0)}}
    assert found(levels) == {}
    metrics = Metrics.empty()
    assert flow_findings(MetricBlock(metrics, change_scores(metrics, PERIOD)), GRAPH) == []
