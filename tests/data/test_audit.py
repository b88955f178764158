from __future__ import annotations

import pytest
import sqlalchemy as sa

from data import audit
from data.domain import now
from data.errors import StoreError


def test_an_empty_log_is_intact(engine: sa.Engine) -> None:
    assert audit.verify(engine) == 0


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET actor = 'nobody' WHERE seq = 2",
        "UPDATE audit SET detail = '{}' WHERE seq = 2",
        "UPDATE audit SET at = '2001-01-01 00:00:00.000000' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 1",
    ],
)
def test_tampering_behind_the_triggers_is_found(engine: sa.Engine, tampering: str) -> None:
    for n in range(3):
        audit.append(engine, "ana", "approve", f"INC-{n}", n=n)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        connection.exec_driver_sql(tampering)
    with pytest.raises(StoreError, match=r"broken at entry [23]"):
        audit.verify(engine)


def test_entries_say_who_did_what(engine: sa.Engine) -> None:
    entry = audit.append(engine, "ana", "approve", "INC-1", pull_request=3)
    assert audit.entries(engine) == [entry]
    assert (entry.actor, entry.action, entry.subject, entry.detail) == ("ana", "approve", "INC-1", {"pull_request": 3})


def test_what_was_done_is_counted_by_action_time_and_actor(engine: sa.Engine) -> None:
    before = now()
    for actor, action in (("ana", "merge"), ("rule", "merge"), ("rule", "restart"), ("rule", "stop")):
        audit.append(engine, actor, action, "INC-1")
    assert audit.count(engine, "merge", "restart", since=before) == 3
    assert audit.count(engine, "merge", "restart", since=before, actors={"rule"}) == 2
    assert audit.count(engine, "merge", since=before, actors=()) == 0
    assert audit.count(engine, "merge", since=now()) == 0
