"""Where telemetry goes: one SQLite file a service, the oldest rows dropped as new ones come."""

import sqlite3
import threading
import time

from common import environment

RETENTION_S = 3600
MOST_ROWS = 600_000
_TRIM_EVERY_S = 60.0

# Instants are microseconds since 1970, UTC. ``share`` is a span's trace id as a number from 0 to 1: readers who
# want fewer spans take those below a share, and get whole traces.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (at INTEGER, trace_id TEXT, span_id TEXT, parent_id TEXT, operation TEXT, kind TEXT,
    peer TEXT, duration_ms REAL, status TEXT, error TEXT, instance TEXT, share REAL);
CREATE TABLE IF NOT EXISTS logs (at INTEGER, severity TEXT, message TEXT, trace_id TEXT, attributes TEXT, instance TEXT);
CREATE TABLE IF NOT EXISTS metrics (at INTEGER, metric TEXT, value REAL, unit TEXT, instance TEXT);
CREATE INDEX IF NOT EXISTS spans_at ON spans (at);
CREATE INDEX IF NOT EXISTS logs_at ON logs (at);
CREATE INDEX IF NOT EXISTS metrics_at ON metrics (at);
"""


class Store:
    """Appends rows to one of the three tables. Safe to use from several threads."""

    def __init__(self):
        folder = environment.STATE / "telemetry"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._trimmed = time.monotonic()
        path = folder / f"{environment.SERVICE}.sqlite"
        self._database = sqlite3.connect(path, timeout=20, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_SCHEMA)

    def append(self, table, rows):
        if not rows:
            return
        marks = ", ".join("?" * len(rows[0]))
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            self._database.execute("COMMIT")
            if time.monotonic() - self._trimmed > _TRIM_EVERY_S:
                self._trimmed = time.monotonic()
                self._trim()

    def _trim(self):
        oldest = int((time.time() - RETENTION_S) * 1e6)
        for table in ("spans", "logs", "metrics"):
            newest = self._database.execute(f"SELECT MAX(rowid) FROM {table}").fetchone()[0] or 0
            self._database.execute(f"DELETE FROM {table} WHERE at < ? OR rowid <= ?", (oldest, newest - MOST_ROWS))
