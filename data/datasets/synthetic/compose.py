"""One incident from one seed: a system, its everyday life, what went wrong, who noticed, and what was recorded.

The order of the steps is that of the world: a fault is put into a system that has a life of its own, a monitor that
knows nothing of it raises the alert, and only then is the recording cut. Whatever is drawn after the fault treats
the struck node like every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from data.datasets.common import Case, Truth, opaque_id
from data.datasets.synthetic.dynamics import State, solve
from data.datasets.synthetic.faults import KINDS, NO_INCIDENT, Fault, strike
from data.datasets.synthetic.history import History, draw_history
from data.datasets.synthetic.lines import draw_logs
from data.datasets.synthetic.monitor import Fired, false_alarm, watch
from data.datasets.synthetic.noise import envelope
from data.datasets.synthetic.plant import Effects, Plant, draw_plant
from data.datasets.synthetic.series import Series, draw_series
from data.datasets.synthetic.shapes import Floats, Role, Shape, draw_shape
from data.datasets.synthetic.traces import draw_spans
from data.datasets.synthetic.traffic import draw_traffic
from data.domain import Alert, AlertLevel
from data.errors import InputError
from data.telemetry import Metrics, Telemetry, empty_logs, empty_spans
from data.topology import ServiceGraph

SMALLEST, LARGEST = 5, 1000
_PLACES = 3
_GROWTH = (1.0, 1.7, 3.0)
_OWN_ALERTS = 0.2


@dataclass(frozen=True)
class KnownTruth(Truth):
    """The label of a made incident, with what no public data set tells: its faults, and when the first began.

    ``kind`` is the fault's, several joined with ``+``, or :data:`~data.datasets.synthetic.faults.NO_INCIDENT`.
    """

    kind: str = NO_INCIDENT
    onset: datetime | None = None
    faults: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The form of ``truth.json``."""
        label = {"services": list(self.services), "indicators": list(self.indicators), "changes": self.changes}
        faults = [{"kind": f.kind, "strength": round(f.strength, 3)} for f in self.faults]
        return {
            **{key: value for key, value in label.items() if value is not None},
            "decoys": list(self.decoys),
            "kind": self.kind,
            "onset": self.onset.isoformat() if self.onset else None,
            "faults": faults,
        }


@dataclass(frozen=True, eq=False)
class Clock:
    """The samples of the recording before it is cut. ``onset`` and ``last`` are sample numbers: the first at which
    trouble may begin, and the last at which the alert may come."""

    seconds: Floats
    step_s: float
    onset: int
    last: int


@dataclass(frozen=True, eq=False)
class World:
    """A system, and everything that is going on in it."""

    shape: Shape
    plant: Plant
    clock: Clock
    traffic: Floats
    everyday: Effects


@dataclass(frozen=True, eq=False)
class Trouble:
    """What went wrong, how the system took it, and the alert. ``presence`` says how much of each fault was there."""

    faults: tuple[Fault, ...]
    presence: tuple[Floats, ...]
    effects: Effects
    state: State
    fired: Fired


def synthesize(seed: int | Sequence[int], *, services: tuple[int, int] = (5, 20), kind: str | None = None) -> Case:
    """One incident, the same for the same arguments; ``case.truth()`` is a :class:`KnownTruth`.

    Args:
        services: the fewest and the most nodes the system may have; its size is uniform between in logarithm.
        kind: a key of :data:`~data.datasets.synthetic.faults.KINDS` or ``no_incident``; None draws one.

    Raises:
        InputError: if the arguments make no sense.
    """
    _check(services, kind)
    rng = np.random.default_rng(seed)
    world = draw_world(rng, services)
    kinds = draw_kinds(rng, world.shape, kind)
    history, trouble = draw_trouble(rng, world, kinds)
    series = draw_series(rng, world.shape, world.plant, trouble.state, trouble.effects, world.clock.step_s)
    return record(rng, world, history, trouble, series, seed)


