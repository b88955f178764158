from datetime import UTC, datetime

import numpy as np
import pytest

from data.domain import Alert
from data.telemetry import SeriesKey
from data.topology import ServiceGraph
from models.blame import blame, edge_rows, passed_on, trust, unexplained_harm
from models.features import ChangeScores
from models.indicators import kind_of
from models.load import inherited_load
from models.passing import Passing

SERVICES = ["web", "cart", "db"]
GRAPH = ServiceGraph([("web", "cart"), ("cart", "db")])
EDGES = edge_rows(GRAPH, {s: i for i, s in enumerate(SERVICES)})
ALERT = Alert(id="a", source="t", service="web", title="t", fired_at=datetime(2026, 1, 1, tzinfo=UTC), group="g",
              metric="latency_ms")  # fmt: skip


def scores(metric: dict[str, dict[str, tuple[float, float]]]) -> tuple[ChangeScores, np.ndarray]:
    """From {metric: {service: (before, now)}}; ordinary variation is a twentieth of the level before."""
    keys = tuple(SeriesKey(s, m) for m, by in metric.items() for s in by)
    base, now = np.array([levels for by in metric.values() for levels in by.values()]).T
    scale = np.abs(base) / 20
    z = (now - base) / scale
    rows = np.array([SERVICES.index(key.service) for key in keys])
    kinds = tuple(kind_of(key.metric) for key in keys)
    return ChangeScores(keys, kinds, base, now, now - base, scale, z, np.maximum(z, 0.0), np.zeros(len(z), bool)), rows


def test_a_caller_keeps_only_what_its_callees_do_not_explain() -> None:
    table, rows = scores({"latency_ms": {"web": (100, 500), "cart": (60, 460), "db": (20, 420)}})
    harm = dict(zip([k.service for k in table.keys], unexplained_harm(table, rows, 3, EDGES), strict=True))
    assert harm == {"web": 0.0, "cart": 0.0, "db": pytest.approx(400.0)}


def test_resources_do_not_travel_to_callers() -> None:
    table, rows = scores({"cpu": {"web": (30, 90), "cart": (30, 90)}})
    np.testing.assert_allclose(unexplained_harm(table, rows, 3, EDGES), table.harm)


def test_blame_weighs_harm_by_traffic() -> None:
    table, rows = scores({
        "latency_ms": {"web": (100, 150), "cart": (50, 100), "db": (10, 1000)},
        "requests": {"web": (1000, 1000), "cart": (1000, 1000), "db": (1, 1)},
    })  # fmt: skip
    share = blame(table, rows, SERVICES, GRAPH, ALERT)
    assert share.argmax() == SERVICES.index("cart")
    assert share[SERVICES.index("db")] < 0.1
    assert trust(table, rows, SERVICES, EDGES, "web")[2] < 0.1


def test_what_a_service_measures_of_its_calls_to_others_is_blamed_by_half() -> None:
    table, rows = scores({
        "client_latency_ms": {"web": (100, 500)},
        "requests": {"web": (1000, 1000), "cart": (1000, 1000)},
    })  # fmt: skip
    alert = ALERT.model_copy(update={"metric": "client_latency_ms"})
    assert blame(table, rows, SERVICES, GRAPH, alert).tolist() == [0.5, 0.0, 0.0]


ROW = {service: i for i, service in enumerate(SERVICES)}


def test_a_caller_passes_on_what_it_only_waited_for() -> None:
    plain, trusted = passed_on(np.array([0.0, 0.8, 0.0]), [Passing("cart", "db", 0.75)], ROW, ALERT)
    np.testing.assert_allclose(plain, [0.0, 0.8, 0.6])
    np.testing.assert_allclose(trusted, [0.0, 0.2, 0.6])


def test_an_alert_on_failures_is_passed_on_by_calls_that_failed_and_not_by_those_that_waited() -> None:
    alert = ALERT.model_copy(update={"metric": "error_ratio"})
    passed = [Passing("cart", "db", 0.75, failures=True), Passing("cart", "db", 1.0)]
    np.testing.assert_allclose(passed_on(np.array([0.0, 0.8, 0.0]), passed, ROW, alert)[1], [0.0, 0.2, 0.6])


def test_blame_needs_request_rates_and_a_graph() -> None:
    table, rows = scores({"latency_ms": {"web": (100, 150), "db": (10, 60)}})
    assert not blame(table, rows, SERVICES, GRAPH, ALERT).any()
    assert not blame(table, rows, SERVICES, ServiceGraph(), ALERT).any()


def test_a_surge_is_inherited_from_callers_and_belongs_to_the_topmost() -> None:
    table, rows = scores({"requests_per_sec": {"web": (100, 600), "cart": (100, 600), "db": (50, 300)}})
    np.testing.assert_allclose(inherited_load(table, rows, 3, EDGES), [1.0, 6.0, 6.0])


def test_a_callee_that_one_caller_alone_calls_more_has_no_excuse() -> None:
    table, rows = scores({"requests_per_sec": {"web": (100, 100), "cart": (100, 102), "db": (50, 300)}})
    np.testing.assert_allclose(inherited_load(table, rows, 3, EDGES), [1.0, 1.0, 1.0])
