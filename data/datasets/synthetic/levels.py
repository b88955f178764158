"""The true level of every family of metrics at one node, in canonical units: seconds, bytes, shares, per second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import Floats, Shape


@dataclass(frozen=True, eq=False)
class Node:
    """One node with everything that is known of it. ``rng`` draws what the dynamics have no need of, such as sizes."""

    rng: np.random.Generator
    number: int
    shape: Shape
    plant: Plant
    state: State
    effects: Effects

    @property
    def rate(self) -> Floats:
        row: Floats = self.state.rate[self.number]
        return row

    @property
    def busy(self) -> Floats:
        row: Floats = self.state.busy[self.number]
        return row

    @property
    def held(self) -> Floats:
        """Requests inside."""
        inside: Floats = self.state.held[self.number] * self.plant.threads[self.number]
        return inside

    @property
    def calls_out(self) -> tuple[int, ...]:
        return self.shape.calls_of[self.number]

    @property
    def calls_in(self) -> tuple[int, ...]:
        return self.shape.calls_to[self.number]

    def zeros(self) -> Floats:
        return np.zeros_like(self.rate)

    def amount(self, name: str) -> Floats:
        return self.zeros() + self.effects.amount(name, self.number)


CAPS = {"error_share": 1.0, "cpu": 1.0, "hit": 1.0}


def level_of(family: str, node: Node) -> Floats:
    """Shape (T,)."""
    return LEVELS[family](node)


def _memory(node: Node) -> Floats:
    limit, rest = 2.0 ** node.rng.uniform(27, 33), node.rng.uniform(0.15, 0.55)
    level: Floats = limit * np.minimum(rest + 0.1 * node.state.held[node.number] + node.amount("memory"), 1.0)
    return level


def _traffic(node: Node) -> Floats:
    return node.rate * node.rng.uniform(300, 30_000) * node.effects.factor("payload", node.number)


def _retransmits(node: Node) -> Floats:
    edges = (*node.calls_out, *node.calls_in)
    lost = max((node.zeros() + node.effects.amount("lost", e) for e in edges), key=np.sum, default=node.zeros())
    return node.rate * (0.002 + 2 * lost)


def _pool(node: Node) -> Floats:
    return sum((node.state.pool_use[e] * node.plant.pool[e] for e in _pooled(node)), node.zeros())


def _pool_wait(node: Node) -> Floats:
    level: Floats = np.max(
        [node.zeros(), *(node.state.response[e] * node.state.pool_use[e] for e in _pooled(node))], axis=0
    )
    return level


def _pooled(node: Node) -> list[int]:
    return [e for e in node.calls_out if np.isfinite(node.plant.pool[e])]


def _calls(node: Node) -> Floats:
    return node.rate * sum((node.state.carried[e] for e in node.calls_out), node.zeros())


def _timeouts(node: Node) -> Floats:
    return 0.7 * node.rate * sum((node.state.failed[e] for e in node.calls_out), node.zeros())


def _connections(node: Node) -> Floats:
    pooled = [e for e in node.calls_in if np.isfinite(node.plant.pool[e])]
    used = sum((node.state.pool_use[e] * node.plant.pool[e] for e in pooled), node.zeros() + 3.0)
    return used * (1 + 3 * node.amount("connections"))


def _disk(node: Node) -> Floats:
    size = 2.0 ** node.rng.uniform(33, 38)
    growth = np.linspace(0, node.rng.uniform(0, 0.02), len(node.rate))
    level: Floats = size * np.minimum(node.rng.uniform(0.2, 0.4) + growth + node.amount("disk"), 1.0)
    return level


def _depth(node: Node) -> Floats:
    consumers = [int(node.shape.callee[e]) for e in node.calls_out]
    return node.rate * 0.02 + sum((node.state.backlog[c] for c in consumers), node.zeros())


def _constant(node: Node) -> Floats:
    return node.zeros() + float(node.rng.choice([1, 2, 3, 10, 50, 100, 512]))


LEVELS: dict[str, Callable[[Node], Floats]] = {
    "rate": lambda node: node.rate,
    "errors": lambda node: node.rate * node.state.errors[node.number],
    "error_share": lambda node: node.state.errors[node.number],
    "cpu": lambda node: node.busy * node.rng.uniform(0.8, 1.0) + 0.005,
    "throttled": lambda node: np.clip(node.busy - 0.8, 0.0, 1.0),
    "memory": _memory,
    "pauses": lambda node: node.rng.uniform(0.002, 0.02) * (0.4 + node.busy) + node.amount("pauses"),
    "sent": _traffic,
    "received": _traffic,
    "retransmits": _retransmits,
    "threads": lambda node: node.held,
    "pool": _pool,
    "pool_wait": _pool_wait,
    "calls": _calls,
    "timeouts": _timeouts,
    "hit": lambda node: node.rng.uniform(0.6, 0.97) * (1 + node.zeros()) * node.effects.factor("hit", node.number),
    "connections": _connections,
    "scans": lambda node: node.rate * node.rng.uniform(1, 60) * (1 + 8 * node.amount("scans")),
    "disk": _disk,
    "depth": _depth,
    "restarts": lambda node: node.amount("restarts"),
    "descriptors": lambda node: node.rng.uniform(40, 400) + node.held,
    "constant": _constant,
    "zero": lambda node: node.zeros(),
}
