"""Spans, metrics and logs of this process, through the OpenTelemetry SDK.

Metrics are named for what they measure and labelled only where a service would otherwise mix up its callees.
"""

import logging
import os
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.metrics import Observation
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from common import environment
from common.export import StoreLogs, StoreMetrics, StoreSpans
from common.store import Store

# From a quarter of a millisecond to half a minute, each bucket a fifth wider than the one before.
_BOUNDS = tuple(round(0.25 * 1.2**step, 4) for step in range(65))
_EXPORT_EVERY_MS = 1000

_store = Store()
_resource = Resource.create({"service.name": environment.SERVICE, "service.instance.id": environment.INSTANCE})
_traces = TracerProvider(resource=_resource)
_traces.add_span_processor(
    BatchSpanProcessor(StoreSpans(_store, environment.INSTANCE), schedule_delay_millis=_EXPORT_EVERY_MS)
)
_logs = LoggerProvider(resource=_resource)
_logs.add_log_record_processor(
    BatchLogRecordProcessor(StoreLogs(_store, environment.INSTANCE), schedule_delay_millis=_EXPORT_EVERY_MS)
)
_meters = MeterProvider(
    [StoreMetrics(_store, environment.INSTANCE, environment.INTERVAL_S)],
    resource=_resource,
    views=[View(instrument_name="*duration", aggregation=ExplicitBucketHistogramAggregation(_BOUNDS))],
)
_tracer = _traces.get_tracer("shop")
meter = _meters.get_meter("shop")

log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.propagate = False
with warnings.catch_warnings():
    # Its replacement lives in a package of instrumentation that we do not need.
    warnings.simplefilter("ignore", DeprecationWarning)
    log.addHandler(LoggingHandler(logger_provider=_logs))


@contextmanager
def span(name, kind=SpanKind.INTERNAL, headers=None, started_ns=None, **attributes):
    """Time a block. A server's span continues the trace in ``headers``; any other that of the span around it."""
    context = extract(headers) if headers is not None else None
    with _tracer.start_as_current_span(
        name, context, kind, attributes, start_time=started_ns, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            if getattr(error, "status", 500) >= 500:
                fail(current, f"{type(error).__name__}: {error}")
            raise


def fail(current, description):
    """Mark a span as failed."""
    current.set_status(Status(StatusCode.ERROR, description))


def trace_headers():
    """The headers that make a remote call part of the current trace (W3C trace context)."""
    headers = {}
    inject(headers)
    return headers


class Peak:
    """A level that goes up and down; what is reported is its highest since the last report."""

    def __init__(self, name, unit=""):
        self._lock = threading.Lock()
        self._level = self._highest = 0
        meter.create_observable_gauge(name, [self._report], unit)

    def add(self, amount):
        with self._lock:
            self._level += amount
            self._highest = max(self._highest, self._level)

    def _report(self, options):
        with self._lock:
            highest, self._highest = self._highest, self._level
        return [Observation(highest)]


def gauge(name, read, unit=""):
    """Report what ``read()`` returns at each sample; None reports nothing."""

    def report(options):
        value = read()
        return [] if value is None else [Observation(value)]

    meter.create_observable_gauge(name, [report], unit)


def rate_of(read):
    """A function that tells how fast ``read()`` has grown, a second, since it was last asked."""
    last = [time.monotonic(), read()]

    def rate():
        at, value = time.monotonic(), read()
        if value is None or last[1] is None:
            return None
        grown = (value - last[1]) / max(at - last[0], 1e-3)
        last[:] = at, value
        return grown

    return rate


def _waited_for_cpu_s():
    """Seconds this process' threads were ready to run and had no processor; Linux only."""
    try:
        tasks = [Path(task, "schedstat").read_text().split() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return None
    return sum(int(fields[1]) for fields in tasks) / 1e9


def _memory_mb():
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


gauge("process_cpu_utilization", rate_of(time.process_time), "1")
gauge("process_cpu_wait_ratio", rate_of(_waited_for_cpu_s), "1")
gauge("process_memory_resident_mb", _memory_mb, "MB")
gauge("process_threads", threading.active_count)


def stop():
    """Hand over what has not been exported yet."""
    _meters.shutdown()
    _traces.shutdown()
    _logs.shutdown()
