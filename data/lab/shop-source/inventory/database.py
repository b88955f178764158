"""The stock database, and the small pool of connections that every request shares."""

import sqlite3
from contextlib import contextmanager

from common import environment, telemetry
from common.pool import Pool
from common.settings import settings

from inventory import schema

BUSY_TIMEOUT_S = 3.0
PAGE_BYTES = 4096


class Database:
    def __init__(self):
        self._volume = environment.volume()
        self._path = self._volume / "ledger.sqlite"
        schema.prepare(self._path)
        self._pool = Pool("db_client", settings["pool_size"], settings["pool_timeout_s"], self._connect)
        self._queries = telemetry.meter.create_counter("db.client.queries")
        telemetry.gauge("filesystem_volume_used_ratio", self._used_ratio, "1")

    def query(self, sql, values=()):
        """The rows a statement returns."""
        with self._pool.connection() as connection, self._statement(sql):
            return connection.execute(sql, values).fetchall()

    def insert(self, sql, rows):
        """Insert many rows in one transaction.

        Raises:
            sqlite3.OperationalError: when the volume is full, or another writer does not finish.
        """
        with self._pool.connection() as connection, self._statement(sql), connection:
            # SQLite itself refuses to grow beyond what is left of the volume.
            left = self._capacity() - self._used() + self._path.stat().st_size
            connection.execute(f"PRAGMA max_page_count = {max(1, left // PAGE_BYTES)}")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(sql, rows)

    @contextmanager
    def _statement(self, sql):
        verb, table = sql.split()[0], sql.split(" FROM " if " FROM " in sql else " INTO ")[1].split()[0]
        self._queries.add(1)
        with telemetry.span(f"{verb} {table}", **{"db.system": "sqlite"}):
            yield

    def _connect(self):
        return sqlite3.connect(self._path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)

    @staticmethod
    def _capacity():
        return settings["volume_mb"] * 2**20

    def _used(self):
        # The journal is not counted: it is emptied at every checkpoint.
        return sum(f.stat().st_size for f in self._volume.iterdir() if not f.name.endswith(("-wal", "-shm")))

    def _used_ratio(self):
        return self._used() / self._capacity()
