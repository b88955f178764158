"""What is kept of the telemetry is small, in order, and still shows the spike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from data.excerpt import MAX_POINTS, MetricExcerpt, Topology, TopologyEdge
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
WAIT, LOAD = SeriesKey("pay", "wait", unit="ms"), SeriesKey("pay", "load", instance="pay-1")


def metrics(samples: int) -> Metrics:
    """Noise with one spike, and a series with a gap."""
    values = np.random.default_rng(7).normal(10.0, 1.0, (samples, 2))
    values[samples // 2, 0] = 500.0
    values[3:6, 1] = np.nan
    times = np.datetime64("2026-03-02T03:00:00", "us") + np.arange(samples) * np.timedelta64(10, "s")
    return Metrics(times, (WAIT, LOAD), values)


def test_series_come_in_the_order_asked_for_and_unknown_ones_are_left_out() -> None:
    found = MetricExcerpt.cut(metrics(20), [LOAD, SeriesKey("pay", "gone"), WAIT], alert_at=START)
    assert [(s.service, s.metric, s.instance, s.unit) for s in found.series] == [
        ("pay", "load", "pay-1", ""),
        ("pay", "wait", "", "ms"),
    ]


def test_missing_samples_are_left_out_and_times_are_utc() -> None:
    [series] = MetricExcerpt.cut(metrics(20), [LOAD], alert_at=START).series
    assert len(series.timestamps) == len(series.values) == 17
    assert series.timestamps[:4] == tuple(START + timedelta(seconds=s) for s in (0, 10, 20, 60))


def test_only_what_lies_between_start_and_end_both_included() -> None:
    window = {"start": START + timedelta(seconds=100), "end": START + timedelta(seconds=130)}
    [series] = MetricExcerpt.cut(metrics(20), [WAIT], alert_at=START, **window).series
    assert series.timestamps == tuple(START + timedelta(seconds=s) for s in (100, 110, 120, 130))


def test_a_long_series_is_thinned_and_keeps_its_spike() -> None:
    [series] = MetricExcerpt.cut(metrics(50_000), [WAIT], alert_at=START).series
    assert len(series.values) == MAX_POINTS
    assert 500.0 in series.values
    assert list(series.timestamps) == sorted(set(series.timestamps))


def test_what_is_stored_reads_back_the_same() -> None:
    excerpt = MetricExcerpt.cut(metrics(20), [WAIT, LOAD], alert_at=START, onset=START)
    assert MetricExcerpt.model_validate_json(excerpt.model_dump_json()) == excerpt


def test_the_topology_of_a_graph() -> None:
    topology = Topology.of(ServiceGraph([("web", "pay")], ["alone"], {"pay": "host-1"}))
    assert [(node.id, node.host) for node in topology.nodes] == [("alone", None), ("pay", "host-1"), ("web", None)]
    assert topology.edges == (TopologyEdge(caller="web", callee="pay"),)
