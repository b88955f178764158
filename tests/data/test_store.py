"""The store, on real SQLite and real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data import audit, schema
from data.database import connect, migrate
from data.domain import Alert, Decision, Incident, IncidentStatus, Outcome, Severity, now
from data.errors import ConfigError, StoreError
from data.store import Store, alert_key, new_incident_id


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        engine = connect(f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}")
    else:
        engine = connect(request.getfixturevalue("postgres_url"))
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    migrate(engine)
    yield Store(engine)
    engine.dispose()


def open_incident(store: Store, alert: Alert) -> Incident:
    [receipt] = store.receive([(alert, "{}")])
    incident = Incident(
        id=new_incident_id(now()), title=alert.title, service=alert.service, status=IncidentStatus.open,
        severity=Severity.high, opened_at=now(), alerts=(alert,),
    )  # fmt: skip
    with store.exclusive() as transaction:
        transaction.open(incident)
        transaction.attach(receipt.key, incident.id)
    return incident


def in_threads(count: int, work: object) -> None:
    assert callable(work)
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_migrations_and_tables_agree(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def newest_revision() -> str:
    """As the files are numbered."""
    return max(path.name for path in (Path(schema.__file__).parent / "migrations" / "versions").glob("*.py"))[:4]


def test_migrating_twice_and_at_once_is_harmless(store: Store) -> None:
    in_threads(4, lambda: migrate(store.engine))
    with store.engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == newest_revision()


def test_the_same_alert_twice_is_one_alert(store: Store, alert: Alert) -> None:
    first, second = store.receive([(alert, "{}")])[0], store.receive([(alert, "{}")])[0]
    assert first.is_new
    assert not second.is_new
    assert store.backlog() == 1
    assert store.alert(first.key) == alert


def test_the_same_alert_in_many_threads_is_one_alert(store: Store, alert: Alert) -> None:
    receipts = []
    in_threads(8, lambda: receipts.extend(store.receive([(alert, "{}")])))
    assert sum(r.is_new for r in receipts) == 1
    assert store.unhandled() == [alert_key(alert)]


def test_an_incident_is_stored_with_its_alerts(store: Store, alert: Alert) -> None:
    incident = open_incident(store, alert)
    assert store.incident(incident.id) == incident
    assert store.backlog() == 0
    assert store.incidents([IncidentStatus.resolved]) == []


def test_a_resolved_incident_stays_resolved(store: Store, alert: Alert) -> None:
    incident = open_incident(store, alert)
    store.move(incident.id, IncidentStatus.resolved, "recovered")
    store.move(incident.id, IncidentStatus.investigating, "late step")
    found = store.incident(incident.id)
    assert found.status is IncidentStatus.resolved
    assert found.resolved_at is not None


def test_only_one_claim_wins(store: Store, alert: Alert) -> None:
    incident = open_incident(store, alert)
    store.move(incident.id, IncidentStatus.awaiting_approval, "waiting")
    won = []
    in_threads(
        8, lambda: won.append(store.claim(incident.id, IncidentStatus.awaiting_approval, IncidentStatus.approved))
    )
    assert sorted(won) == [False] * 7 + [True]


def test_the_newest_artifact_is_in_force_and_none_is_lost(store: Store, alert: Alert) -> None:
    incident = open_incident(store, alert)
    decisions = [Decision(outcome=o, action="merge", by="rule", explanation="x") for o in (Outcome.ask, Outcome.act)]
    for decision in decisions:
        store.put(incident.id, decision)
    assert store.latest(incident.id, Decision) == decisions[1]
    assert store.all(incident.id, Decision) == decisions
    assert store.latest(incident.id, Incident) is None


def test_incidents_are_found_by_what_was_made_for_them(store: Store, alert: Alert) -> None:
    def decision(by: str) -> Decision:
        return Decision(outcome=Outcome.ask, action="merge", by=by, explanation="")

    one, two, three = (open_incident(store, alert.model_copy(update={"id": f"a{n}"})).id for n in range(3))
    for incident_id, by in ((one, "ann"), (two, "bob"), (one, "cid")):
        store.put(incident_id, decision(by))
    store.put(two, alert)
    assert {i.id for i in store.having(Decision)} == {one, two}
    assert [i.id for i in store.having(Decision, without=Alert)] == [one]
    assert {i.id for i in store.having(Decision, Alert)} == {one, two}
    assert {incident: found.by for incident, found in store.newest(Decision).items()} == {one: "cid", two: "bob"}
    assert store.newest(Decision, since=now()) == {}
    assert store.having(Decision, since=now()) == []
    assert three not in store.newest(Alert)


def test_events_are_read_in_order_from_any_point(store: Store, alert: Alert) -> None:
    incident = open_incident(store, alert)
    for n in range(3):
        store.note(incident.id, "step", f"step {n}", n=n)
    events = store.events(incident.id)
    assert [e.detail["n"] for e in events] == [0, 1, 2]
    assert store.events(after=events[1].seq) == events[2:]


def test_text_no_database_takes_is_stored_with_a_mark_in_its_place(store: Store, alert: Alert) -> None:
    hostile = "half \ud800 and \x00 nul"
    incident = open_incident(store, alert.model_copy(update={"title": hostile, "extra": {hostile: [hostile]}}))
    store.note(incident.id, "step", hostile, said=hostile)
    assert store.events(incident.id)[-1].message == "half ? and \ufffd nul"
    assert store.incident(incident.id).title == "half ? and \ufffd nul"


def test_a_nonce_is_spent_once(store: Store) -> None:
    later = now() + timedelta(minutes=5)
    spent = []
    in_threads(8, lambda: spent.append(store.use_nonce("key", "n1", later)))
    assert sum(spent) == 1
    assert store.use_nonce("other key", "n1", later)


def test_an_expired_nonce_is_forgotten(store: Store) -> None:
    assert store.use_nonce("key", "n1", now() - timedelta(seconds=1))
    assert store.use_nonce("key", "n1", now() + timedelta(minutes=5))


def test_absent_things_are_store_errors(store: Store) -> None:
    with pytest.raises(StoreError, match="no incident INC-0"):
        store.incident("INC-0")
    with pytest.raises(StoreError, match="no alert"):
        store.alert("k")


def test_the_audit_chain_holds_under_concurrent_writers(store: Store) -> None:
    in_threads(6, lambda: audit.append(store.engine, "me", "merge", "INC-1", count=1))
    assert audit.verify(store.engine) == 6


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'them'", "DELETE FROM audit"])
def test_the_database_refuses_to_rewrite_the_audit_log(store: Store, statement: str) -> None:
    audit.append(store.engine, "me", "merge", "INC-1")
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), store.engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("url", ["not a url", "oracle9://x/y"])
def test_a_bad_url_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="QAI_DATABASE_URL"):
        connect(url)
