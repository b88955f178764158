"""What a metric's name says about capacity, and that a doubtful one says nothing."""

from __future__ import annotations

import pytest

from models.optimize.roles import Role, measure_of


@pytest.mark.parametrize(
    ("metric", "unit", "role", "factor"),
    [
        ("container_cpu_usage_cores", "", Role.cpu_used, 1.0),
        ("CpuUsage(m)", "", Role.cpu_used, 1e-3),
        ("CpuUsageRate(%)", "", Role.cpu_share, 0.01),
        ("cpu_utilization", "", Role.cpu_share, None),
        ("kube_pod_container_resource_requests_cpu_cores", "", Role.cpu_allotted, 1.0),
        ("cpu.limit", "millicores", Role.cpu_allotted, 1e-3),
        ("container_memory_working_set_bytes", "", Role.memory_used, 2**-20),
        ("memory_limit", "GiB", Role.memory_allotted, 1024.0),
        ("mem_used_percent", "", Role.memory_share, 0.01),
        ("kube_deployment_status_replicas_ready", "", Role.replicas, 1.0),
        ("requests_per_second", "", Role.demand, 1.0),
        ("db_pool_max_conns", "", Role.pool_size, 1.0),
        ("db_pool_in_use", "", Role.pool_used, 1.0),
        ("db_pool_wait_seconds_p99", "", Role.pool_wait, 1e3),
        ("cache_hit_ratio", "", Role.cache_hits, None),
        ("redis_cache_evictions_total", "", Role.evictions, 1.0),
    ],
)
def test_a_name_with_its_unit_is_read(metric, unit, role, factor):
    measure = measure_of(metric, unit)
    assert measure is not None
    assert measure.role is role
    assert measure.factor == (None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize(
    "metric",
    [
        "carts_cpu",  # of what, nobody says
        "memory_usage",
        "node_cpu_utilization",
        "NodeMemoryUsageRate(%)",
        "jvm_gc_cpu_ratio",
        "container_cpu_cfs_throttled_periods_total",
        "memory_page_faults",
        "kube_deployment_spec_replicas_max",
        "replica_lag_seconds",
        "thread_pool_memory_bytes",
        "http_error_ratio",
        "cache_miss_ratio",
    ],
)
def test_a_name_that_does_not_tell_has_no_role(metric):
    assert measure_of(metric) is None


def test_cpu_seconds_count_up():
    measure = measure_of("container_cpu_usage_seconds_total")
    assert measure is not None
    assert (measure.role, measure.counter) == (Role.cpu_used, True)
