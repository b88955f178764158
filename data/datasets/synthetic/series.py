"""Metric series from the state of the system: which are exported, what they are called, and how they are spoilt.

Every defect strikes every node alike, the struck one too: a metric may be absent, sampled more slowly, have gaps,
come in another unit, be quantised, or reset. Columns that never move stand beside heavy-tailed ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.levels import CAPS, Node, level_of
from data.datasets.synthetic.names import hex_id
from data.datasets.synthetic.noise import autoregressive
from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.datasets.synthetic.vocabulary import LABELS, STATISTICS, VENDORS, Label
from data.telemetry import SeriesKey

_SPOKEN = {
    Role.app: ("http", "grpc", "rpc"),
    Role.database: ("sql", "db", "postgresql"),
    Role.cache: ("redis", "cache"),
    Role.queue: ("amqp", "kafka"),
    Role.external: ("probe", "egress"),
}
_EVERYWHERE = ("latency", "rate", "errors", "cpu", "memory")
_HARDWARE = ("sent", "received", "restarts", "descriptors", "constant", "zero", "retransmits")
_BY_ROLE = {
    Role.app: ("error_share", "threads", "pauses", "pool", "pool_wait", "calls", "timeouts", "throttled", "hit"),
    Role.database: ("connections", "scans", "disk", "error_share"),
    Role.cache: ("connections", "throttled"),
    Role.queue: ("depth", "disk"),
    Role.external: (),
}
_PER_INSTANCE = {"cpu", "memory", "pauses", "sent", "received", "descriptors", "throttled", "restarts", "retransmits"}
_COUNTED = {"errors", "timeouts", "retransmits"}
_TAIL = {"avg": 1.0, "p50": 0.75, "p90": 1.7, "p95": 2.2, "p99": 3.4}


@dataclass(frozen=True, eq=False)
class Series:
    """Every series of a case before it is cut, with what the label needs to name indicators.

    Attributes:
        keys: sorted, so that their order says nothing.
        values: shape (T, S).
        families: one family of metrics a series, in the order of ``keys``.
    """

    keys: tuple[SeriesKey, ...]
    values: Floats
    families: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Column:
    """One series to be: the level it should have, and how noisy it is."""

    key: SeriesKey
    family: str
    level: Floats
    label: Label
    sigma: float
    cap: float = np.inf


@dataclass(frozen=True)
class _Export:
    """Which metrics the teams of this system export."""

    families: dict[str, float]
    statistics: tuple[str, ...]
    vendor: int
    other_vendor: int
    by_instance: bool
    units_known: bool
    raw_counters: bool


def draw_series(
    rng: np.random.Generator, shape: Shape, plant: Plant, state: State, effects: Effects, step_s: float
) -> Series:
    """All series of the system, spoilt."""
    export = _draw_export(rng)
    columns = [c for node in range(len(shape)) for c in _of_node(rng, node, shape, plant, state, effects, export)]
    columns.sort(key=lambda column: column.key)
    values = _averaged(rng, _measured(rng, columns, step_s), step_s)
    _disturb(rng, columns, values)
    _count_up(rng, columns, values, step_s)
    _round(rng, columns, values)
    _lose(rng, shape, columns, values, step_s)
    return Series(tuple(c.key for c in columns), values.T, tuple(c.family for c in columns))


def _draw_export(rng: np.random.Generator) -> _Export:
    richness = rng.choice(["rich", "usual", "lean", "bare"], p=[0.35, 0.42, 0.18, 0.05])
    specific = {f for families in _BY_ROLE.values() for f in families}
    shares = {"rich": (0.97, 0.8, 0.7), "usual": (0.9, 0.4, 0.3), "lean": (0.65, 0.1, 0.08), "bare": (0.25, 0.0, 0.0)}
    everywhere, special, hardware = shares[str(richness)]
    families = {f: float(rng.random() < everywhere) for f in _EVERYWHERE}
    families |= {f: float(rng.random() < special) for f in sorted(specific)}
    families |= {f: float(rng.random() < hardware) for f in _HARDWARE}
    if not any(families[f] for f in ("latency", "errors", "error_share")):
        families["latency"] = 1.0
    count = int(rng.choice([1, 1, 2, 3]))
    vendor, other = (int(v) for v in rng.integers(0, len(VENDORS), size=2))
    statistics = tuple(str(s) for s in rng.choice(STATISTICS, size=count, replace=False))
    return _Export(families, statistics, vendor, other, *(rng.random(3) < [0.4, 0.35, 0.4]).tolist())


def _of_node(
    rng: np.random.Generator, node: int, shape: Shape, plant: Plant, state: State, effects: Effects, export: _Export
) -> Iterator[_Column]:
    role = shape.roles[node]
    if rng.random() < (0.25 if role is Role.external else 0.03):  # nobody watches it
        return
    seen = Node(rng, node, shape, plant, state, effects)
    vendor = export.other_vendor if rng.random() < 0.15 else export.vendor
    spoken = _SPOKEN[role][int(rng.integers(len(_SPOKEN[role])))]
    families = ("latency", "errors", "rate") if role is Role.external else (*_EVERYWHERE, *_BY_ROLE[role], *_HARDWARE)
    shown = [f for f in families if rng.random() < 0.92 * export.families[f]]
    for family in shown:
        label = LABELS[family][vendor]
        # Most stores answer with rates; some hand out the counters themselves.
        counter = label.counter and (export.raw_counters or family == "restarts")
        label = label._replace(name=label.name.replace("{p}", spoken), counter=counter)
        if family == "latency":
            yield from _latencies(rng, node, shape, state, export, label)
            continue
        level = level_of(family, seen)
        cap = CAPS.get(family, np.inf) * label.factor
        count = int(shape.replicas[node]) if export.by_instance and family in _PER_INSTANCE else 1
        sigma = float(np.clip(rng.lognormal(-3.0, 0.9), 0.005, 0.5))
        for share, instance in _instances(rng, shape.names[node], count, family, effects, node):
            unit = label.unit if export.units_known else ""
            key = SeriesKey(shape.names[node], label.name, instance, unit)
            yield _Column(key, family, level * share * label.factor, label, sigma, cap)


def _latencies(
    rng: np.random.Generator, node: int, shape: Shape, state: State, export: _Export, label: Label
) -> Iterator[_Column]:
    for statistic in export.statistics:
        name = label.name.replace("{s}", statistic)
        key = SeriesKey(shape.names[node], name, "", label.unit if export.units_known else "")
        tail = _TAIL[statistic] * rng.uniform(0.8, 1.25)
        sigma = float(rng.lognormal(-2.6, 0.6) * (1 + 0.8 * (tail - 0.7)))
        yield _Column(key, "latency", state.latency[node] * tail * label.factor, label, min(sigma, 0.6))


def _instances(
    rng: np.random.Generator, name: str, count: int, family: str, effects: Effects, node: int
) -> Iterator[tuple[Floats | float, str]]:
    """The share each replica has of a node's level; a fault that strikes one replica shows in that one."""
    if count == 1:
        yield 1.0, ""
        return
    balance = rng.dirichlet(np.full(count, 60.0)) * count
    for position, weight in enumerate(balance):
        lone = effects.amounts.get((f"lone_{position}", node))
        share = weight * (1.0 if lone is None or family not in ("cpu", "memory", "pauses") else 1.0 + lone)
        yield share, f"{name}-{hex_id(rng, 8)}-{hex_id(rng, 5)}"


