"""Stored state: alerts, incidents, what was made for each incident, and its timeline.

Nothing is overwritten but an incident's own status line: artifacts and events are appended, the newest
artifact of a type is the one in force.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects import postgresql, sqlite

from data import schema as t
from data.database import reading
from data.domain import Alert, Incident, IncidentStatus, Noun, Severity, Utc, now
from data.errors import StoreError
from data.transaction import Transaction, read_incidents, storable

N = TypeVar("N", bound=Noun)

# Crockford's base 32: no letters that are mistaken for digits when read out over the phone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Event(Noun):
    """One line of an incident's timeline; ``seq`` grows over the whole store."""

    seq: int
    incident_id: str
    at: Utc
    kind: str
    message: str
    detail: dict[str, Any] = Field(default_factory=dict)


class Receipt(Noun):
    """What became of a received alert: its key, and whether it had not been seen before."""

    key: str
    is_new: bool


def alert_key(alert: Alert) -> str:
    """The identity of one notification: the same alert sent twice has the same key."""
    identity = "\x1f".join((alert.source, alert.group, alert.id, alert.status.value))
    return hashlib.sha256(identity.encode()).hexdigest()


def new_incident_id(at: datetime) -> str:
    """For example ``INC-261123-7K3QZ``: the day it opened, and five characters of chance."""
    return f"INC-{at:%y%m%d}-" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


