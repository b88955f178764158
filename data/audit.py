"""The audit log: append-only and hash-chained, so that what was done can be shown not to have been rewritten.

Each entry's digest is SHA-256 over the digest before it and its own content in canonical JSON. Changing,
removing or reordering any entry but the last breaks every digest after it; a database trigger refuses
updates and deletes in the first place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from data import schema as t
from data.database import reading
from data.domain import Noun, Utc, now
from data.errors import StoreError

GENESIS = "0" * 64


class AuditEntry(Noun):
    """Who did what to what, when, and the link to the entry before."""

    seq: int
    at: Utc
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    digest: str


def append(engine: sa.Engine, actor: str, action: str, subject: str, **detail: Any) -> AuditEntry:
    """Add one entry to the end of the chain."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('qai-sre audit'))"))
        last = connection.execute(sa.select(t.audit).order_by(t.audit.c.seq.desc()).limit(1)).mappings().first()
        fields = {
            "seq": last["seq"] + 1 if last else 1,
            "at": now(),
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": json.loads(json.dumps(detail, default=str)),
            "previous": last["digest"] if last else GENESIS,
        }
        entry = AuditEntry(**fields, digest=_digest(fields))
        connection.execute(t.audit.insert().values(**entry.model_dump()))
    return entry


def entries(engine: sa.Engine, limit: int | None = None, *, actions: Collection[str] = ()) -> list[AuditEntry]:
    """The chain from its beginning; of it only ``actions``, where any are given."""
    query = sa.select(t.audit).order_by(t.audit.c.seq).limit(limit)
    if actions:
        query = query.where(t.audit.c.action.in_(actions))
    with reading(engine) as connection:
        rows = connection.execute(query).mappings()
        return [AuditEntry.model_validate(dict(row)) for row in rows]


def count(engine: sa.Engine, *actions: str, since: datetime, actors: Collection[str] | None = None) -> int:
    """How often any of ``actions`` was taken since an instant; by ``actors`` alone, where they are given."""
    where = t.audit.c.action.in_(actions) & (t.audit.c.at >= since)
    if actors is not None:
        where &= t.audit.c.actor.in_(actors)
    with reading(engine) as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(t.audit).where(where)) or 0)


def verify(engine: sa.Engine) -> int:
    """Check every link; returns the number of entries.

    Raises:
        StoreError: naming the first entry that does not fit.
    """
    previous, expected = GENESIS, 1
    for entry in entries(engine):
        fields = entry.model_dump(exclude={"digest"})
        if entry.seq != expected or entry.previous != previous or entry.digest != _digest(fields):
            raise StoreError(f"the audit chain is broken at entry {entry.seq} ({entry.action} {entry.subject})")
        previous, expected = entry.digest, expected + 1
    return expected - 1


def _digest(fields: dict[str, Any]) -> str:
    content = {**fields, "at": fields["at"].isoformat(timespec="microseconds")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
