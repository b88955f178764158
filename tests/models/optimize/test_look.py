"""Sizes, idle services, pools and caches: found where they are, refused where too little was seen."""

from __future__ import annotations

import numpy as np
import pytest

from data.telemetry import Metrics, Telemetry
from data.topology import ServiceGraph
from models.optimize import OpportunityKind
from models.optimize.look import look


def found(recorded, graph=None):
    return look(Telemetry(metrics=recorded.metrics, graph=graph or ServiceGraph()))


def search(recorded, cores=0.5, allotted=4.0, memory=700.0, limit=4096.0):
    recorded.add("search", "container_cpu_usage_cores", cores * recorded.wave + 0.05, "a")
    recorded.add("search", "kube_pod_cpu_request_cores", allotted, "a")
    recorded.add("search", "container_memory_working_set_bytes", memory * 2**20, "a")
    recorded.add("search", "kube_pod_memory_limit_bytes", limit * 2**20, "a")
    return recorded


def test_more_than_the_busiest_hours_need_is_found_with_room_left(recording):
    (only,) = found(search(recording(8))).found
    assert only.kind is OpportunityKind.oversized
    then = only.target.cpu_cores[1]
    assert 0.5 < then < 1.0  # above the peak of about 0.54 cores, far below the 4 allotted
    assert only.target.memory_mib == (4096.0, 880.0)
    assert only.blocks == (8, 8)
    assert only.confidence == pytest.approx(0.9)
    assert "busiest hour" in only.facts[0].text


@pytest.mark.parametrize("days", [0.1, 1.0])
def test_nothing_is_taken_away_before_a_day_was_seen(recording, days):
    result = found(search(recording(days)))
    assert result.found == ()
    assert any("h are needed" in why for why in result.refused)


def test_what_fits_is_left_alone(recording):
    assert found(search(recording(8), cores=2.4, memory=3000.0)).found == ()


def test_a_short_peak_each_day_is_no_waste(recording):
    recorded = recording(8)
    daily = np.zeros(len(recorded.clock))
    daily[np.arange(len(daily)) % 288 < 12] = 3.0  # an hour a day
    recorded.add("batch", "cpu_usage_cores", daily).add("batch", "cpu_limit_cores", 4.0)
    assert found(recorded).found == ()


def test_full_in_the_busiest_hours_of_most_days_is_too_small(recording):
    recorded = recording(8)
    recorded.add("pay", "cpu_utilization", np.clip(recorded.wave * 1.2, 0, 1))
    (only,) = found(recorded).found
    assert (only.kind, only.subject) == (OpportunityKind.undersized, "cpu")
    assert "how many instances of pay run is not recorded" in only.unknown


def test_one_full_hour_is_an_incident_and_no_size(recording):
    recorded = recording(8)
    share = np.full(len(recorded.clock), 0.5)
    share[1000:1012] = 1.0
    recorded.add("pay", "cpu_utilization", share)
    assert found(recorded).found == ()


def test_fewer_instances_only_where_memory_was_seen_too(recording):
    blind = recording(8)
    for name in "abcdef":
        blind.add("web", "cpu_utilization", 0.2 * blind.wave, name)
    result = found(blind)
    assert result.found == ()
    assert any("memory was not seen" in why for why in result.refused)
    for name in "abcdef":
        blind.add("web", "memory_utilization_percent", 30.0, name)
    (only,) = found(blind).found
    assert only.target.replicas == (6.0, 3)  # memory: 6 * 0.30 / 0.80 = 2.25


def test_fractions_percentages_and_counters_say_the_same(recording):
    plain, percent, counter = recording(3), recording(3), recording(3)
    plain.add("s", "cpu_utilization", 0.1 * plain.wave)
    percent.add("s", "cpu_utilization_percent", 10 * percent.wave)
    (one,), (other,) = found(plain).found, found(percent).found
    assert one.action == other.action
    counter.add("s", "container_cpu_usage_seconds_total", np.cumsum(300 * 0.1 * counter.wave))
    counter.add("s", "cpu_limit_cores", 1.0)
    (third,) = found(counter).found
    assert third.facts[0].detail["daily_peaks"] == pytest.approx(one.facts[0].detail["daily_peaks"], abs=0.002)


def test_an_amount_and_its_share_tell_what_is_allotted(recording):
    recorded = recording(3)
    recorded.add("s", "CpuUsage(m)", 100 * recorded.wave + 10).add("s", "CpuUsageRate(%)", 10 * recorded.wave + 1)
    (only,) = found(recorded).found
    assert only.target.cpu_cores == (pytest.approx(1.0), pytest.approx(0.2))


