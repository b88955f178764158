import pytest

from models.indicators import Kind, closeness, direction_of, kind_of


@pytest.mark.parametrize(
    ("name", "kind", "direction"),
    [
        ("http_server_duration_p99_ms", Kind.latency, 1),
        ("http_server_requests_seconds_p95", Kind.latency, 1),
        ("http_server_requests_seconds_count", Kind.traffic, 0),
        ("http_requests_per_second", Kind.traffic, 0),
        ("page_load_time", Kind.latency, 1),
        ("query_time", Kind.latency, 1),
        ("request_queue_time", Kind.queue, 1),
        ("process_cpu_time", Kind.cpu, 1),
        ("process_start_time_seconds", Kind.other, 0),
        ("cartservice_socket", Kind.saturation, 1),
        ("redis_connected_clients", Kind.saturation, 1),
        ("innodb_data_fsyncs", Kind.disk, 0),
        ("PodServerLatencyP90(s)", Kind.latency, 1),
        ("trace.http.request.errors", Kind.error, 1),
        ("error_rate_5xx_ratio", Kind.error, 1),
        ("http_5xx_per_sec", Kind.error, 1),
        ("availability_Average", Kind.availability, -1),
        ("PodSuccessRate(%)", Kind.availability, -1),
        ("CpuUsageRate(%)", Kind.cpu, 1),
        ("system.cpu.idle", Kind.cpu, -1),
        ("system.mem.free", Kind.memory, -1),
        ("node_memory_MemAvailable_bytes", Kind.memory, -1),
        ("container_memory_working_set_bytes", Kind.memory, 1),
        ("requests_Sum", Kind.traffic, 0),
        ("request_queue_depth", Kind.queue, 1),
        ("ApproximateNumberOfMessagesVisible", Kind.queue, 1),
        ("db_client_pool_wait_seconds", Kind.pool, 1),
        ("cache.hit_rate", Kind.cache, -1),
        ("cache_misses_ratio", Kind.cache, 1),
        ("HTTPCode_Target_5XX_Count", Kind.error, 1),
        ("node_netstat_Tcp_RetransSegs", Kind.network, 1),
        ("container.network.io.transmit", Kind.network, 0),
        ("jvm.gc.duration", Kind.memory, 1),
        ("kube_pod_container_status_restarts_total", Kind.restarts, 1),
        ("http.client.timeouts", Kind.timeouts, 1),
        ("pg_stat_database_tup_returned", Kind.rows, 0),
        ("http_client_requests_total", Kind.calls, 0),
        ("success_rate_loss", Kind.error, 1),
        ("NetworkReceiveBytes", Kind.network, 0),
        ("fancy_thing", Kind.other, 0),
    ],
)
def test_names_of_any_vendor_are_told_by_their_words(name: str, kind: Kind, direction: int) -> None:
    assert kind_of(name) is kind
    assert direction_of(name) == direction


def test_a_unit_of_time_decides_where_no_word_does() -> None:
    assert kind_of("checkout", "ms") is Kind.latency
    assert kind_of("checkout") is Kind.other


def test_what_a_client_or_a_host_measures_is_only_half_about_the_service() -> None:
    assert closeness("PodClientLatencyP90(s)") < closeness("PodServerLatencyP90(s)")
