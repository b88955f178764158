"""Load goes down the calls, waiting and failure come back up: the state of every node at every sample.

A node is a queue with several servers. Its waiting time follows Sakasegawa's approximation for M/M/c ("An
approximation formula L_q = α ρ^β / (1 - ρ)", 1977) while it keeps up, and the fluid backlog of Lindley's recursion
when it does not; a backlog longer than its buffer is shed as errors. Requests that wait for callees hold a thread
(Little's law), which is how a slow store fills its callers: back-pressure. A caller's latency contains that of the
calls it waits for, cut at its timeout; failed calls are retried, and retries are load again, so the two directions
are iterated to a fixed point. Time is an axis of every array: there is no loop over samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import Floats, Shape

_ROUNDS = 4
_OLD = 0.25  # how much of the round before is kept, which keeps overload from swinging
_STEEPNESS = 3.5  # of the share of calls that outlast a timeout, log-logistic in time
_FULL = 0.985


@dataclass(frozen=True, eq=False)
class State:
    """Per node, shape (N, T); times in seconds, rates per second, errors as shares.

    Attributes:
        rate: requests that arrive.
        latency: mean time to answer, with waiting and calls.
        own: mean time spent in the node itself: work and waiting for a server.
        errors: share of requests that fail.
        busy: share of the servers at work.
        held: requests inside, as a share of the threads.
        backlog: requests that wait beyond what servers and threads keep up with.
        shed: share of requests that are turned away at the door, and so call nobody.
        response, failed, carried: per edge, shape (E, T): time a call takes the caller, share of calls that fail
            after retries, and calls per request of the caller with retries counted.
        pool_use: per edge: share of the connections in use; zero where calls need none.
    """

    rate: Floats
    latency: Floats
    own: Floats
    errors: Floats
    busy: Floats
    held: Floats
    backlog: Floats
    shed: Floats
    response: Floats
    failed: Floats
    carried: Floats
    pool_use: Floats


def solve(shape: Shape, plant: Plant, traffic: Floats, effects: Effects, step_s: float) -> State:
    """The system under ``traffic`` (entries, T) and ``effects``, sampled every ``step_s`` seconds."""
    nodes, edges, length = len(shape), len(shape.caller), traffic.shape[1]
    state = State(*(np.zeros((nodes, length)) for _ in range(8)), *(np.zeros((edges, length)) for _ in range(4)))
    calls = np.stack([shape.calls[e] * effects.factor("calls", e) * np.ones(length) for e in range(edges)])
    state.carried[:] = calls
    for _ in range(_ROUNDS):
        _send_load(shape, traffic, effects, state)
        for node in reversed(range(nodes)):
            _answer(node, shape, plant, effects, state, calls, step_s)
    return state


def _send_load(shape: Shape, traffic: Floats, effects: Effects, state: State) -> None:
    """Requests from the entries downwards, with the retries and open breakers of the round before."""
    state.rate[:] = 0.0
    for row, entry in enumerate(shape.entries):
        state.rate[entry] = traffic[row] * effects.factor("traffic", entry)
    for edge, (caller, callee) in enumerate(zip(shape.caller.tolist(), shape.callee.tolist(), strict=True)):
        reach = 1.0 - np.minimum(effects.amount("refused", edge), 1.0)
        state.rate[callee] += state.rate[caller] * (1 - state.shed[caller]) * state.carried[edge] * reach
    np.maximum(state.rate, 1e-6, out=state.rate)


def _answer(
    node: int, shape: Shape, plant: Plant, effects: Effects, state: State, calls: Floats, step_s: float
) -> None:
    """Latency and errors of one node, whose callees have answered already."""
    rate = state.rate[node]
    work = plant.own_time[node] * effects.factor("demand", node)
    servers = plant.servers[node] * effects.factor("servers", node)
    offered = rate * work / servers + effects.amount("background", node)
    state.busy[node] = np.minimum(offered, 1.0)
    wait = _queueing(work, np.minimum(offered, _FULL), servers)
    behind, shed = _backlog(rate, rate / np.maximum(offered, 1e-9), plant.buffer[node], step_s)
    state.own[node] = work + wait + behind
    waiting, failing = _call_out(node, shape, plant, effects, state, calls, step_s)
    state.latency[node] = state.own[node] + waiting
    threads = plant.threads[node] * effects.factor("threads", node)
    # What waits at the door holds no thread.
    held = rate * (1 - shed) * (state.latency[node] - behind) / threads
    state.held[node] = np.minimum(held, 1.0)
    # Beyond its threads a node takes requests only as fast as it lets them go.
    stuck, turned_away = _backlog(rate, rate / np.maximum(held, 1e-9), plant.buffer[node], step_s)
    state.latency[node] += stuck
    state.backlog[node] = rate * (behind + stuck)
    own_errors = np.minimum(plant.errors[node] + effects.amount("errors", node), 0.98)
    state.shed[node] = 1 - (1 - shed) * (1 - turned_away)
    survives = (1 - own_errors) * (1 - state.shed[node]) * (1 - failing)
    state.errors[node] = np.clip(1 - survives, 0.0, 1.0)


def _queueing(work: Floats, busy: Floats, servers: Floats) -> Floats:
    """Mean wait for a server in an M/M/c queue, after Sakasegawa. ``servers`` need not be whole."""
    wait: Floats = work * busy ** (np.sqrt(2 * (servers + 1)) - 1) / (np.maximum(servers, 0.2) * (1 - busy))
    return wait


def _backlog(rate: Floats, capacity: Floats, longest_s: float, step_s: float) -> tuple[Floats, Floats]:
    """Extra wait in seconds where ``rate`` exceeds ``capacity``, and the share of requests shed once it is too long."""
    capacity = np.maximum(capacity, 1e-9)
    if not np.any(rate > capacity):
        return np.zeros_like(rate), np.zeros_like(rate)
    surplus = np.cumsum((rate - capacity) * step_s)
    queued = surplus - np.minimum(np.minimum.accumulate(surplus), 0.0)
    wait = queued / capacity
    full = (wait > longest_s) & (rate > capacity)
    return np.minimum(wait, longest_s), np.where(full, 1 - capacity / np.maximum(rate, 1e-9), 0.0)


def _call_out(
    node: int, shape: Shape, plant: Plant, effects: Effects, state: State, calls: Floats, step_s: float
) -> tuple[Floats, Floats]:
    """Time a request of ``node`` waits for its calls, and the share of requests they fail."""
    length = state.rate.shape[1]
    total, longest, survives = np.zeros(length), np.zeros(length), np.ones(length)
    for edge in shape.calls_of[node]:
        callee = shape.callee[edge]
        if shape.asynchronous[edge]:
            state.carried[edge] = calls[edge]
            continue
        answer = state.latency[callee] + plant.network[edge] + effects.amount("network", edge)
        timeout = plant.timeout[edge] * effects.factor("timeout", edge)
        late = 1 / (1 + (timeout / answer) ** _STEEPNESS)
        taken = answer * timeout / (answer**4 + timeout**4) ** 0.25  # the mean of what is cut at the timeout
        refused = np.minimum(effects.amount("refused", edge), 1.0)  # two faults may refuse the same calls
        fails = np.minimum(1 - (1 - state.errors[callee]) * (1 - late) * (1 - refused), 0.995)
        retries = plant.retries[edge] + effects.amount("retries", edge)
        tries = (1 - fails ** (retries + 1)) / (1 - fails)
        shut = _shut(fails) if plant.breaker[edge] else np.zeros(length)
        state.carried[edge] = state.carried[edge] ** _OLD * (calls[edge] * tries * (1 - 0.9 * shut)) ** (1 - _OLD)
        state.failed[edge] = np.maximum(fails ** (retries + 1), shut)
        taken = taken * (1 - refused) + 0.002 * refused
        per_request = calls[edge] * tries * (1 - shut)
        patience = min(float(np.min(timeout)), plant.buffer[node])
        wait = _pool_wait(edge, plant, effects, state, state.rate[node] * per_request, taken, patience, step_s)
        state.response[edge] = taken + wait
        spent = per_request * state.response[edge]
        total, longest = total + spent, np.maximum(longest, spent)
        survives = survives * (1 - plant.needed[edge] * state.failed[edge] * np.minimum(calls[edge], 1.0))
    serial = plant.serial[node]
    return serial * total + (1 - serial) * longest, 1 - survives


def _shut(fails: Floats) -> Floats:
    """How far a breaker is open: it looks at the sample before, and closes slowly."""
    before = np.concatenate([fails[:1] * 0.0, fails[:-1]])
    return np.clip((before - 0.4) / 0.3, 0.0, 1.0)


def _pool_wait(
    edge: int,
    plant: Plant,
    effects: Effects,
    state: State,
    called: Floats,
    taken: Floats,
    longest_s: float,
    step_s: float,
) -> Floats | float:
    """Time a call waits for a connection. ``called`` are calls per second; each holds one for ``taken`` seconds."""
    if not np.isfinite(plant.pool[edge]):
        return 0.0
    size = np.maximum(plant.pool[edge] * effects.factor("pool", edge), 1.0)
    asked = called * taken / size
    state.pool_use[edge] = np.minimum(asked, 1.0)
    stuck, _ = _backlog(called, called / np.maximum(asked, 1e-9), longest_s, step_s)
    return _queueing(taken, np.minimum(asked, _FULL), size) + stuck