class Store:
    """The one way to stored state. Safe to use from several threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    # -- alerts ---------------------------------------------------------------------------------------

    def receive(self, alerts: Sequence[tuple[Alert, str]]) -> list[Receipt]:
        """Persist notifications with their raw bodies, all or none; one already stored is left as it is."""
        receipts = []
        with self.engine.begin() as connection:
            for alert, body in alerts:
                key = alert_key(alert)
                row = {"key": key, "alert_group": alert.group, "source": alert.source, "received_at": now()}
                row |= {"payload": storable(alert.model_dump(mode="json")), "body": storable(body), "handled": False}
                receipts.append(Receipt(key=key, is_new=_insert_if_absent(connection, t.alerts, row)))
        return receipts

    def alert(self, key: str) -> Alert:
        with reading(self.engine) as connection:
            row = connection.execute(sa.select(t.alerts.c.payload).where(t.alerts.c.key == key)).first()
        if row is None:
            raise StoreError(f"no alert with key {key}")
        return Alert.model_validate(row.payload)

    def incident_of(self, key: str) -> str | None:
        """The incident that took an alert in, or None while none has."""
        with reading(self.engine) as connection:
            return connection.scalar(sa.select(t.alerts.c.incident_id).where(t.alerts.c.key == key))

    def unhandled(self, limit: int = 1000) -> list[str]:
        """Keys of alerts that no incident has taken in yet, oldest first."""
        query = sa.select(t.alerts.c.key).where(t.alerts.c.handled.is_(False)).order_by(t.alerts.c.received_at)
        with reading(self.engine) as connection:
            return list(connection.scalars(query.limit(limit)))

    def backlog(self) -> int:
        """How many alerts wait to be taken in."""
        query = sa.select(sa.func.count()).select_from(t.alerts).where(t.alerts.c.handled.is_(False))
        with reading(self.engine) as connection:
            return int(connection.scalar(query) or 0)

    # -- incidents ------------------------------------------------------------------------------------

    @contextmanager
    def exclusive(self) -> Iterator[Transaction]:
        """One transaction that no other triage can interleave with: read, decide, write."""
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('qai-sre triage'))"))
            yield Transaction(connection)

    def incident(self, incident_id: str) -> Incident:
        with reading(self.engine) as connection:
            found = read_incidents(connection, sa.select(t.incidents).where(t.incidents.c.id == incident_id))
        if not found:
            raise StoreError(f"no incident {incident_id}")
        return found[0]

    def incidents(self, statuses: Iterable[IncidentStatus] = (), limit: int = 100, offset: int = 0) -> list[Incident]:
        """Newest first; only those in ``statuses`` when any are given."""
        query = sa.select(t.incidents).order_by(t.incidents.c.opened_at.desc(), t.incidents.c.id)
        wanted = [status.value for status in statuses]
        if wanted:
            query = query.where(t.incidents.c.status.in_(wanted))
        with reading(self.engine) as connection:
            return read_incidents(connection, query.limit(limit).offset(offset))

    def move(self, incident_id: str, status: IncidentStatus, message: str, **detail: Any) -> None:
        """Change where an incident stands, and say so on its timeline. A resolved incident stays resolved."""
        with self.engine.begin() as connection:
            Transaction(connection).move(incident_id, status, message, **detail)

    def claim(self, incident_id: str, status: IncidentStatus, becomes: IncidentStatus, *artifacts: Noun) -> bool:
        """Move an incident from one status to another, for exactly one of several who try at once.

        The winner's ``artifacts`` are kept in the same transaction: who moved it, and what they said, agree.
        """
        where = (t.incidents.c.id == incident_id) & (t.incidents.c.status == status.value)
        with self.engine.begin() as connection:
            won = connection.execute(t.incidents.update().where(where).values(status=becomes.value)).rowcount == 1
            for artifact in artifacts if won else ():
                Transaction(connection).put(incident_id, artifact)
        return won

    def set_severity(self, incident_id: str, severity: Severity) -> None:
        with self.engine.begin() as connection:
            Transaction(connection).set_severity(incident_id, severity)

    # -- artifacts and timeline -----------------------------------------------------------------------

    def put(self, incident_id: str, artifact: Noun) -> None:
        """Keep what was made for an incident: a Diagnosis, Proposal, Decision, PullRequest or Feedback."""
        with self.engine.begin() as connection:
            Transaction(connection).put(incident_id, artifact)

    def latest(self, incident_id: str, kind: type[N], *, after: type[Noun] | None = None) -> N | None:
        """The newest artifact of a type, or None; with ``after``, only if made since the newest one of that type."""
        query = _artifacts(incident_id, kind).order_by(t.artifacts.c.seq.desc()).limit(1)
        if after is not None:
            last = sa.select(sa.func.max(t.artifacts.c.seq)).where(
                t.artifacts.c.incident_id == incident_id, t.artifacts.c.kind == after.__name__
            )
            query = query.where(t.artifacts.c.seq > sa.func.coalesce(last.scalar_subquery(), 0))
        with reading(self.engine) as connection:
            payload = connection.scalar(query)
        return None if payload is None else kind.model_validate(payload)

    def all(self, incident_id: str, kind: type[N]) -> list[N]:
        """Every artifact of a type, oldest first."""
        with reading(self.engine) as connection:
            payloads = connection.scalars(_artifacts(incident_id, kind).order_by(t.artifacts.c.seq))
            return [kind.model_validate(payload) for payload in payloads]

    def newest(self, kind: type[N], *, since: datetime | None = None) -> dict[str, N]:
        """The newest artifact of a type of every incident that has one, by incident; of those opened ``since``."""
        last = sa.select(sa.func.max(t.artifacts.c.seq)).where(t.artifacts.c.kind == kind.__name__)
        if since is not None:
            opened = sa.select(t.incidents.c.id).where(t.incidents.c.opened_at >= since)
            last = last.where(t.artifacts.c.incident_id.in_(opened))
        wanted = t.artifacts.c.seq.in_(last.group_by(t.artifacts.c.incident_id))
        query = sa.select(t.artifacts.c.incident_id, t.artifacts.c.payload).where(wanted)
        with reading(self.engine) as connection:
            return {row.incident_id: kind.model_validate(row.payload) for row in connection.execute(query)}

    def having(
        self, *kinds: type[Noun], without: type[Noun] | None = None, since: datetime | None = None
    ) -> list[Incident]:
        """Incidents for which something of any of these types was made, oldest first; opened ``since``, if given.

        Those for which something of the type ``without`` was made are left out.
        """
        kind, of = t.artifacts.c.kind, sa.select(t.artifacts.c.incident_id)
        query = sa.select(t.incidents).where(t.incidents.c.id.in_(of.where(kind.in_([k.__name__ for k in kinds]))))
        if without is not None:
            query = query.where(t.incidents.c.id.not_in(of.where(kind == without.__name__)))
        if since is not None:
            query = query.where(t.incidents.c.opened_at >= since)
        with reading(self.engine) as connection:
            return read_incidents(connection, query.order_by(t.incidents.c.opened_at, t.incidents.c.id))

    def note(self, incident_id: str, kind: str, message: str, **detail: Any) -> None:
        """Add a line to an incident's timeline."""
        with self.engine.begin() as connection:
            Transaction(connection).note(incident_id, kind, message, **detail)

    def events(self, incident_id: str | None = None, after: int = 0, limit: int = 500) -> list[Event]:
        """Timeline lines in order, of one incident or of all, later than ``after``."""
        query = sa.select(t.events).where(t.events.c.seq > after).order_by(t.events.c.seq).limit(limit)
        if incident_id is not None:
            query = query.where(t.events.c.incident_id == incident_id)
        with reading(self.engine) as connection:
            return [Event.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def last_seq(self) -> int:
        """The newest timeline line's number; 0 when there is none."""
        with reading(self.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.max(t.events.c.seq))) or 0)

    # -- replay protection ----------------------------------------------------------------------------

    def use_nonce(self, key_id: str, nonce: str, expires_at: datetime) -> bool:
        """Spend a nonce; False when it was spent before. Expired ones are forgotten on the way."""
        with self.engine.begin() as connection:
            connection.execute(t.nonces.delete().where(t.nonces.c.expires_at < now()))
            row = {"key_id": key_id, "nonce": nonce, "expires_at": expires_at}
            return _insert_if_absent(connection, t.nonces, row)


def _artifacts(incident_id: str, kind: type[Noun]) -> sa.Select[Any]:
    columns = t.artifacts.c
    return sa.select(columns.payload).where(columns.incident_id == incident_id, columns.kind == kind.__name__)


def _insert_if_absent(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert unless the primary key is taken; True when it was inserted. Holds under concurrent writers."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(statement).first() is not None
