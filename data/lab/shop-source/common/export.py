"""OpenTelemetry exporters that write to our store, and the reader that samples metrics on the wall clock's grid."""

import json
import threading
import time
from collections import defaultdict, deque

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

# Quantiles are taken over the last three samples: one alone holds too few requests.
_WINDOW = 3


class StoreSpans(SpanExporter):
    def __init__(self, store, instance):
        self._store, self._instance = store, instance

    def export(self, spans):
        self._store.append("spans", [self._row(span) for span in spans])
        return SpanExportResult.SUCCESS

    def _row(self, span):
        context, failed = span.context, span.status.status_code is StatusCode.ERROR
        trace_id = f"{context.trace_id:032x}"
        return (
            span.start_time // 1000,
            trace_id,
            f"{context.span_id:016x}",
            f"{span.parent.span_id:016x}" if span.parent else None,
            span.name,
            span.kind.name.lower(),
            (span.attributes or {}).get("server.address"),
            (span.end_time - span.start_time) / 1e6,
            "error" if failed else "ok",
            span.status.description if failed else None,
            self._instance,
            int(trace_id[:8], 16) / 2**32,
        )


class StoreLogs(LogRecordExporter):
    def __init__(self, store, instance):
        self._store, self._instance = store, instance

    def export(self, batch):
        self._store.append("logs", [self._row(each.log_record) for each in batch])
        return LogRecordExportResult.SUCCESS

    def _row(self, record):
        trace_id = f"{record.trace_id:032x}" if record.trace_id else None
        attributes = json.dumps(dict(record.attributes or {}), default=str)
        return (record.timestamp // 1000, record.severity_text, str(record.body), trace_id, attributes, self._instance)

    def force_flush(self, timeout_millis=30_000):
        return True

    def shutdown(self):
        pass


class StoreMetrics(MetricReader):
    """Collects at every multiple of ``interval_s``: counters become rates, histograms quantiles, gauges stay."""

    def __init__(self, store, instance, interval_s):
        delta = AggregationTemporality.DELTA
        super().__init__(preferred_temporality={Counter: delta, Histogram: delta})
        self._store, self._instance, self._interval_s = store, instance, interval_s
        self._counters = {}
        self._windows = defaultdict(lambda: deque(maxlen=_WINDOW))
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def _tick(self):
        while not self._over.wait(self._interval_s - time.time() % self._interval_s):
            self.collect()

    def _receive_metrics(self, metrics_data, timeout_millis=10_000, **kwargs):
        at = int(round(time.time() / self._interval_s) * self._interval_s * 1e6)
        samples = {} if metrics_data is None else self._samples(metrics_data)
        rows = [(at, name, value, unit, self._instance) for (name, unit), value in samples.items()]
        self._store.append("metrics", rows)

    def _samples(self, metrics_data):
        self._counters = dict.fromkeys(self._counters, 0.0)
        gauges, counts = {}, {}
        for metric in _metrics(metrics_data):
            for point in metric.data.data_points:
                name, labels = metric.name.replace(".", "_"), _labels(point.attributes)
                if hasattr(point, "bucket_counts"):
                    counts[name, labels, metric.unit] = point
                elif hasattr(metric.data, "is_monotonic"):
                    self._counters[f"{name}_per_second{labels}", "1/s"] = point.value / self._interval_s
                else:
                    gauges[name + labels, metric.unit] = float(point.value)
        return gauges | self._counters | self._quantiles(counts) | self._error_ratio()

    def _quantiles(self, counts):
        for key in set(self._windows) | set(counts):
            self._windows[key].append(counts[key].bucket_counts if key in counts else None)
        bounds = next((point.explicit_bounds for point in counts.values()), ())
        quantiles = {}
        for (name, labels, unit), window in self._windows.items():
            summed = [sum(each) for each in zip(*filter(None, window), strict=True)]
            for label, q in (("p50", 0.50), ("p95", 0.95)):
                if bounds and sum(summed):
                    quantiles[f"{name}_{label}_{unit}{labels}", unit] = _quantile(bounds, summed, q)
        return quantiles

    def _error_ratio(self):
        requests = self._counters.get(("http_server_requests_per_second", "1/s"))
        errors = self._counters.get(("http_server_errors_per_second", "1/s"), 0.0)
        return {("http_server_error_ratio", "1"): errors / requests if requests else 0.0}

    def shutdown(self, timeout_millis=5_000, **kwargs):
        self._over.set()
        self._ticker.join(timeout_millis / 1000)


def _metrics(metrics_data):
    for resource in metrics_data.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _labels(attributes):
    inside = ",".join(f"{key}={value}" for key, value in sorted((attributes or {}).items()))
    return f"{{{inside}}}" if inside else ""


def _quantile(bounds, counts, q):
    """The ``q`` quantile of a histogram, linear within its bucket."""
    rank, below = q * sum(counts), 0
    for index, count in enumerate(counts):
        if count and below + count >= rank:
            low = bounds[index - 1] if index else 0.0
            high = bounds[index] if index < len(bounds) else low * 1.5
            return low + (high - low) * (rank - below) / count
        below += count
    return bounds[-1]
