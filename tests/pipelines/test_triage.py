"""Which incident an alert belongs to, on a real database."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.database import connect, migrate
from data.domain import Alert, AlertLevel, AlertStatus, IncidentStatus, Look, PullRequest, PullRequestState, Severity
from data.errors import StoreError
from data.store import Store
from data.topology import ServiceGraph
from pipelines.intake import UNKNOWN_SERVICE
from pipelines.triage import MOST_LOOKS, THRESHOLD, Triage, first_severity, triage

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
# web -> cart -> stock -> shelf; web -> look; cart and look share nothing
GRAPH = ServiceGraph([("web", "cart"), ("cart", "stock"), ("stock", "shelf"), ("web", "look")])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database migrated once; each test works on a copy."""
    file = tmp_path_factory.mktemp("empty") / "qai.sqlite"
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Iterator[Store]:
    engine = connect(f"sqlite:///{shutil.copy(empty, tmp_path)}")
    yield Store(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store on each database; PostgreSQL is skipped, saying so, where no server is installed."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    server = connect(request.getfixturevalue("postgres_url"))
    name = f"t{secrets.token_hex(8)}"
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = connect(server.url.set(database=name).render_as_string(hide_password=False))
    migrate(engine)
    yield Store(engine)
    engine.dispose()
    server.dispose()


def alert(service: str = "cart", minutes: float = 0, **changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "id": f"{service}-{minutes}",
        "source": "datadog",
        "service": service,
        "title": f"{service} is slow",
        "fired_at": T0 + timedelta(minutes=minutes),
        "group": f"{service}-{minutes}",
        "environment": "prod",
    }
    return Alert(**(fields | changes))


def receive(store: Store, *alerts: Alert) -> list[str]:
    return [receipt.key for receipt in store.receive([(each, "{}") for each in alerts])]


def take_in(store: Store, *alerts: Alert) -> list[Triage]:
    return [triage(store, key, GRAPH) for key in receive(store, *alerts)]


def notes(store: Store, incident_id: str | None) -> list[str]:
    return [event.message for event in store.events(incident_id)]


def test_the_first_alert_opens_an_incident(store: Store) -> None:
    (result,) = take_in(store, alert())
    assert result.is_new
    assert result.incident_id is not None
    incident = store.incident(result.incident_id)
    assert (incident.service, incident.environment, incident.title) == ("cart", "prod", "cart is slow")
    assert (incident.status, incident.severity) == (IncidentStatus.open, Severity.high)
    assert incident.alerts == (alert(),)
    assert store.unhandled() == []


@pytest.mark.parametrize(
    ("service", "minutes", "joins", "because"),
    [
        ("cart", 29, True, "both are about cart, 29 minutes apart"),
        ("cart", 31, False, ""),
        ("stock", 4, True, "cart calls stock, 4 minutes apart"),
        ("web", -4, True, "web calls cart, 4 minutes apart"),
        ("stock", 31, False, ""),
        ("shelf", 1, True, "cart calls shelf through stock, 1 minute apart"),
        ("shelf", 20, False, ""),
        ("look", 0, True, "web calls both look and cart, at the same time"),
        ("elsewhere", 0, False, ""),
    ],
)
def test_near_alerts_join_and_the_timeline_says_why(
    store: Store, service: str, minutes: float, joins: bool, because: str
) -> None:
    first, second = take_in(store, alert(), alert(service, minutes, group="another"))
    assert (second.incident_id == first.incident_id) is joins
    assert second.is_new is not joins
    if joins:
        assert notes(store, first.incident_id)[-1] == f"{service}: {service} is slow; joined because {because}"
        joined = store.events(first.incident_id)[-1]
        assert joined.detail["score"] >= THRESHOLD


def handed_over(store: Store, incident_id: str | None) -> str:
    assert incident_id is not None
    store.move(incident_id, IncidentStatus.escalated, "a person has to take over")
    return incident_id


def test_what_joins_an_incident_that_was_handed_over_has_it_looked_at_again(either: Store) -> None:
    (first,) = take_in(either, alert())
    id_ = handed_over(either, first.incident_id)
    second, third = take_in(either, alert("stock", 1), alert("web", 2))
    assert (second.look, third.look) == (2, None), "a third one while it is being looked at only joins"
    assert either.incident(id_).status is IncidentStatus.investigating
    assert [look.alert for look in either.all(id_, Look)] == [alert("stock", 1)]
    handed_over(either, id_)
    (fourth,) = take_in(either, alert("look", 3))
    assert fourth.look == 3


def test_a_look_is_the_same_one_when_triage_runs_again(store: Store) -> None:
    (first,) = take_in(store, alert())
    handed_over(store, first.incident_id)
    [key] = receive(store, alert("stock", 1))
    assert triage(store, key, GRAPH) == triage(store, key, GRAPH) == Triage(first.incident_id, look=2)
    assert len(store.all(first.incident_id or "", Look)) == 1


def test_a_fix_that_was_put_to_people_is_not_taken_from_under_them(store: Store) -> None:
    (first,) = take_in(store, alert())
    id_ = handed_over(store, first.incident_id)
    store.put(id_, PullRequest(number=1, repository="shop", branch="b", base="main", head="a" * 40, title="Revert",
                               body="", diff="", state=PullRequestState.closed))  # fmt: skip
    (second,) = take_in(store, alert("stock", 1))
    assert second == Triage(id_)
    assert store.incident(id_).status is IncidentStatus.escalated


def test_a_storm_is_looked_at_a_bounded_number_of_times(store: Store) -> None:
    (first,) = take_in(store, alert())
    looks = []
    for minute in range(1, MOST_LOOKS + 3):
        handed_over(store, first.incident_id)
        looks += [result.look for result in take_in(store, alert("stock", minute))]
    assert looks == [*range(2, MOST_LOOKS + 2), None, None]


def test_three_calls_away_is_too_far(store: Store) -> None:
    first, second = take_in(store, alert("web"), alert("shelf"))
    assert first.incident_id != second.incident_id


def test_the_nearest_incident_is_joined(store: Store) -> None:
    shelf, web, stock = take_in(store, alert("shelf"), alert("web"), alert("stock", 1))
    assert stock.incident_id == shelf.incident_id != web.incident_id


def test_environments_never_join(store: Store) -> None:
    results = take_in(store, alert(), alert(group="b", environment="stage"), alert(group="c", environment=None))
    assert len({result.incident_id for result in results}) == 3


def test_unnameable_services_have_nothing_in_common(store: Store) -> None:
    one, two = take_in(store, alert(UNKNOWN_SERVICE), alert(UNKNOWN_SERVICE, 1))
    assert one.incident_id != two.incident_id


@pytest.mark.parametrize("level", [AlertLevel.error, AlertLevel.warning])
def test_the_same_group_updates_its_incident_however_late(store: Store, level: AlertLevel) -> None:
    first, again = take_in(store, alert(group="g"), alert(minutes=600, group="g", level=level))
    assert again == Triage(first.incident_id)
    assert len(store.incidents()) == 1
    assert f"says again ({level.value})" in notes(store, first.incident_id)[-1]


def test_a_group_belongs_to_its_source(store: Store) -> None:
    first, other = take_in(store, alert(group="g"), alert("shelf", 90, group="g", source="alertmanager"))
    assert first.incident_id != other.incident_id


def test_an_error_after_a_warning_raises_severity_until_investigated(store: Store) -> None:
    (first,) = take_in(store, alert(group="g", level=AlertLevel.warning))
    assert first.incident_id is not None
    assert store.incident(first.incident_id).severity is Severity.medium
    take_in(store, alert(minutes=1, group="g"))
    assert store.incident(first.incident_id).severity is Severity.high
    store.set_severity(first.incident_id, Severity.medium)
    store.move(first.incident_id, IncidentStatus.investigating, "looking")
    take_in(store, alert(minutes=2, group="g"))
    assert store.incident(first.incident_id).severity is Severity.medium


def test_recovery_closes_the_incident(either: Store) -> None:
    store = either
    first, over = take_in(store, alert(group="g"), alert(minutes=9, group="g", status=AlertStatus.resolved))
    assert over == Triage(first.incident_id, resolved=True)
    assert first.incident_id is not None
    incident = store.incident(first.incident_id)
    assert incident.status is IncidentStatus.resolved
    assert incident.resolved_at is not None
    assert "recovered" in notes(store, first.incident_id)[-1]
    (again,) = take_in(store, alert(minutes=10, group="g"))
    assert again.is_new


def test_an_incident_ends_with_the_last_of_its_groups(store: Store) -> None:
    cart, stock = alert(group="g1"), alert("stock", 1, group="g2")
    first, _, over_1, over_2 = take_in(
        store,
        cart,
        stock,
        alert(minutes=5, group="g1", status=AlertStatus.resolved),
        alert("stock", 6, group="g2", status=AlertStatus.resolved),
    )
    assert over_1 == Triage(first.incident_id)
    assert "still firing: stock" in notes(store, first.incident_id)[-2]
    assert over_2 == Triage(first.incident_id, resolved=True)


def test_recovery_of_what_never_fired_belongs_to_none(store: Store) -> None:
    (result,) = take_in(store, alert(status=AlertStatus.resolved))
    assert result == Triage(None)
    assert store.unhandled() == []
    assert store.incidents() == []


def test_a_recovery_that_overtook_its_alert_leaves_nothing_open(either: Store) -> None:
    store = either
    fired, over = receive(store, alert(group="g"), alert(minutes=1, group="g", status=AlertStatus.resolved))
    assert triage(store, over, GRAPH) == Triage(None)
    late = triage(store, fired, GRAPH)
    assert late.resolved
    assert not late.is_new
    assert triage(store, fired, GRAPH) == late
    assert late.incident_id is not None
    assert store.incident(late.incident_id).status is IncidentStatus.resolved


def test_again_changes_nothing_and_answers_the_same(either: Store) -> None:
    store = either
    alerts = (
        alert(group="g"),
        alert("stock", 1),
        alert(minutes=2, group="g"),
        alert("look", 90, status=AlertStatus.resolved),
        alert("stock", 3, group="stock-1", status=AlertStatus.resolved),
        alert(minutes=4, group="g", status=AlertStatus.resolved),
    )
    keys = receive(store, *alerts)
    first = [triage(store, key, GRAPH) for key in keys]
    before = (store.incidents(), store.events())
    assert [triage(store, key, GRAPH) for key in reversed(keys)] == first[::-1]
    assert (store.incidents(), store.events()) == before
    assert [result.is_new for result in first] == [True, False, False, False, False, False]
    assert first[-1].resolved


def test_many_at_once_open_one_incident(either: Store) -> None:
    store = either
    keys = receive(store, *(alert(minutes=i / 10, group=f"g{i}") for i in range(8)))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda key: triage(store, key, GRAPH), keys * 3))
    assert len(store.incidents()) == 1
    assert len({result.incident_id for result in results}) == 1
    assert len(store.incidents()[0].alerts) == 8
    assert sum(result.is_new for result in results) == 3  # the opener, each time it was asked about
    assert [event.kind for event in store.events()].count("opened") == 1


def test_an_unknown_key_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="nothing"):
        triage(store, "nothing", GRAPH)


@pytest.mark.parametrize(
    ("score", "level", "severity"),
    [
        (0.86, "error", "critical"),
        (0.85, "error", "high"),
        (0.99, "warning", "high"),
        (0.61, "warning", "high"),
        (0.6, "error", "medium"),
        (0.99, "info", "medium"),
        (0.0, "error", "medium"),
        (None, "error", "high"),
        (None, "warning", "medium"),
    ],
)
def test_the_first_severity_rule(score: float | None, level: str, severity: str) -> None:
    assert first_severity(score, AlertLevel(level)) is Severity(severity)
