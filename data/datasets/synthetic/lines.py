"""Log lines that agree with the state: everyday lines with the load, warnings from noise, errors with the failures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.faults import Fault
from data.datasets.synthetic.names import hex_id, words
from data.datasets.synthetic.sayings import EVERYDAY, GRUMBLES, TOLD, UPSTREAM
from data.datasets.synthetic.shapes import Floats, Role, Shape


@dataclass(frozen=True, eq=False)
class _Source:
    """One template of one service, and its expected lines at each sample, up to a factor."""

    node: int
    severity: str
    text: str
    intensity: Floats


def draw_logs(
    rng: np.random.Generator,
    shape: Shape,
    state: State,
    faults: Sequence[tuple[Fault, Floats]],
    seconds: Floats,
    most: int,
) -> pd.DataFrame:
    """About ``most`` lines or fewer. ``faults`` come with how much of each is present at each sample."""
    nouns = words(rng, 3 * len(shape))
    sources = [source for node in range(len(shape)) for source in _everyday(rng, shape, state, node, nouns)]
    sources += [source for fault, present in faults for source in _told(rng, shape, state, fault, present, nouns)]
    if not sources:
        return _frame([], [], [], [], [])
    expected = np.stack([source.intensity for source in sources])
    expected *= most / max(float(expected.sum()), most)
    counts = rng.poisson(expected)
    which, sample = np.nonzero(counts)
    times, nodes, severities, messages, traces = [], [], [], [], []
    step = float(seconds[1] - seconds[0])
    with_trace = rng.random() < 0.5
    for row, at, number in zip(which.tolist(), sample.tolist(), counts[which, sample].tolist(), strict=True):
        source = sources[row]
        for offset in rng.uniform(0, step, size=number).tolist():
            times.append(seconds[at] + offset)
            nodes.append(source.node)
            severities.append(source.severity)
            messages.append(_filled(rng, source.text))
            traces.append(hex_id(rng, 32) if with_trace else None)
    return _frame(times, [shape.names[n] for n in nodes], severities, messages, traces)


def ndjson(logs: pd.DataFrame) -> str:
    """One JSON object a line."""
    columns = [name for name in logs.columns if name != "timestamp"]
    stamps = logs["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    rows = zip(stamps, *(logs[name] for name in columns), strict=True)
    return "".join(json.dumps(dict(zip(("timestamp", *columns), row, strict=True))) + "\n" for row in rows)


def _everyday(rng: np.random.Generator, shape: Shape, state: State, node: int, nouns: list[str]) -> list[_Source]:
    """What a service says in all weathers, and what it says of callees that fail."""
    if shape.roles[node] is Role.external or rng.random() < 0.15:
        return []
    rate = state.rate[node] / state.rate[node].mean()
    op = nouns[3 * node]
    sources = []
    for severity, text in _picked(rng, EVERYDAY, int(rng.integers(1, 4))):
        sources.append(_Source(node, severity, text.replace("{op}", op), rate * rng.uniform(0.02, 0.2)))
    for severity, text in _picked(rng, GRUMBLES, int(rng.integers(0, 3))):
        sources.append(_Source(node, severity, text.replace("{op}", op), rate * rng.lognormal(-4.5, 1.0)))
    for edge in shape.calls_of[node]:
        severity, text = _picked(rng, UPSTREAM, 1)[0]
        text = text.replace("{op}", op).replace("{callee}", shape.names[shape.callee[edge]])
        sources.append(_Source(node, severity, text, rate * state.failed[edge] * min(shape.calls[edge], 1.0)))
    return sources


def _told(
    rng: np.random.Generator, shape: Shape, state: State, fault: Fault, present: Floats, nouns: list[str]
) -> list[_Source]:
    """What the struck service says of the fault itself, if it says anything."""
    templates = TOLD[fault.kind]
    if not templates or rng.random() < 0.2:
        return []
    callee = shape.names[shape.callee[fault.edge]] if fault.edge >= 0 else "backend"
    rate = state.rate[fault.node] / state.rate[fault.node].mean()
    share = min(0.15 * fault.strength, 0.6)
    return [
        _Source(fault.node, severity, text.replace("{op}", nouns[3 * fault.node + 1]).replace("{callee}", callee),
                rate * present * share * rng.uniform(0.2, 1.0))
        for severity, text in _picked(rng, templates, int(rng.integers(1, len(templates) + 1)))
    ]  # fmt: skip


def _picked(rng: np.random.Generator, templates: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    return [templates[int(i)] for i in rng.choice(len(templates), size=min(count, len(templates)), replace=False)]


def _filled(rng: np.random.Generator, text: str) -> str:
    if "{n}" in text:
        text = text.replace("{n}", str(int(rng.integers(2, 9000))))
    return text.replace("{hex}", hex_id(rng, 8)) if "{hex}" in text else text


def _frame(
    times: list[float], services: list[str], severities: list[str], messages: list[str], traces: list[str | None]
) -> pd.DataFrame:
    stamps = pd.to_datetime((np.array(times, dtype=float) * 1e6).astype("int64"), unit="us", utc=True)
    frame = pd.DataFrame(
        {
            "timestamp": stamps.astype("datetime64[us, UTC]"),
            "service": pd.Series(services, dtype=object),
            "severity": pd.Series(severities, dtype=object),
            "message": pd.Series(messages, dtype=object),
            "trace_id": pd.Series(traces, dtype=object),
        }
    )
    return frame.sort_values(["timestamp", "service", "message"], kind="stable", ignore_index=True)