def draw_world(rng: np.random.Generator, services: tuple[int, int]) -> World:
    """A system with its traffic, before anything is wrong."""
    low, high = np.log(services[0]), np.log(services[1] + 1)
    shape = draw_shape(rng, min(int(np.exp(rng.uniform(low, high))), services[1]))
    clock = draw_clock(rng, len(shape))
    traffic = draw_traffic(rng, clock.seconds, len(shape.entries))
    plant = draw_plant(rng, shape, traffic.mean(axis=1))
    everyday = Effects(len(clock.seconds))
    _live(rng, shape, everyday, clock)
    return World(shape, plant, clock, traffic, everyday)


def draw_clock(rng: np.random.Generator, nodes: int) -> Clock:
    """Scrape intervals from a second to five minutes, with a history before the onset and time after it."""
    step_s = float(rng.choice([1, 5, 10, 15, 30, 60, 300], p=[0.12, 0.12, 0.14, 0.2, 0.17, 0.17, 0.08]))
    most = 150 if nodes > 150 else 300
    before = int(rng.integers(min(40 if step_s >= 60 else 90, most - 30), most))
    patience = int(np.clip(rng.uniform(300, 900) / step_s, 4, 200))
    after = int(np.clip(rng.uniform(60, 1200) / step_s, 2, 90))
    start = datetime(2024, 1, 1, tzinfo=UTC).timestamp() + float(rng.integers(0, 3 * 365 * 86_400))
    total = before + patience + after
    return Clock(start + step_s * np.arange(total, dtype=np.float64), step_s, before, before + patience)


