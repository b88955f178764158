"""Connections and migrations: SQLite (write-ahead log) by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.errors import ConfigError

_BUSY_TIMEOUT_MS = 30_000


def connect(url: str) -> sa.Engine:
    """An engine for ``url``; SQLite gets WAL, foreign keys and a patient busy timeout.

    Raises:
        ConfigError: if the URL is malformed or its driver is not installed.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _begin_ourselves)
        sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def connect_for_workflows(url: str) -> sa.Engine:
    """An engine for DBOS, which says ``BEGIN`` itself where it needs one and leaves the rest to the driver.

    Raises:
        ConfigError: as :func:`connect` does.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _let_the_driver_begin)
    return engine


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed, pool_pre_ping=True)
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(f"QAI_DATABASE_URL: {error}") from error
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema; several processes may call this at once."""
    from alembic import command
    from alembic.config import Config

    with as_file(files("data") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        try:
            with engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('qai-sre migrations'))"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except sa.exc.DBAPIError as error:
            raise ConfigError(f"QAI_DATABASE_URL: the database cannot be used: {error.orig}") from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for queries only: takes no write lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_ourselves(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _let_the_driver_begin(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"


def _begin_immediate(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes fails with "database is locked" at once when another
    # writer got in between, whatever the busy timeout: take the write lock at the start instead.
    # Asked of the options, not of the driver: pysqlite answers SERIALIZABLE whatever the mode.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
