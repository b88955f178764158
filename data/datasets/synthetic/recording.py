"""What is seen of a world in trouble: telemetry cut to a window around the alert, and the label, sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from data.datasets.common import Case, Truth, opaque_id
from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.faults import KINDS, NO_INCIDENT, Fault
from data.datasets.synthetic.harm import share_harmed
from data.datasets.synthetic.history import History
from data.datasets.synthetic.lines import draw_logs
from data.datasets.synthetic.monitor import Fired
from data.datasets.synthetic.plant import Effects
from data.datasets.synthetic.series import Series
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.datasets.synthetic.traces import draw_spans
from data.datasets.synthetic.trouble import Trouble
from data.datasets.synthetic.world import World
from data.domain import Alert, AlertLevel
from data.telemetry import Metrics, Telemetry, empty_logs, empty_spans
from data.topology import ServiceGraph


@dataclass(frozen=True)
class KnownTruth(Truth):
    """The label of a made incident, with what no public data set tells: its faults, when the first began, and whom
    it hurt.

    ``harmed`` is the share of users' requests that failed or were slow while it lasted, in [0, 1]. ``kind`` is the
    fault's, several joined with ``+``, or :data:`~data.datasets.synthetic.faults.NO_INCIDENT`.
    """

    kind: str = NO_INCIDENT
    onset: datetime | None = None
    faults: tuple[Fault, ...] = ()
    harmed: float = 0.0

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
            "harmed": round(self.harmed, 6),
        }


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
        harmed=_harmed(world, trouble),
    )


def _harmed(world: World, trouble: Trouble) -> float:
    start = min((f.start for f in trouble.faults), default=world.clock.onset)
    end = max((f.end for f in trouble.faults), default=len(world.clock.seconds))
    return share_harmed(world.shape, trouble.state, start, end, world.clock.onset)


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