def _live(rng: np.random.Generator, shape: Shape, everyday: Effects, clock: Clock) -> None:
    """Harmless things nodes do of their own: batch jobs, warm-ups, a machine that is busy for a while."""
    length = everyday.length
    for _ in range(int(rng.poisson(0.12 * len(shape)))):
        node, at = int(rng.integers(len(shape))), int(rng.integers(0, length))
        span = max(1, int(rng.uniform(30, 900) / clock.step_s))
        there = envelope(length, at, max(1, span // 4), at + span)
        everyday.add("background", node, rng.uniform(0.05, 0.35) * there)
        everyday.scale("demand", node, 1 + rng.lognormal(-1.6, 0.8) * there)
        everyday.add("memory", node, rng.uniform(0.0, 0.12) * there)
    for node in range(len(shape)):  # heaps fill and are collected
        if rng.random() < 0.5:
            period, depth = rng.uniform(8, 120), rng.uniform(0.01, 0.15)
            everyday.add(
                "memory",
                node,
                depth * ((np.arange(length, dtype=np.float64) + rng.uniform(0, period)) % period) / period,
            )


def draw_kinds(rng: np.random.Generator, shape: Shape, kind: str | None) -> list[str]:
    """One kind of fault that this system can have; sometimes two, sometimes none."""
    if kind is not None:
        return [] if kind == NO_INCIDENT else [kind]
    if rng.random() < 0.1:
        return []
    possible = [name for name in KINDS if sites(shape, name)]
    count = 2 if rng.random() < 0.08 else 1
    return [str(name) for name in rng.choice(possible, size=count, replace=False)]


def sites(shape: Shape, kind: str) -> list[tuple[int, int]]:
    """Where a kind of fault may strike: (node, edge), with edge -1 where it concerns no call."""
    about = KINDS[kind]
    nodes = set(shape.entries) if kind == "traffic_surge" else set(shape.with_role(*about.roles))
    called = {int(j) for j in shape.callee} | set(shape.entries)
    nodes &= called
    if not about.target:
        return [(node, -1) for node in sorted(nodes)]
    return [
        (int(i), edge)
        for edge, (i, j) in enumerate(zip(shape.caller, shape.callee, strict=True))
        if int(i) in nodes and shape.roles[j] in about.target and not shape.asynchronous[edge]
    ]


def draw_trouble(rng: np.random.Generator, world: World, kinds: Sequence[str]) -> tuple[History, Trouble]:
    """Faults just strong enough for the monitor to notice; where no strength is, they strike elsewhere."""
    for _ in range(_PLACES):
        faults = tuple(_fault(rng, world, kind) for kind in kinds)
        history = draw_history(rng, world.shape, faults, world.clock.seconds, world.clock.onset)
        everyday = _restarted(rng, world, history)
        for growth in _GROWTH:
            stronger = tuple(replace(fault, strength=fault.strength * growth) for fault in faults)
            trouble = _play(rng, world, everyday, stronger)
            if trouble is not None and _worth_telling(rng, trouble):
                return history, trouble
    return history, _unnoticed(rng, world, everyday, stronger)


def _worth_telling(rng: np.random.Generator, trouble: Trouble) -> bool:
    """Whether this becomes an incident. What a team's own alert tells it is mostly mended before anybody else hears;
    incidents are what reached others, so few of them open with an alert on the struck node."""
    struck = {fault.node for fault in trouble.faults}
    return trouble.fired.node not in struck or rng.random() < _OWN_ALERTS


def _fault(rng: np.random.Generator, world: World, kind: str) -> Fault:
    places = sites(world.shape, kind)
    if not places:
        raise InputError(f"no node of this system can have {kind!r}; ask for more services", field="kind")
    # Trouble far from every user would not be noticed; places are weighed by the load they carry, gently.
    node, edge = places[int(rng.integers(len(places)))]
    about, clock = KINDS[kind], world.clock
    start = clock.onset + int(rng.integers(0, max(1, min(6, (clock.last - clock.onset) // 3))))
    ramp_s = rng.uniform(60, 900) if about.slow else float(rng.choice([0, 0, rng.uniform(5, 120)]))
    ramp = int(np.clip(ramp_s / clock.step_s, 1, max(2, (clock.last - start) // 2)))
    length = len(clock.seconds)
    end = length if rng.random() < 0.8 else int(rng.integers(min(start + ramp + 3, length - 1), length))
    alone = about.single and world.shape.replicas[node] > 1 and rng.random() < 0.4
    instance = int(rng.integers(world.shape.replicas[node])) if alone else -1
    return Fault(kind, node, edge, start, ramp, end, float(rng.lognormal(-0.7, 0.7)), instance)


def _restarted(rng: np.random.Generator, world: World, history: History) -> Effects:
    """Everyday life with releases: what is released restarts, and its first requests are slow."""
    number = {name: node for node, name in enumerate(world.shape.names)}
    everyday = world.everyday.copy()
    for name, at in history.deployed():
        sample = int((at.timestamp() - world.clock.seconds[0]) // world.clock.step_s) + 1
        if 0 <= sample < everyday.length:
            warm = max(1, int(rng.uniform(10, 90) / world.clock.step_s))
            there = envelope(everyday.length, sample, 1, sample + warm)
            everyday.scale("demand", number[name], 1 + rng.uniform(0.0, 0.6) * there)
            if rng.random() < 0.5:
                once = np.zeros(everyday.length)
                once[sample] = 1.0
                everyday.add("restarts", number[name], once)
    return everyday


def _play(rng: np.random.Generator, world: World, everyday: Effects, faults: tuple[Fault, ...]) -> Trouble | None:
    """How the system takes the faults; None if the monitor would not have noticed."""
    presence, effects, state = _suffer(world, everyday, faults)
    clock = world.clock
    if not faults:
        fired = false_alarm(rng, world.shape, state, int(rng.integers(clock.onset, clock.last)))
        return Trouble((), (), effects, state, fired)
    start = min(fault.start for fault in faults)
    noticed = watch(rng, world.shape, state, start, clock.last, clock.step_s)
    return Trouble(faults, presence, effects, state, noticed) if noticed else None


def _suffer(world: World, everyday: Effects, faults: tuple[Fault, ...]) -> tuple[tuple[Floats, ...], Effects, State]:
    """What the faults do to the system: how much of each is there, all effects together, and the state."""
    effects = everyday.copy()
    presence = tuple(envelope(effects.length, f.start, f.ramp, f.end) for f in faults)
    for fault, present in zip(faults, presence, strict=True):
        strike(world.shape, world.plant, effects, fault, present)
        if fault.instance >= 0:
            effects.add(f"lone_{fault.instance}", fault.node, 0.8 * fault.strength * present)
    return presence, effects, solve(world.shape, world.plant, world.traffic, effects, world.clock.step_s)


def _unnoticed(rng: np.random.Generator, world: World, everyday: Effects, faults: tuple[Fault, ...]) -> Trouble:
    """Trouble that no threshold met is reported by somebody who looks at a dashboard, of the application hit worst."""
    presence, effects, state = _suffer(world, everyday, faults)
    start, last = min(f.start for f in faults), world.clock.last
    apps = world.shape.with_role(Role.app)
    before = state.latency[apps, :start].mean(axis=1) + 1e-9
    worse = state.latency[apps, start:last].max(axis=1) / before + 20 * state.errors[apps, start:last].max(axis=1)
    node = apps[int(np.argmax(worse))]
    level = float(state.latency[node, start:last].max())
    fired = Fired(node, "latency", int(rng.integers(start + 1, last)), 0.0, level, level * 0.9, 0.0)
    return Trouble(faults, presence, effects, state, fired)


def record(
    rng: np.random.Generator, world: World, history: History, trouble: Trouble, series: Series, seed: object
) -> Case:
    """What is seen of it all, cut to a window around the alert, with its label sealed."""
    clock, fired = world.clock, trouble.fired
    fired_at = _instant(clock.seconds[fired.sample] + fired.delay_s)
    first = int(rng.integers(0, max(1, clock.onset // 3)))
    tail = int(rng.integers(1, max(2, len(clock.seconds) - fired.sample)))
    end = min(fired.sample + 1 + tail, len(clock.seconds))
    window = clock.seconds[first:end]
    shown = _Shown.draw(rng)
    metrics = _cut(series, window, first, end) if shown.metrics else Metrics.empty()
    logs, spans = empty_logs(), empty_spans()
    cut = _cut_state(trouble.state, first, end)
    if shown.logs:
        present = [(f, p[first:end]) for f, p in zip(trouble.faults, trouble.presence, strict=True)]
        logs = draw_logs(rng, world.shape, cut, present, window, int(rng.integers(120, 700)))
    if shown.spans:
        effects = _cut_effects(trouble.effects, first, end)
        most = int(rng.integers(300, 1500))
        spans = draw_spans(rng, world.shape, world.plant, cut, effects, window, most)
    changes = tuple(history.changes) if shown.changes else ()
    recorded_until = _instant(window[-1])
    changes = tuple(c for c in changes if c.timestamp <= recorded_until)
    graph = _graph(world.shape) if shown.graph else ServiceGraph((), world.shape.names)
    case_id = opaque_id("synthetic", repr(seed).encode(), world.shape.names[0].encode())
    truth = _truth(world, history, trouble, series, {c.id for c in changes} if shown.changes else None)
    alert = _alert(rng, case_id, world, fired, fired_at, metrics, series)
    telemetry = Telemetry(metrics, logs, spans, changes, graph)
    return Case(case_id, f"synthetic-{world.shape.layout}", alert, telemetry, lambda: truth)


@dataclass(frozen=True)
class _Shown:
    """Which tables were recorded; drawn without a look at what went wrong."""

    metrics: bool
    logs: bool
    spans: bool
    changes: bool
    graph: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Shown:
        metrics, logs, spans, changes, graph = (rng.random(5) < [0.95, 0.7, 0.7, 0.75, 0.85]).tolist()
        return cls(metrics or not spans, logs, spans, changes, graph)


def _cut(series: Series, window: Floats, first: int, end: int) -> Metrics:
    times = np.round(window * 1e6).astype("int64").astype("datetime64[us]")
    values = series.values[first:end]
    alive = np.flatnonzero(np.isfinite(values).any(axis=0)).tolist()
    return Metrics(times, tuple(series.keys[i] for i in alive), np.ascontiguousarray(values[:, alive]))


def _cut_state(state: State, first: int, end: int) -> State:
    return State(**{name: values[:, first:end] for name, values in vars(state).items()})


def _cut_effects(effects: Effects, first: int, end: int) -> Effects:
    factors = {key: values[first:end] for key, values in effects.factors.items()}
    return Effects(end - first, factors, {key: values[first:end] for key, values in effects.amounts.items()})


def _graph(shape: Shape) -> ServiceGraph:
    edges = [(shape.names[i], shape.names[j]) for i, j in zip(shape.caller, shape.callee, strict=True)]
    hosts = {name: f"node-{host}" for name, host in zip(shape.names, shape.hosts.tolist(), strict=True)}
    external = set(shape.with_role(Role.external))
    return ServiceGraph(edges, shape.names, {n: h for i, (n, h) in enumerate(hosts.items()) if i not in external})


def _truth(world: World, history: History, trouble: Trouble, series: Series, seen: set[str] | None) -> KnownTruth:
    services = tuple(dict.fromkeys(world.shape.names[f.node] for f in trouble.faults))
    families = {world.shape.names[f.node]: KINDS[f.kind].indicators for f in trouble.faults}
    indicators = tuple(
        dict.fromkeys(
            key.metric
            for key, family in zip(series.keys, series.families, strict=True)
            if family in families.get(key.service, ())
        )
    )
    return KnownTruth(
        services=services,
        indicators=indicators,
        changes=None if seen is None else tuple(c for c in history.guilty if c in seen),
        decoys=() if seen is None else tuple(c for c in history.decoys if c in seen),
        kind="+".join(f.kind for f in trouble.faults) or NO_INCIDENT,
        onset=_instant(world.clock.seconds[min(f.start for f in trouble.faults)]) if trouble.faults else None,
        faults=trouble.faults,
    )


def _alert(
    rng: np.random.Generator,
    case_id: str,
    world: World,
    fired: Fired,
    fired_at: datetime,
    metrics: Metrics,
    series: Series,
) -> Alert:
    """The notification: it names a metric that is exported, where the signal has one."""
    name = world.shape.names[fired.node]
    families = {"latency": ("latency",), "errors": ("error_share", "errors"), "cpu": ("cpu",), "depth": ("depth",)}
    kept = set(metrics.keys)
    exported = [
        key.metric
        for key, family in zip(series.keys, series.families, strict=True)
        if key.service == name and family in families[fired.signal] and key in kept
    ]
    unit = {"latency": "s", "errors": "", "cpu": "", "depth": ""}[fired.signal]
    held = f" for {fired.held_s:g}s" if fired.held_s else ""
    return Alert(
        id=case_id,
        source=str(rng.choice(["datadog", "alertmanager", "cloudwatch", "bundle"])),
        service=name,
        title=f"{fired.signal} of {name} above {fired.threshold:.3g}{unit}{held}",
        fired_at=fired_at,
        group=case_id,
        level=AlertLevel(str(rng.choice(["error", "error", "warning"]))),
        metric=exported[0] if exported else None,
        value=float(f"{fired.value:.4g}"),
        threshold=float(f"{fired.threshold:.4g}"),
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=round(float(seconds) * 1e6))


def _check(services: tuple[int, int], kind: str | None) -> None:
    if not SMALLEST <= services[0] <= services[1] <= LARGEST:
        raise InputError(f"must be A-B with {SMALLEST} <= A <= B <= {LARGEST}", field="services")
    if kind is not None and kind not in (*KINDS, NO_INCIDENT):
        raise InputError(f"unknown kind {kind!r}; choose from {', '.join((*KINDS, NO_INCIDENT))}", field="kind")
