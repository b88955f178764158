"""The laws that symptoms follow from: queues, timeouts, retries, back-pressure, and load through the graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.datasets.synthetic.dynamics import State, solve
from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import LAYOUTS, Role, Shape, draw_shape

LENGTH, STEP_S = 60, 10.0


def chain(calls: float = 1.0) -> Shape:
    """a -> b -> c, the last a database."""
    return Shape(
        layout="chain",
        names=("a", "b", "c"),
        roles=(Role.app, Role.app, Role.database),
        entries=(0,),
        caller=np.array([0, 1]),
        callee=np.array([1, 2]),
        calls=np.array([1.0, calls]),
        asynchronous=np.array([False, False]),
        hosts=np.array([0, 0, 1]),
        replicas=np.array([1, 1, 1]),
    )


def plant() -> Plant:
    return Plant(
        own_time=np.array([0.01, 0.01, 0.005]),
        servers=np.full(3, 4.0),
        threads=np.full(3, 200.0),
        buffer=np.full(3, 2.0),
        serial=np.ones(3),
        errors=np.zeros(3),
        network=np.full(2, 0.001),
        timeout=np.full(2, 1.0),
        retries=np.array([0.0, 2.0]),
        breaker=np.array([False, False]),
        needed=np.ones(2),
        pool=np.array([np.inf, 20.0]),
    )


def run(effects: Effects | None = None, rate: float = 100.0, made: Plant | None = None) -> State:
    traffic = np.full((1, LENGTH), rate)
    return solve(chain(), made or plant(), traffic, effects or Effects(LENGTH), STEP_S)


def test_a_caller_takes_as_long_as_its_work_and_its_calls_together() -> None:
    state = run(rate=1.0)
    np.testing.assert_allclose(state.latency[:, -1], [0.027, 0.016, 0.005], rtol=0.05)
    assert state.errors.max() < 1e-4


def test_waiting_grows_without_measure_as_servers_fill() -> None:
    waits = [run(rate=r).own[0, -1] - 0.01 for r in (100.0, 300.0, 380.0)]
    assert waits[0] < 0.002 < waits[1] < waits[2] / 3
    np.testing.assert_allclose(run(rate=100.0).busy[0], 0.25)


def test_an_overloaded_node_builds_a_backlog_and_then_sheds() -> None:
    state = run(rate=420.0, made=replace(plant(), servers=np.array([4.0, 40.0, 40.0])))
    assert state.rate[1, -1] == pytest.approx(400.0, rel=0.01)
    assert state.own[0, 0] < state.own[0, -1]
    assert state.own[0, -1] == pytest.approx(2.2, abs=0.4)
    assert state.errors[0, -1] == pytest.approx(0.048, abs=0.02)


def test_failures_are_retried_and_retries_are_load() -> None:
    effects = Effects(LENGTH)
    effects.add("errors", 2, np.full(LENGTH, 0.5))
    state = run(effects)
    assert state.rate[2, -1] == pytest.approx(100 * (1 + 0.5 + 0.25), rel=0.05)
    assert state.errors[1, -1] == pytest.approx(0.125, rel=0.1)
    assert state.errors[0, -1] == pytest.approx(state.errors[1, -1], rel=0.05)


def test_a_timeout_bounds_the_wait_and_fails_the_call() -> None:
    effects = Effects(LENGTH)
    effects.scale("demand", 2, np.full(LENGTH, 4.0))
    effects.scale("timeout", 1, np.full(LENGTH, 0.01))
    state = run(effects, rate=10.0)
    assert state.response[1, -1] < 0.0101
    assert state.failed[1, -1] > 0.5
    assert state.errors[2, -1] < 1e-3


def test_calls_refused_for_two_reasons_are_refused_once() -> None:
    effects = Effects(LENGTH)
    for _ in range(2):
        effects.add("refused", 1, np.full(LENGTH, 0.8))
    state = run(effects)
    assert state.latency.min() > 0
    assert state.rate[2].max() < 1e-3
    assert state.errors[1, -1] > 0.9


def test_an_open_breaker_spares_the_callee() -> None:
    effects = Effects(LENGTH)
    effects.add("errors", 2, np.full(LENGTH, 0.9))
    state = run(effects, made=replace(plant(), breaker=np.array([False, True])))
    assert state.rate[2, -1] < 100
    assert state.errors[1, -1] > 0.5


def test_a_small_pool_makes_the_caller_wait_and_not_the_store() -> None:
    effects = Effects(LENGTH)
    effects.scale("pool", 1, np.full(LENGTH, 0.02))
    before, after = run(rate=195.0), run(effects, rate=195.0)
    assert after.latency[1, -1] > 3 * before.latency[1, -1]
    assert after.latency[2, -1] == pytest.approx(before.latency[2, -1], rel=0.2)


def test_a_slow_store_fills_the_threads_of_its_callers() -> None:
    effects = Effects(LENGTH)
    effects.add("network", 1, np.full(LENGTH, 0.6))
    state = run(effects, rate=100.0, made=replace(plant(), threads=np.full(3, 30.0)))
    assert state.held[1, -1] == pytest.approx(1.0)
    assert state.errors[0, -1] > 0.05


@pytest.mark.parametrize("count", [5, 20, 200])
def test_shapes_are_connected_to_users_and_calls_go_one_way(count: int) -> None:
    layouts = set()
    for seed in range(12):
        shape = draw_shape(np.random.default_rng(seed), count)
        layouts.add(shape.layout)
        assert len(shape) == count == len(set(shape.names))
        assert (shape.caller < shape.callee).all()
        reached = set(shape.entries)
        for caller, callee in zip(shape.caller.tolist(), shape.callee.tolist(), strict=True):
            if caller in reached:
                reached.add(callee)
        assert len(reached) == count
        assert (shape.replicas >= 1).all()
    assert layouts <= set(LAYOUTS)
    assert len(layouts) > 2