def test_only_what_is_far_too_much_is_cut(recording):
    (only,) = found(search(recording(8), memory=2800.0)).found  # memory needs 85 % of what it has
    assert only.target.memory_mib is None
    assert "memory" not in only.action


def test_growth_is_left_room_for(recording):
    flat, growing = recording(14), recording(14)
    rising = np.linspace(1.0, 2.0, len(flat.clock))
    flat.add("s", "cpu_usage_cores", 1.0 * flat.wave).add("s", "cpu_limit_cores", 16.0)
    growing.add("s", "cpu_usage_cores", 0.5 * rising * growing.wave).add("s", "cpu_limit_cores", 16.0)
    sizes = [found(recorded).found[0].target.cpu_cores[1] for recorded in (flat, growing)]
    assert sizes[1] > 1.5 * sizes[0]


def test_a_share_that_cannot_be_one_is_not_used(recording):
    recorded = recording(3)
    recorded.add("s", "cpu_utilization", 250 * recorded.wave)
    result = found(recorded)
    assert result.found == ()
    assert any("neither a fraction nor a percentage" in why for why in result.refused)


def test_use_without_a_limit_is_said_not_judged(recording):
    recorded = recording(3)
    recorded.add("s", "container_memory_rss_bytes", 1e8)
    assert any("neither a request nor a limit" in why for why in found(recorded).refused)


def test_a_week_without_a_request_is_idle_and_a_day_is_not(recording):
    graph = ServiceGraph([("web", "legacy")])
    (only,) = found(recording(8).add("legacy", "requests_per_second", 0.0), graph).found
    assert only.kind is OpportunityKind.idle
    assert "web may call it" in only.risk
    result = found(recording(1).add("legacy", "requests_per_second", 0.0))
    assert result.found == ()
    assert any("168 h are needed" in why for why in result.refused)


def test_a_worker_and_a_service_asked_in_another_way_are_not_idle(recording):
    worker = recording(8)
    worker.add("worker", "http_requests_per_second", 0.0).add("worker", "cpu_utilization", 0.3)
    assert all(o.kind is not OpportunityKind.idle for o in found(worker).found)
    other = recording(8)
    other.add("api", "http_requests_per_second", 0.0).add("api", "grpc_requests_per_second", 5.0)
    assert found(other).found == ()


def test_a_full_pool_is_to_grow_and_an_empty_one_to_shrink(recording):
    recorded = recording(3)
    recorded.add("stock", "db_pool_in_use", np.round(20 * np.clip(recorded.wave * 1.2, 0, 1)))
    recorded.add("stock", "db_pool_max_conns", 20.0).add("stock", "db_pool_wait_ms", 25.0)
    recorded.add("user", "db_pool_in_use", 2.0).add("user", "db_pool_max_conns", 100.0)
    by_service = {o.service: o for o in found(recorded).found}
    assert by_service["stock"].kind is OpportunityKind.small_pool
    assert "from 20 to 29" in by_service["stock"].action
    assert by_service["user"].kind is OpportunityKind.large_pool


def test_a_low_hit_ratio_needs_evictions_to_mean_a_small_cache(recording):
    blind = recording(1).add("cat", "cache_hit_ratio", 0.5)
    result = found(blind)
    assert result.found == ()
    assert any("evictions are not recorded" in why for why in result.refused)
    (only,) = found(recording(1).add("cat", "cache_hit_ratio", 0.5).add("cat", "cache_evictions_per_second", 3.0)).found
    assert only.kind is OpportunityKind.small_cache
    kept = recording(1).add("cat", "cache_hit_ratio", 0.5).add("cat", "cache_evictions_per_second", 0.0)
    assert found(kept).found == ()


def test_gaps_constants_and_nothing_are_survived_and_the_input_kept(recording):
    assert look(Telemetry()).found == ()
    recorded = search(recording(8))
    table = recorded.table
    metrics = Metrics.from_long(table[~table["timestamp"].isin(recorded.clock[100:400])])
    before = metrics.values.copy()
    first, again = look(Telemetry(metrics=metrics)), look(Telemetry(metrics=metrics))
    assert np.array_equal(before, metrics.values, equal_nan=True)
    assert [o.action for o in first.found] == [o.action for o in again.found] != []
