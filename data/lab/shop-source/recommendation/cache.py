"""A cache whose entries expire."""

import random
import threading
import time

from common import telemetry

MOST_ENTRIES = 1000

_hits = telemetry.meter.create_counter("cache.hits")
_misses = telemetry.meter.create_counter("cache.misses")


class Cache:
    """Keeps what was computed. Each key is computed by one request at a time; others wait for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._entries = {}
        self._computing = {}

    def get(self, key, ttl_s, compute):
        """The entry for ``key``, computed unless it is younger than about ``ttl_s`` seconds."""
        entry = self._fresh(key)
        if entry is None:
            with self._turn(key):
                entry = self._fresh(key) or self._filled(key, ttl_s, compute)
        else:
            _hits.add(1)
        return entry[1]

    def _fresh(self, key):
        entry = self._entries.get(key)
        return entry if entry and time.monotonic() < entry[0] else None

    def _filled(self, key, ttl_s, compute):
        _misses.add(1)
        value = compute(key)
        # Spread out, so that what was computed together does not expire together.
        entry = (time.monotonic() + ttl_s * random.uniform(0.7, 1.3), value)
        with self._lock:
            if len(self._entries) >= MOST_ENTRIES:
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = entry
        return entry

    def _turn(self, key):
        with self._lock:
            return self._computing.setdefault(key, threading.Lock())
