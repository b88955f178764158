"""The tables. A change here needs a migration in ``data/migrations/versions``; a test compares the two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data.domain import as_utc


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant in UTC, timezone-aware on both backends (SQLite itself stores no zone)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else as_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else as_utc(value)


metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("alert_group", sa.String(256), nullable=False, index=True),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("incident_id", sa.String(32), sa.ForeignKey("incidents.id"), nullable=True, index=True),
    sa.Column("handled", sa.Boolean, nullable=False, default=False, index=True),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("service", sa.String(256), nullable=False, index=True),
    sa.Column("environment", sa.String(128), nullable=True),
    sa.Column("status", sa.String(32), nullable=False, index=True),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False, index=True),
    sa.Column("resolved_at", UtcDateTime, nullable=True),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.String(32), sa.ForeignKey("incidents.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    # Which incidents have something of a kind is asked every few seconds; it must not read every payload.
    sa.Index("ix_artifacts_kind_incident_id", "kind", "incident_id"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.String(32), sa.ForeignKey("incidents.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)

nonces = sa.Table(
    "nonces",
    metadata,
    sa.Column("key_id", sa.String(128), primary_key=True),
    sa.Column("nonce", sa.String(128), primary_key=True),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("action", sa.String(128), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

stops = sa.Table(
    "stops",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("service", sa.String(256), nullable=True),
    sa.Column("by", sa.String(256), nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("lifted_at", UtcDateTime, nullable=True, index=True),
    sa.Column("lifted_by", sa.String(256), nullable=True),
)