def _measured(rng: np.random.Generator, columns: list[_Column], step_s: float) -> Floats:
    """Levels with noise, shape (S, T). Noise remembers over seconds, so slow scrapes see it nearly white."""
    level = np.stack([c.level for c in columns])
    sigma = np.array([c.sigma for c in columns])[:, None]
    memory = np.exp(-step_s / np.exp(rng.uniform(np.log(4.0), np.log(300.0), size=len(columns))))
    smooth = autoregressive(rng, memory, level.shape[1])
    white = rng.standard_normal(level.shape)
    white *= np.exp(0.6 * rng.standard_normal(level.shape) - 0.36)  # heavy tails: most samples calm, a few wild
    part = rng.uniform(0.2, 0.9, size=(len(columns), 1))
    values: Floats = level * np.exp(sigma * (part * smooth + np.sqrt(1 - part**2) * white))
    still = np.array([c.family in ("constant", "zero", "restarts") for c in columns])
    values[still] = level[still]
    counted = np.array([c.family in _COUNTED for c in columns])
    if counted.any():
        factors = np.array([c.label.factor for c in columns])[counted, None]
        expected = np.clip(level[counted] / factors * step_s, 0, 1e12)
        values[counted] = rng.poisson(expected) / step_s * factors
    np.minimum(values, np.array([c.cap for c in columns])[:, None], out=values)
    return values


