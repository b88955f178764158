"""Reading, deciding and writing in one database transaction."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from data import schema as t
from data.domain import Alert, Incident, IncidentStatus, Noun, Severity, now
from data.errors import StoreError

N = TypeVar("N", bound=Noun)


def storable(value: Any) -> Any:
    """The same value without what no database takes: NUL becomes U+FFFD, half a surrogate pair a question mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


class TakenIn(NamedTuple):
    """A stored alert and what triage made of it; ``incident_id`` is None where no incident took it."""

    alert: Alert
    handled: bool
    incident_id: str | None


class Transaction:
    """Reads and writes on one connection; see :meth:`data.store.Store.exclusive`.

    While one is open, everything goes through it: whoever holds the write lock and asks the pool for a second
    connection waits for those who hold the connections and wait for the lock.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def taken_in(self, key: str) -> TakenIn:
        """A stored alert, and whether triage has handled it.

        Raises:
            StoreError: if no alert has that key.
        """
        query = sa.select(t.alerts.c.payload, t.alerts.c.handled, t.alerts.c.incident_id).where(t.alerts.c.key == key)
        row = self._connection.execute(query).first()
        if row is None:
            raise StoreError(f"no alert with key {key}")
        return TakenIn(Alert.model_validate(row.payload), bool(row.handled), row.incident_id)

    def handled_since(self, key: str, alert: Alert) -> list[Alert]:
        """Alerts of the same group that arrived after this one and were handled before it."""
        arrived = sa.select(t.alerts.c.received_at).where(t.alerts.c.key == key).scalar_subquery()
        same_group = (t.alerts.c.alert_group == alert.group) & (t.alerts.c.source == alert.source)
        query = sa.select(t.alerts.c.payload).where(
            same_group, t.alerts.c.received_at > arrived, t.alerts.c.handled.is_(True)
        )
        return [Alert.model_validate(payload) for payload in self._connection.scalars(query)]

    def events(self, incident_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Kind and detail of each line of an incident's timeline."""
        query = sa.select(t.events.c.kind, t.events.c.detail).where(t.events.c.incident_id == incident_id)
        return [(kind, detail) for kind, detail in self._connection.execute(query.order_by(t.events.c.seq))]

    def set_severity(self, incident_id: str, severity: Severity) -> None:
        where = t.incidents.c.id == incident_id
        self._connection.execute(t.incidents.update().where(where).values(severity=severity.value))

    def unresolved(self) -> list[Incident]:
        """Incidents still open, newest first."""
        query = sa.select(t.incidents).where(t.incidents.c.status != IncidentStatus.resolved.value)
        return read_incidents(self._connection, query.order_by(t.incidents.c.opened_at.desc()))

    def open(self, incident: Incident) -> None:
        """Store a new incident; its alerts are attached separately."""
        row = incident.model_dump(exclude={"alerts"})
        self._connection.execute(t.incidents.insert().values(storable(row)))

    def attach(self, key: str, incident_id: str | None) -> None:
        """Mark an alert as taken in by an incident, or by none."""
        where = t.alerts.c.key == key
        self._connection.execute(t.alerts.update().where(where).values(incident_id=incident_id, handled=True))

    def move(self, incident_id: str, status: IncidentStatus, message: str, **detail: Any) -> None:
        values: dict[str, Any] = {"status": status.value}
        if status is IncidentStatus.resolved:
            values["resolved_at"] = now()
        where = (t.incidents.c.id == incident_id) & (t.incidents.c.status != IncidentStatus.resolved.value)
        self._connection.execute(t.incidents.update().where(where).values(**values))
        self.note(incident_id, status.value, message, **detail)

    def put(self, incident_id: str, artifact: Noun) -> None:
        payload = storable(artifact.model_dump(mode="json"))
        row = {"incident_id": incident_id, "kind": type(artifact).__name__, "created_at": now(), "payload": payload}
        self._connection.execute(t.artifacts.insert().values(**row))

    def all(self, incident_id: str, kind: type[N]) -> list[N]:
        """Every artifact of a type that was made for an incident, oldest first."""
        columns = t.artifacts.c
        query = sa.select(columns.payload).where(columns.incident_id == incident_id, columns.kind == kind.__name__)
        return [kind.model_validate(payload) for payload in self._connection.scalars(query.order_by(columns.seq))]

    def note(self, incident_id: str, kind: str, message: str, **detail: Any) -> None:
        row = {"incident_id": incident_id, "at": now(), "kind": kind, "message": message, "detail": detail}
        self._connection.execute(t.events.insert().values(storable(row)))


def read_incidents(connection: sa.Connection, query: sa.Select[Any]) -> list[Incident]:
    """Incidents with their alerts, in the order of ``query``."""
    rows = connection.execute(query).mappings().all()
    ids = [row["id"] for row in rows]
    alerts: dict[str, list[Alert]] = {i: [] for i in ids}
    taken = sa.select(t.alerts.c.incident_id, t.alerts.c.payload).where(t.alerts.c.incident_id.in_(ids))
    for incident_id, payload in connection.execute(taken.order_by(t.alerts.c.received_at, t.alerts.c.key)):
        alerts[incident_id].append(Alert.model_validate(payload))
    return [Incident.model_validate({**row, "alerts": alerts[row["id"]]}) for row in rows]
