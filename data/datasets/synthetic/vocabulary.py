"""What metrics are called, and in which unit they come, by family and vendor.

``{p}`` is what the node speaks (http, grpc, sql ...), ``{s}`` the statistic of a latency (p99, avg ...). A unit of
``""`` is unknown to whoever reads the name. Factors turn canonical units (seconds, bytes, shares, cores, per second)
into those of the name.
"""

from __future__ import annotations

from typing import NamedTuple


class Label(NamedTuple):
    """One way to call a metric. ``counter`` metrics only ever rise, until they reset."""

    name: str
    unit: str
    factor: float
    counter: bool = False


VENDORS = ("prometheus", "datadog", "cloudwatch", "otel", "short", "camel")
MB = 2.0**-20
_S, _MS, _B, _PCT = ("s", 1.0), ("ms", 1e3), ("bytes", 1.0), ("%", 100.0)

LABELS: dict[str, tuple[Label, ...]] = {
    "latency": (
        Label("{p}_request_duration_seconds_{s}", *_S),
        Label("trace.{p}.request.duration.{s}", *_S),
        Label("Latency.{s}", *_MS),
        Label("{p}.server.duration.{s}", *_MS),
        Label("latency_{s}", *_MS),
        Label("responseTime{s}", *_MS),
    ),
    "rate": (
        Label("{p}_requests_total", "", 1.0, True),
        Label("trace.{p}.request.hits", "", 1.0),
        Label("RequestCount", "Count", 60.0),
        Label("{p}.server.request.count", "{request}", 1.0, True),
        Label("workload", "", 1.0),
        Label("requestsPerSecond", "req/s", 1.0),
    ),
    "errors": (
        Label("{p}_requests_failed_total", "", 1.0, True),
        Label("trace.{p}.request.errors", "", 1.0),
        Label("HTTPCode_Target_5XX_Count", "Count", 60.0),
        Label("{p}.server.error.count", "", 1.0, True),
        Label("error", "", 1.0),
        Label("failedRequests", "", 1.0),
    ),
    "error_share": (
        Label("job:{p}_errors:ratio_rate5m", "", 1.0),
        Label("{p}.error_rate", *_PCT),
        Label("FaultRate", "Percent", 100.0),
        Label("{p}.server.error.ratio", "1", 1.0),
        Label("success-rate-loss", "", 1.0),
        Label("errorRate", *_PCT),
    ),
    "cpu": (
        Label("container_cpu_usage_seconds_total", "", 1.0, True),
        Label("docker.cpu.usage", *_PCT),
        Label("CPUUtilization", "Percent", 100.0),
        Label("process.cpu.utilization", "1", 1.0),
        Label("cpu", "", 1.0),
        Label("cpuUsage", "m", 1000.0),
    ),
    "throttled": (
        Label("container_cpu_cfs_throttled_seconds_total", "", 1.0, True),
        Label("container.cpu.throttled", "", 1e3),
        Label("CPUThrottledTime", "ms", 1e3),
        Label("container.cpu.throttling.time", *_S),
        Label("throttled", "", 1.0),
        Label("cpuThrottledPct", *_PCT),
    ),
    "memory": (
        Label("container_memory_working_set_bytes", *_B),
        Label("docker.mem.rss", "MB", MB),
        Label("MemoryUtilized", "Megabytes", MB),
        Label("process.memory.usage", "By", 1.0),
        Label("mem", "", MB),
        Label("memoryUsage", "Mi", MB),
    ),
    "pauses": (
        Label("jvm_gc_pause_seconds_sum", "", 1.0, True),
        Label("jvm.gc.pause_time", *_MS),
        Label("GCPauseTime", *_MS),
        Label("process.runtime.gc.duration", *_MS),
        Label("gc", "", 1e3),
        Label("gcPauseMs", *_MS),
    ),
    "sent": (
        Label("container_network_transmit_bytes_total", "", 1.0, True),
        Label("docker.net.bytes_sent", "B/s", 1.0),
        Label("NetworkOut", "Bytes", 60.0),
        Label("container.network.io.transmit", "By", 1.0, True),
        Label("net_out", "", 1 / 1024),
        Label("networkTransmit", "kB/s", 1 / 1024),
    ),
    "received": (
        Label("container_network_receive_bytes_total", "", 1.0, True),
        Label("docker.net.bytes_rcvd", "B/s", 1.0),
        Label("NetworkIn", "Bytes", 60.0),
        Label("container.network.io.receive", "By", 1.0, True),
        Label("net_in", "", 1 / 1024),
        Label("networkReceive", "kB/s", 1 / 1024),
    ),
    "retransmits": (
        Label("node_netstat_Tcp_RetransSegs", "", 1.0, True),
        Label("system.net.tcp.retrans_segs", "", 1.0),
        Label("RetransmittedPackets", "Count", 60.0),
        Label("system.network.errors", "", 1.0, True),
        Label("retrans", "", 1.0),
        Label("tcpRetransmits", "", 1.0),
    ),
    "threads": (
        Label("{p}_server_threads_busy", "", 1.0),
        Label("{p}.workers.busy", "", 1.0),
        Label("ActiveConnectionCount", "Count", 1.0),
        Label("{p}.server.active_requests", "", 1.0),
        Label("inflight", "", 1.0),
        Label("activeThreads", "", 1.0),
    ),
    "pool": (
        Label("db_client_pool_connections_in_use", "", 1.0),
        Label("hikaricp.connections.active", "", 1.0),
        Label("ClientConnectionsInUse", "Count", 1.0),
        Label("db.client.connections.usage", "", 1.0),
        Label("pool_used", "", 1.0),
        Label("poolActive", "", 1.0),
    ),
    "pool_wait": (
        Label("db_client_pool_wait_seconds", *_S),
        Label("hikaricp.connections.acquire", *_MS),
        Label("ConnectionAcquireTime", *_MS),
        Label("db.client.connections.wait_time", *_MS),
        Label("pool_wait", "", 1e3),
        Label("poolWaitMs", *_MS),
    ),
    "calls": (
        Label("{p}_client_requests_total", "", 1.0, True),
        Label("trace.{p}.client.hits", "", 1.0),
        Label("OutboundRequests", "Count", 60.0),
        Label("{p}.client.request.count", "", 1.0, True),
        Label("calls_out", "", 1.0),
        Label("outboundCalls", "", 1.0),
    ),
    "timeouts": (
        Label("{p}_client_timeouts_total", "", 1.0, True),
        Label("{p}.client.timeouts", "", 1.0),
        Label("ConnectionTimeoutCount", "Count", 60.0),
        Label("{p}.client.timeout.count", "", 1.0, True),
        Label("timeouts", "", 1.0),
        Label("clientTimeouts", "", 1.0),
    ),
    "hit": (
        Label("cache_hit_ratio", "", 1.0),
        Label("cache.hit_rate", *_PCT),
        Label("CacheHitRate", "Percent", 100.0),
        Label("cache.hit.ratio", "1", 1.0),
        Label("hit_ratio", "", 1.0),
        Label("cacheHitPct", *_PCT),
    ),
    "connections": (
        Label("pg_stat_activity_count", "", 1.0),
        Label("postgresql.connections", "", 1.0),
        Label("DatabaseConnections", "Count", 1.0),
        Label("db.connections.open", "", 1.0),
        Label("conns", "", 1.0),
        Label("openConnections", "", 1.0),
    ),
    "scans": (
        Label("pg_stat_database_tup_returned", "", 1.0, True),
        Label("postgresql.rows_returned", "", 1.0),
        Label("ReadThroughput", "Bytes/Second", 512.0),
        Label("db.rows.read", "", 1.0),
        Label("rows", "", 1.0),
        Label("rowsRead", "", 1.0),
    ),
    "disk": (
        Label("kubelet_volume_stats_used_bytes", *_B),
        Label("system.disk.in_use", "", 2.0**-34),
        Label("VolumeBytesUsed", "Bytes", 1.0),
        Label("system.filesystem.usage", "By", 1.0),
        Label("disk", "", 2.0**-30),
        Label("diskUsedGb", "GB", 1e-9),
    ),
    "depth": (
        Label("queue_messages_ready", "", 1.0),
        Label("rabbitmq.queue.messages", "", 1.0),
        Label("ApproximateNumberOfMessagesVisible", "Count", 1.0),
        Label("messaging.queue.depth", "", 1.0),
        Label("lag", "", 1.0),
        Label("queueDepth", "", 1.0),
    ),
    "restarts": (
        Label("kube_pod_container_status_restarts_total", "", 1.0, True),
        Label("kubernetes.containers.restarts", "", 1.0, True),
        Label("RestartCount", "Count", 1.0, True),
        Label("k8s.container.restarts", "", 1.0, True),
        Label("restarts", "", 1.0, True),
        Label("podRestarts", "", 1.0, True),
    ),
    "descriptors": (
        Label("process_open_fds", "", 1.0),
        Label("system.fs.file_handles.in_use", "", 1.0),
        Label("OpenFileDescriptors", "Count", 1.0),
        Label("process.open_file_descriptor.count", "", 1.0),
        Label("fds", "", 1.0),
        Label("openFiles", "", 1.0),
    ),
    "constant": (
        Label("kube_deployment_spec_replicas", "", 1.0),
        Label("container.cpu.limit", "", 1.0),
        Label("DesiredTaskCount", "Count", 1.0),
        Label("k8s.deployment.desired", "", 1.0),
        Label("limit", "", 1.0),
        Label("configuredMax", "", 1.0),
    ),
    "zero": (
        Label("{p}_panics_total", "", 1.0, True),
        Label("system.swap.used", "", 1.0),
        Label("SwapUsage", "Bytes", 1.0),
        Label("process.oom_kills", "", 1.0, True),
        Label("drops", "", 1.0),
        Label("rejectedTasks", "", 1.0),
    ),
}
STATISTICS = ("avg", "p50", "p90", "p95", "p99")