def _averaged(rng: np.random.Generator, values: Floats, step_s: float) -> Floats:
    """Fast scrapes are often shown as averages over the last quarter or half of a minute, as ``rate`` queries are."""
    window = int(rng.choice([15.0, 30.0, 60.0]) / step_s)
    if window < 2 or rng.random() < 0.4:
        return values
    total = np.cumsum(np.concatenate([np.repeat(values[:, :1], window, axis=1), values], axis=1), axis=1)
    means: Floats = (total[:, window:] - total[:, :-window]) / window
    return means


def _disturb(rng: np.random.Generator, columns: list[_Column], values: Floats) -> None:
    """Things that happen to one series and mean nothing: a spike, a step, a slow swell, a blip on a column of zeros."""
    length = values.shape[1]
    rate = float(rng.choice([0.01, 0.04, 0.12, 0.3]))
    for row in np.flatnonzero(rng.random(len(columns)) < rate).tolist():
        if columns[row].family == "constant":
            continue
        at, kind, size = int(rng.integers(0, length)), rng.random(), float(rng.lognormal(-0.6, 0.8))
        if not values[row].any():
            values[row, at : at + int(rng.integers(1, 4))] += float(rng.integers(1, 6))
        elif kind < 0.45:
            values[row, at : at + int(rng.integers(1, 5))] *= 1 + size * 2.5
        elif kind < 0.75:
            values[row, at:] *= 1 + 0.5 * size * rng.choice([-0.5, 1.0])
        else:
            distance = (np.arange(length) - at) / (length * rng.uniform(0.01, 0.08))
            values[row] *= 1 + 1.2 * size * np.exp(-0.5 * distance**2)
    np.minimum(values, np.array([c.cap for c in columns])[:, None], out=values)


def _count_up(rng: np.random.Generator, columns: list[_Column], values: Floats, step_s: float) -> None:
    """Rates become counters where they are exported as such; now and then a process restarts and counts from zero."""
    for row, column in enumerate(columns):
        if not column.label.counter:
            continue
        per_sample = 1.0 if column.family == "restarts" else step_s
        total = np.cumsum(values[row] * per_sample)
        start = 0.0 if column.family in ("restarts", "zero") else float(rng.uniform(0, 50) * (total[-1] + 1))
        if column.family != "restarts" and rng.random() < 0.06:
            reset = int(rng.integers(1, len(total)))
            values[row, :reset] = start + total[:reset]
            values[row, reset:] = total[reset:] - total[reset - 1]
        else:
            values[row] = start + total


def _round(rng: np.random.Generator, columns: list[_Column], values: Floats) -> None:
    """As exporters write: a few significant digits, and for some columns whole steps."""
    stepped = rng.random(len(columns)) < 0.15
    for row in np.flatnonzero(stepped).tolist():
        spread = float(np.median(np.abs(values[row]))) or 1.0
        quantum = 10.0 ** np.round(np.log10(spread) - rng.choice([1, 2]))
        values[row] = np.round(values[row] / quantum) * quantum
    with np.errstate(divide="ignore"):
        digits = 10.0 ** (6 - np.ceil(np.log10(np.maximum(np.abs(values), 1e-9))))
    np.round(values * digits, out=values)
    values /= digits


def _lose(rng: np.random.Generator, shape: Shape, columns: list[_Column], values: Floats, step_s: float) -> None:
    """Samples that were never stored, and services that are scraped more slowly than the others."""
    length = values.shape[1]
    share = float(rng.choice([0.0, 0.0, 0.005, 0.03]))
    if share:
        values[rng.random(values.shape) < share] = np.nan
    for row in np.flatnonzero(rng.random(len(columns)) < 0.02).tolist():
        at = int(rng.integers(0, length))
        values[row, at : at + int(rng.integers(2, max(length // 10, 3)))] = np.nan
    if step_s <= 30 and rng.random() < 0.2:
        slow = {name for name in shape.names if rng.random() < 0.25}
        every, phase = int(rng.choice([2, 3, 5])), int(rng.integers(0, 5))
        rows = [row for row, column in enumerate(columns) if column.key.service in slow]
        seen = (np.arange(length) + phase) % every == 0
        values[np.ix_(np.array(rows, dtype=np.int64), np.flatnonzero(~seen))] = np.nan
