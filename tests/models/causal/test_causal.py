"""Whose own disturbance the alerting service suffers from, on systems whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.datasets.common import times_from_epoch
from data.domain import Alert
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph
from models.causal import Nodes, linear_contributions, nodes_of
from models.causal.dowhy_gcm import Question, gcm_contributions, nearest
from models.features import Period

START = datetime(2030, 1, 1, tzinfo=UTC)
CALLS = (("web", "cart"), ("web", "pay"), ("cart", "db"), ("pay", "db"))
NORMAL, INCIDENT = 120, 10


def latencies(struck: str, by: float = 60.0) -> dict[str, np.ndarray]:
    """Each service takes a time of its own and that of its callees; ``struck`` takes longer in the incident."""
    rng = np.random.default_rng(4)
    own = {s: rng.normal(20, 2, NORMAL + INCIDENT) for s in ("web", "cart", "pay", "db")}
    own[struck][NORMAL:] += by
    cart, pay = own["cart"] + own["db"], own["pay"] + own["db"]
    return {"db": own["db"], "cart": cart, "pay": pay, "web": own["web"] + cart + pay}


def nodes(struck: str, *, hidden: tuple[str, ...] = (), calls: tuple[tuple[str, str], ...] = CALLS) -> Nodes | None:
    shown = {s: v for s, v in latencies(struck).items() if s not in hidden}
    clock = times_from_epoch(START.timestamp() + 10.0 * np.arange(NORMAL + INCIDENT))
    metrics = Metrics(clock, tuple(SeriesKey(s, "latency_p95") for s in shown), np.stack(list(shown.values()), axis=1))
    alert = Alert(id="a", source="t", service="web", title="slow", fired_at=START, group="g", metric="latency_p95")
    onset = START + timedelta(seconds=10 * NORMAL)
    period = Period(before=onset, onset=onset, end=onset + timedelta(hours=1))
    return nodes_of(alert, ServiceGraph(calls), metrics, period)


def blamed(contributions: dict[str, float]) -> str:
    return max(contributions, key=lambda s: (contributions[s], s))


@pytest.mark.parametrize("struck", ["web", "cart", "pay", "db"])
def test_the_struck_service_contributes_most(struck: str) -> None:
    found = nodes(struck)
    assert found is not None
    contributions = linear_contributions(found)
    assert blamed(contributions) == struck
    assert contributions[struck] > 0.6 * sum(contributions.values())
    assert min(contributions.values()) >= 0


def test_nobody_contributes_much_where_nothing_happened() -> None:
    found = nodes("db")
    assert found is not None
    calm = replace(found, incident=found.normal[-INCIDENT:])
    assert max(linear_contributions(calm).values()) < 0.5


def test_callers_come_first_and_a_silent_service_is_passed_over() -> None:
    found = nodes("db", hidden=("cart",))
    assert found is not None
    assert found.services[0] == "web"
    assert found.callees["web"] == ("db", "pay")


def test_a_cycle_of_calls_is_cut() -> None:
    found = nodes("db", calls=(*CALLS, ("db", "web")))
    assert found is not None
    assert blamed(linear_contributions(found)) == "db"


def test_without_a_graph_or_the_alerting_services_series_there_are_no_nodes() -> None:
    assert nodes("db", calls=()) is None
    assert nodes("db", hidden=("web",)) is None


def test_the_nearest_services_are_kept() -> None:
    found = nodes("db")
    assert found is not None
    few = nearest(found, 3)
    assert set(few.services) == {"web", "cart", "pay"}
    assert few.normal.shape == (NORMAL, 3)
    assert few.callees["cart"] == ()


def test_dowhy_agrees() -> None:
    pytest.importorskip("dowhy")
    found = nodes("db")
    assert found is not None
    answers = gcm_contributions(found, budget_s=120)
    assert {question: blamed(said) for question, said in answers.items()} == dict.fromkeys(Question, "db")


def test_a_budget_that_is_over_ends_the_work() -> None:
    pytest.importorskip("dowhy")
    found = nodes("db")
    assert found is not None
    assert gcm_contributions(found, budget_s=0.05) == {}
