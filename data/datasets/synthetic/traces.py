"""Spans that agree with the state: sampled requests through the calls, some callees known only from their callers.

A request's tree is drawn once per entry and sampled many times, so the work is on arrays of requests: where a call
happened, how long it took and whether it failed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.names import words
from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.telemetry import SPAN_COLUMNS

_VERBS = ("GET", "POST", "Get", "List", "Put", "Find", "Charge", "Send", "Update", "Check")
_SILENT = (Role.database, Role.cache, Role.external, Role.queue)
_REPEATS = 12  # of one call within a request that are kept
_LARGEST = 40  # calls in the tree of one request

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Sampled:
    """The same requests everywhere: the state at their time. ``sample`` has shape (K,).

    ``pace`` says how much slower than the mean each request is, throughout: the calls of a slow one are slow too, so
    that what a caller spends itself can be told from its spans.
    """

    shape: Shape
    plant: Plant
    state: State
    effects: Effects
    sample: npt.NDArray[np.int64]
    client_spans: bool
    silent: frozenset[int]
    operations: tuple[str, ...]
    skew: Floats
    pace: Floats


@dataclass(frozen=True, eq=False)
class _Span:
    """One place in the tree, for every request: arrays of shape (K,). ``parent`` is a position in the list of spans."""

    node: int
    parent: int
    operation: str
    start_s: Floats
    duration_s: Floats
    failed: Bools
    present: Bools


def draw_spans(
    rng: np.random.Generator, shape: Shape, plant: Plant, state: State, effects: Effects, seconds: Floats, most: int
) -> pd.DataFrame:
    """At most ``most`` spans at times spread over ``seconds`` (epoch), with the columns of Telemetry's table."""
    client = bool(rng.random() < 0.5)
    operations = tuple(f"{_VERBS[int(rng.integers(len(_VERBS)))]} /{word}" for word in words(rng, len(shape)))
    silent = frozenset(i for i in shape.with_role(*_SILENT) if rng.random() < 0.7)
    skew = rng.normal(0.0, float(rng.choice([0.0, 0.002, 0.05])), size=len(shape))
    tables = []
    for entry in shape.entries:
        requests = max(most // len(shape.entries) // 25, 8)
        weight = state.rate[entry] / state.rate[entry].sum()
        sample = np.sort(rng.choice(len(seconds), size=requests, p=weight))
        pace = np.exp(0.4 * rng.standard_normal(requests) - 0.08)
        drawn = _Sampled(shape, plant, state, effects, sample, client, silent, operations, skew, pace)
        tables.append(_table(rng, drawn, _tree(rng, drawn, entry), seconds))
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return table.sort_values(["timestamp", "span_id"], kind="stable", ignore_index=True).head(most)


def _tree(rng: np.random.Generator, drawn: _Sampled, entry: int) -> list[_Span]:
    spans: list[_Span] = []
    count = len(drawn.sample)
    failed = rng.random(count) < drawn.state.errors[entry, drawn.sample]
    own = _spread(rng, drawn.state.latency[entry, drawn.sample], drawn.pace)
    spans.append(_Span(entry, -1, drawn.operations[entry], np.zeros(count), own, failed, np.ones(count, dtype=bool)))
    _descend(rng, drawn, 0, spans)
    return spans


def _descend(rng: np.random.Generator, drawn: _Sampled, position: int, spans: list[_Span]) -> None:
    """Adds the calls of the node at ``position``, each within the time of its caller."""
    parent = spans[position]
    edges = list(drawn.shape.calls_of[parent.node])
    rng.shuffle(edges)
    clock = parent.start_s + 0.2 * drawn.state.own[parent.node, drawn.sample] * rng.uniform(0.2, 1.0)
    for edge in edges:
        expected = drawn.state.carried[edge, drawn.sample]
        made = np.floor(expected + rng.random(len(expected))).astype(int)
        for repeat in range(min(int(made.max(initial=0)), _REPEATS)):
            if len(spans) >= _LARGEST:
                return
            present = parent.present & (made > repeat)
            if present.any():
                clock = _call(rng, drawn, edge, position, clock, present, spans)


def _call(
    rng: np.random.Generator,
    drawn: _Sampled,
    edge: int,
    position: int,
    clock: Floats,
    present: Bools,
    spans: list[_Span],
) -> Floats:
    """One call: the caller's span where callers record those, the callee's where callees do. Returns its end."""
    parent, callee = spans[position], int(drawn.shape.callee[edge])
    waits = not bool(drawn.shape.asynchronous[edge])
    served = _spread(rng, drawn.state.latency[callee, drawn.sample], drawn.pace)
    way = drawn.plant.network[edge] + np.broadcast_to(drawn.effects.amount("network", edge), drawn.state.rate.shape[1:])
    way = _spread(rng, way[drawn.sample], drawn.pace)
    failed = present & (rng.random(len(clock)) < drawn.state.failed[edge, drawn.sample])
    timeout = drawn.plant.timeout[edge] * np.broadcast_to(
        drawn.effects.factor("timeout", edge), drawn.state.rate.shape[1:]
    )
    refused = np.broadcast_to(drawn.effects.amount("refused", edge), drawn.state.rate.shape[1:])[drawn.sample]
    unreached = failed & (rng.random(len(clock)) < refused / np.maximum(drawn.state.failed[edge, drawn.sample], 1e-9))
    taken = np.where(unreached, 0.003, np.minimum(served + way, timeout[drawn.sample]))
    at = position
    operation = drawn.operations[callee]
    if drawn.client_spans or callee in drawn.silent:
        name = f"{drawn.shape.names[callee]} {operation}"
        spans.append(_Span(parent.node, position, name, clock, taken, failed, present))
        at = len(spans) - 1
    if callee not in drawn.silent:
        reached = present & ~unreached
        inner = failed & (rng.random(len(clock)) < 0.5) if not waits else failed & (served < timeout[drawn.sample])
        spans.append(_Span(callee, at, operation, clock + way / 2, served, inner & reached, reached))
        _descend(rng, drawn, len(spans) - 1, spans)
    return clock + taken if waits and rng.random() < drawn.plant.serial[parent.node] else clock


def _spread(rng: np.random.Generator, mean: Floats, pace: Floats) -> Floats:
    """Times of single requests: their own pace, and a little of each span's."""
    times: Floats = mean * pace * np.exp(0.15 * rng.standard_normal(len(mean)))
    return times


def _table(rng: np.random.Generator, drawn: _Sampled, spans: list[_Span], seconds: Floats) -> pd.DataFrame:
    """The tree of every request as rows; calls that did not happen have none."""
    count, size = len(drawn.sample), len(spans)
    step = float(seconds[1] - seconds[0])
    begun = seconds[drawn.sample] + rng.uniform(0, step, size=count)
    present = np.stack([s.present for s in spans])
    row, request = np.nonzero(present)
    drawn_hex = rng.bytes(8 * size * count).hex()
    ids = np.array([drawn_hex[i : i + 16] for i in range(0, len(drawn_hex), 16)], dtype=object).reshape(size, count)
    traces = np.array([rng.bytes(16).hex() for _ in range(count)], dtype=object)
    parents = np.array([s.parent for s in spans])[row]
    nodes = np.array([s.node for s in spans])[row]
    starts = begun[request] + np.stack([s.start_s for s in spans])[row, request] + drawn.skew[nodes]
    failed = np.stack([s.failed for s in spans])[row, request]
    names = np.array(drawn.shape.names, dtype=object)
    table = {
        "timestamp": pd.to_datetime((starts * 1e6).astype("int64"), unit="us", utc=True),
        "trace_id": traces[request],
        "span_id": ids[row, request],
        "parent_id": np.where(parents >= 0, ids[parents, request], None),
        "service": names[nodes],
        "operation": np.array([s.operation for s in spans], dtype=object)[row],
        "duration_ms": np.round(np.stack([s.duration_s for s in spans])[row, request] * 1e3, 3),
        "status": np.where(failed, "ERROR", "OK").astype(object),
    }
    frame = pd.DataFrame(table)
    frame["timestamp"] = frame["timestamp"].astype("datetime64[us, UTC]")
    assert tuple(frame.columns[: len(SPAN_COLUMNS)]) == SPAN_COLUMNS
    return frame
