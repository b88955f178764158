"""A fixed number of connections that many requests share."""

import queue
import time
from contextlib import contextmanager

from common import telemetry
from common.errors import HttpError


class Pool:
    """``size`` connections, made by ``connect``. A request waits up to ``timeout_s`` seconds for one."""

    def __init__(self, name, size, timeout_s, connect):
        self._name, self._size, self._timeout_s = name, size, timeout_s
        self._idle = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(connect())
        self._wait = telemetry.meter.create_histogram(f"{name}.connection.wait.duration", "ms")
        self._in_use = telemetry.Peak(f"{name}_connections_in_use")

    @contextmanager
    def connection(self):
        started = time.perf_counter()
        try:
            connection = self._idle.get(timeout=self._timeout_s)
        except queue.Empty:
            raise HttpError(503, f"no {self._name} connection within {self._timeout_s:g} s; all {self._size} in use") from None
        finally:
            self._wait.record((time.perf_counter() - started) * 1000)
        self._in_use.add(+1)
        try:
            yield connection
        finally:
            self._in_use.add(-1)
            self._idle.put(connection)
