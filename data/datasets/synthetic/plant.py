"""How fast, how large and how patient each node is: what stays the same while load and faults vary."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data.datasets.synthetic.shapes import Floats, Role, Shape

# Median own time of a request in seconds: somebody else's service is far away, a cache is near.
_OWN_TIME = {Role.app: 0.006, Role.database: 0.003, Role.cache: 0.0006, Role.queue: 0.001, Role.external: 0.06}


@dataclass(frozen=True, eq=False)
class Plant:
    """Per node: shape (N,). Per edge: shape (E,). Times in seconds.

    Attributes:
        own_time: time a request takes a node itself, without waiting and without calls.
        servers: requests a node can work on at once (its cores, all replicas together).
        threads: requests it can hold at once, whether working or waiting for calls.
        buffer: the longest backlog it accepts before it sheds load.
        serial: share of calls made one after another; the rest run at the same time.
        errors: share of requests that fail for reasons of their own.
        network: time on the way, there and back.
        timeout: how long the caller waits.
        retries: how often it tries again.
        breaker: whether it stops calling a callee that fails.
        needed: how much of a failed call fails the caller's request; the rest has a fallback.
        pool: connections of a caller to a store; infinite where calls need none.
    """

    own_time: Floats
    servers: Floats
    threads: Floats
    buffer: Floats
    serial: Floats
    errors: Floats
    network: Floats
    timeout: Floats
    retries: Floats
    breaker: npt.NDArray[np.bool_]
    needed: Floats
    pool: Floats


@dataclass
class Effects:
    """What is different from the plant at each sample. Absent means as always.

    Factors are on ``demand`` (own time), ``servers``, ``threads``, ``payload``, ``hit`` (of a cache), ``traffic``,
    ``calls``, ``timeout`` and ``pool``; amounts are added to ``errors``, ``memory``, ``disk`` (shares of the limit),
    ``restarts`` (a sample), ``background`` (share of the servers that something else uses), ``pauses`` (seconds),
    ``connections`` and ``scans`` (shares of the usual), ``network`` (seconds on the way), ``refused`` and ``lost``
    (shares of calls and packets) and ``retries``. Keys are (name, node or edge); values have shape (T,).
    """

    length: int
    factors: dict[tuple[str, int], Floats] = field(default_factory=dict)
    amounts: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def scale(self, name: str, place: int, by: Floats) -> None:
        self.factors[name, place] = self.factors.get((name, place), np.ones(self.length)) * by

    def add(self, name: str, place: int, amount: Floats) -> None:
        self.amounts[name, place] = self.amounts.get((name, place), np.zeros(self.length)) + amount

    def copy(self) -> Effects:
        return Effects(self.length, dict(self.factors), dict(self.amounts))

    def factor(self, name: str, place: int) -> Floats | float:
        return self.factors.get((name, place), 1.0)

    def amount(self, name: str, place: int) -> Floats | float:
        return self.amounts.get((name, place), 0.0)


def draw_plant(rng: np.random.Generator, shape: Shape, entry_rates: Floats) -> Plant:
    """A plant that carries ``entry_rates`` (requests per second, one an entry) at everyday utilisation."""
    nodes, edges = len(shape), len(shape.caller)
    own = np.array([_OWN_TIME[role] for role in shape.roles]) * rng.lognormal(0.0, 0.8, size=nodes)
    network = rng.lognormal(np.log(0.0006), 0.6, size=edges)
    serial = rng.uniform(0.2, 1.0, size=nodes)
    rate = everyday_rates(shape, entry_rates)
    busy = rng.beta(2.5, 4.0, size=nodes) * 0.8 + 0.03  # utilisation from nearly idle to nearly full
    latency = _everyday_latency(shape, own, network, serial)
    held = rate * latency
    asked = rate[shape.caller] * shape.calls * (latency[shape.callee] + network)
    stores = np.array([shape.roles[j] in (Role.database, Role.cache) for j in shape.callee])
    return Plant(
        own_time=own,
        servers=rate * own / busy,
        threads=np.maximum(held * rng.uniform(2.5, 12.0, size=nodes), 2.0),
        buffer=np.exp(rng.uniform(np.log(0.3), np.log(8.0), size=nodes)),
        serial=serial,
        errors=np.where(rng.random(nodes) < 0.45, 0.0, 10 ** rng.uniform(-4.5, -2.3, size=nodes)),
        network=network,
        timeout=np.maximum(latency[shape.callee] * rng.uniform(5, 40, size=edges), rng.choice([0.2, 1, 5], size=edges)),
        retries=rng.choice([0, 0, 1, 2, 3], size=edges).astype(float),
        breaker=rng.random(edges) < 0.25,
        needed=np.where(rng.random(edges) < 0.7, 1.0, rng.uniform(0.02, 0.6, size=edges)),
        pool=np.where(stores, np.maximum(asked * rng.uniform(2.0, 10.0, size=edges), 1.5), np.inf),
    )


def everyday_rates(shape: Shape, entry_rates: Floats) -> Floats:
    """Requests per second at each node when nothing fails."""
    rate = np.zeros(len(shape))
    rate[list(shape.entries)] = entry_rates
    for edge, (caller, callee) in enumerate(zip(shape.caller.tolist(), shape.callee.tolist(), strict=True)):
        rate[callee] += rate[caller] * shape.calls[edge]
    return np.maximum(rate, 1e-3)


def _everyday_latency(shape: Shape, own: Floats, network: Floats, serial: Floats) -> Floats:
    latency = own * 1.3
    for node in reversed(range(len(shape))):
        waits = [
            shape.calls[e] * (latency[shape.callee[e]] + network[e])
            for e in shape.calls_of[node]
            if not shape.asynchronous[e]
        ]
        if waits:
            latency[node] += serial[node] * sum(waits) + (1 - serial[node]) * max(waits)
    return latency
