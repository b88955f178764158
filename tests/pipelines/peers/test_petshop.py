"""The PetShop paper's methods find what they were written to find, by hand-checked numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from graphlib import CycleError

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64
from data.topology import ServiceGraph
from pipelines.peers import petshop

T0 = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
NORMAL, ABNORMAL = 40, 5


def shop(shift: dict[str, float], edges: list[tuple[str, str]], metric: str = "latency") -> tuple[Alert, Telemetry]:
    """``web`` alerts at the third abnormal sample; each node's latency is 1 with noise, plus its shift since then."""
    random = np.random.default_rng(3)
    names = sorted({name for edge in edges for name in edge})
    wave = np.linspace(0.8, 1.2, ABNORMAL - petshop.LEAD)
    values = random.normal(1.0, 0.01, (NORMAL + ABNORMAL, len(names)))
    for i, name in enumerate(names):
        values[NORMAL + petshop.LEAD :, i] += shift.get(name, 0.0) * wave
    clock = to_datetime64(T0) + np.arange(NORMAL + ABNORMAL) * np.timedelta64(int(STEP.total_seconds()), "s")
    fired = T0 + STEP * (NORMAL + petshop.LEAD)
    alert = Alert(id="a", source="test", service="web", title="", fired_at=fired, group="a", metric=metric)
    keys = tuple(SeriesKey(name, "latency") for name in names)
    return alert, Telemetry(Metrics(clock, keys, values), graph=ServiceGraph(edges))


CHAIN = [("web", "cart"), ("cart", "db"), ("web", "ads")]


def test_traversal_names_the_anomalous_node_that_calls_no_anomalous_node() -> None:
    answer = petshop.traversal(*shop({"web": 1.0, "cart": 1.0, "db": 1.0}, CHAIN))
    assert set(answer.services) == {"db"}


def test_traversal_needs_an_unbroken_anomalous_path_to_the_alerting_node() -> None:
    answer = petshop.traversal(*shop({"web": 1.0, "db": 1.0}, CHAIN))
    assert set(answer.services) == {"web"}


def test_traversal_prefers_the_path_with_the_higher_sum() -> None:
    answer = petshop.traversal(*shop({"web": 1.0, "cart": 1.0, "db": 3.0, "ads": 0.5}, CHAIN))
    assert answer.services["db"] > answer.services["ads"] > 0


def test_best_paths_adds_along_the_best_path_and_refuses_circles() -> None:
    diamond = ServiceGraph([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "calm"), ("calm", "e")])
    scores = {"a": 1.0, "b": 2.0, "c": 5.0, "d": 10.0, "e": 99.0}
    assert petshop.best_paths("a", scores, diamond) == {"a": 1.0, "b": 3.0, "c": 6.0, "d": 16.0}
    assert petshop.best_paths("z", scores, diamond) == {}
    with pytest.raises(CycleError):
        petshop.best_paths("a", scores, ServiceGraph([("a", "b"), ("b", "a")]))


def test_ranked_correlation_puts_the_node_that_moves_with_the_alerting_one_first() -> None:
    alert, telemetry = shop({"web": 1.0, "cart": 2.0, "ads": 2.0, "db": 0.0}, CHAIN)
    column = [key.service for key in telemetry.metrics.keys].index("ads")
    telemetry.metrics.values[NORMAL:, column] = [3.0, 1.0, 4.0, 1.5, 2.0]
    answer = petshop.ranked_correlation(alert, telemetry)
    assert set(answer.services) == {"cart", "ads"}
    assert max(answer.services, key=answer.services.__getitem__) == "cart"


def test_the_alerting_node_must_be_anomalous_itself() -> None:
    alert, telemetry = shop({"db": 5.0}, CHAIN)
    assert petshop.ranked_correlation(alert, telemetry).services == {}
    assert petshop.traversal(alert, telemetry).services == {}


def test_deviation_is_in_scaled_mad_and_survives_constants_and_gaps() -> None:
    normal = pd.Series([float(i) for i in range(1, 12)])  # median 6, MAD 3
    late = petshop.deviation(normal, pd.Series([12.0, np.nan]))
    assert late == pytest.approx([6.0 / (3.0 / 0.6744897501960817), 0.0])
    constant = petshop.deviation(pd.Series([4.0] * 10), pd.Series([4.5]))
    assert constant == pytest.approx([0.5])
    assert petshop.deviation(pd.Series([1.0] * 9), pd.Series([2.0])) is None


def test_counterfactual_credits_whoever_departs_from_what_its_callees_explain() -> None:
    alert, telemetry = shop({}, CHAIN)
    names = [key.service for key in telemetry.metrics.keys]
    values, random = telemetry.metrics.values, np.random.default_rng(8)
    noise = {name: random.normal(0.0, 0.1, len(values)) for name in names}
    noise["db"][NORMAL + petshop.LEAD :] += 10.0
    values[:, names.index("db")] = noise["db"]
    values[:, names.index("ads")] = noise["ads"]
    values[:, names.index("cart")] = 2.0 * values[:, names.index("db")] + noise["cart"]
    values[:, names.index("web")] = values[:, names.index("cart")] + values[:, names.index("ads")] + noise["web"]
    scores = petshop.counterfactual(alert, telemetry).services
    assert scores["db"] == pytest.approx(20.0, rel=0.2)
    assert all(abs(scores[name]) < 4.0 for name in ("web", "cart", "ads"))
    web = values[:, names.index("web")]
    assert sum(scores.values()) == pytest.approx(web[NORMAL + petshop.LEAD] - web[:NORMAL].mean())


@pytest.mark.parametrize("method", petshop.METHODS.values(), ids=list(petshop.METHODS))
def test_without_the_metric_there_is_no_answer_but_a_reason(method: petshop.Method) -> None:
    alert, telemetry = shop({"web": 1.0}, CHAIN, metric="errors")
    answer = method(alert, telemetry)
    assert answer.services == {}
    assert answer.failure


@pytest.mark.parametrize("method", petshop.METHODS.values(), ids=list(petshop.METHODS))
def test_methods_leave_their_input_alone(method: petshop.Method) -> None:
    alert, telemetry = shop({"web": 1.0, "cart": 1.0}, CHAIN)
    before = telemetry.metrics.values.copy()
    first, second = method(alert, telemetry), method(alert, telemetry)
    assert first == second
    assert np.array_equal(telemetry.metrics.values, before)
