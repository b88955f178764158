"""Steps at changes: what a change did to a level, long before anything went wrong."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.domain import Alert, Change, ChangeKind
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph
from models.changes import ChangeContext, Symptom
from models.changes.none import traffic_signal
from models.features import Period
from models.steps import entry_rates, steps_at_changes

START = datetime(2026, 1, 1, tzinfo=UTC)
DEPLOYED, ONSET = START + timedelta(minutes=30), START + timedelta(minutes=60)
GRAPH = ServiceGraph([("web", "cart"), ("cart", "cart-db"), ("web", "ads")])


ALERT = Alert(id="a1", source="test", service="web", title="web is slow", fired_at=ONSET, group="g")


def table(**series: np.ndarray) -> Metrics:
    """Series ``service__metric`` sampled every minute for 65 minutes."""
    clock = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(65) * np.timedelta64(60, "s")
    keys = tuple(SeriesKey(*name.replace("cart_db", "cart-db").split("__")) for name in series)
    return Metrics(clock, keys, np.stack(list(series.values()), axis=1))


def step(before: float, after: float, at: int = 31, back: int | None = None) -> np.ndarray:
    values = np.full(65, before) * (1.0 + 0.002 * np.random.default_rng(1).normal(size=65))
    values[at:back] = after
    return values


def deploy(service: str | None = "cart", kind: ChangeKind = ChangeKind.deploy, at: datetime = DEPLOYED) -> Change:
    return Change(id="d1", kind=kind, timestamp=at, service=service)


def found(metrics: Metrics, *changes: Change) -> list[str]:
    return [f.text for f in steps_at_changes(changes, metrics, ONSET, GRAPH, ["cart"])]


def test_a_limit_cut_at_a_deploy_is_found_though_nothing_broke_then() -> None:
    assert found(table(cart__pool_max_connections=step(50, 10)), deploy()) == [
        "pool_max_connections of cart fell from 50 to 10 at 00:31Z"
    ]


def test_so_is_one_of_what_the_changed_service_calls() -> None:
    assert found(table(cart_db__replicas=step(3, 1)), deploy())


@pytest.mark.parametrize(
    ("metrics", "change"),
    [
        (table(cart__pool_max_connections=step(50, 50)), deploy()),
        (table(cart__pool_max_connections=step(50, 10, at=45)), deploy()),
        (table(cart__cpu=step(50, 90, back=35)), deploy()),
        (table(ads__pool_max_connections=step(50, 10)), deploy()),
        (table(cart__requests_per_second=step(50, 10)), deploy()),
        (table(cart__pool_max_connections=step(50, 10)), deploy(kind=ChangeKind.commit)),
        (table(cart__pool_max_connections=step(50, 10)), deploy(at=ONSET + timedelta(minutes=1))),
        (table(cart__pool_max_connections=step(50, 10, at=61)), deploy(at=ONSET - timedelta(seconds=30))),
    ],
    ids=["no step", "at another time", "over again", "of another service", "demand", "a commit", "later", "the onset"],
)
def test_nothing_else_is(metrics: Metrics, change: Change) -> None:
    assert found(metrics, change) == []


def test_a_change_of_no_service_is_looked_for_at_the_suspects() -> None:
    assert found(table(cart__limit=step(50, 10), ads__limit=step(50, 10)), deploy(service=None)) == [
        "limit of cart fell from 50 to 10 at 00:31Z"
    ]


def test_three_steps_a_change_are_told() -> None:
    many = table(**{f"cart__limit_{name}": step(50, 10) for name in "abcdef"})
    assert len(found(many, deploy())) == 3


def test_the_rate_at_which_requests_enter_is_told_even_if_it_is_flat() -> None:
    metrics = table(web__requests_per_second=step(50, 50), cart__requests_per_second=step(50, 400, at=60))
    period = Period(before=ONSET, onset=ONSET, end=ONSET + timedelta(minutes=4))
    (flat,) = entry_rates(metrics, period, GRAPH)
    assert flat.service == "web"
    assert Symptom(flat.service, "metric", "requests_per_second", flat.text).is_steady
    risen = [Symptom("cart", "metric", "requests_per_second", "rose from 50 to 400"),
             Symptom(flat.service, "metric", "requests_per_second", flat.text)]  # fmt: skip
    with_entry, without = (ChangeContext(ALERT, ONSET, {"cart": 0.9}, GRAPH, tuple(risen[:n])) for n in (2, 1))
    assert traffic_signal(with_entry).weight < 0 < traffic_signal(without).weight
