"""What goes wrong in a world, how its system takes it, and who notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.datasets.synthetic.dynamics import State, solve
from data.datasets.synthetic.faults import KINDS, NO_INCIDENT, Fault, strike
from data.datasets.synthetic.history import History, draw_history
from data.datasets.synthetic.monitor import Fired, false_alarm, watch
from data.datasets.synthetic.noise import envelope
from data.datasets.synthetic.plant import Effects
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.datasets.synthetic.world import World
from data.errors import InputError

_PLACES = 3
_GROWTH = (1.0, 1.7, 3.0)
_OWN_ALERTS = 0.2


@dataclass(frozen=True, eq=False)
class Trouble:
    """What went wrong, how the system took it, and the alert. ``presence`` says how much of each fault was there."""

    faults: tuple[Fault, ...]
    presence: tuple[Floats, ...]
    effects: Effects
    state: State
    fired: Fired


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
