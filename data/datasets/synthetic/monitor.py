"""The monitor: who alerts, on what, and when. It knows thresholds and what it measures, never the fault.

Each candidate rule compares one signal with its level before the fault and asks that it stay beyond a threshold for
some samples. Users' services are watched best, so their alerts are the ones most often heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.shapes import Floats, Role, Shape

_MOST = 400  # rules that are evaluated in large systems


@dataclass(frozen=True)
class Fired:
    """One alert: the node, the signal (``latency``, ``errors``, ``cpu``, ``depth``), its value and threshold."""

    node: int
    signal: str
    sample: int
    delay_s: float
    value: float
    threshold: float
    held_s: float


@dataclass(frozen=True)
class _Rule:
    node: int
    signal: str
    level: Floats
    threshold: float


def watch(rng: np.random.Generator, shape: Shape, state: State, start: int, last: int, step_s: float) -> Fired | None:
    """The alert that the trouble from sample ``start`` on raises by sample ``last``; None when no rule fires."""
    sensitivity = float(rng.choice([0.25, 0.5, 1.0]))
    hold = max(1, round(float(rng.choice([0, 30, 60, 120])) / step_s))
    rules = list(_rules(rng, shape, state, start, sensitivity))
    fired = [found for rule in rules if (found := _first(rng, rule, start, last, hold, step_s)) is not None]
    if not fired:
        return None
    weights = np.array([_heard(shape, found.node) for found in fired])
    return fired[int(rng.choice(len(fired), p=weights / weights.sum()))]


def false_alarm(rng: np.random.Generator, shape: Shape, state: State, sample: int) -> Fired:
    """An alert from noise: a rule set too tight, on some node, that a passing swell has met."""
    apps = shape.with_role(Role.app)
    node = int(rng.choice([*shape.entries, *rng.choice(apps, size=2)]))
    signal = str(rng.choice(["latency", "errors"]))
    level = float((state.latency if signal == "latency" else state.errors)[node, sample])
    return Fired(node, signal, sample, 0.0, level, level * float(rng.uniform(0.8, 0.98)), 0.0)


def _rules(rng: np.random.Generator, shape: Shape, state: State, start: int, sensitivity: float) -> Iterator[_Rule]:
    """Rules on applications for latency and errors, and on stores for load and latency."""
    apps = shape.with_role(Role.app)
    others = [i for i in apps if i not in shape.entries]
    rng.shuffle(others)
    for node in (*shape.entries, *others[:_MOST]):
        usual = float(np.median(state.latency[node, :start]))
        wobble = float(np.std(state.latency[node, :start]))
        yield _Rule(node, "latency", state.latency[node], usual * (1 + sensitivity) + 3 * wobble)
        errors = float(np.median(state.errors[node, :start]))
        yield _Rule(node, "errors", state.errors[node], errors * 1.5 + 0.03 * sensitivity)
    for node in shape.with_role(Role.database, Role.cache, Role.queue)[:_MOST]:
        usual = float(np.median(state.busy[node, :start]))
        yield _Rule(node, "cpu", state.busy[node], max(0.8, usual * (1 + sensitivity)))
        yield _Rule(node, "latency", state.latency[node], float(np.median(state.latency[node, :start])) * 3)


def _first(rng: np.random.Generator, rule: _Rule, start: int, last: int, hold: int, step_s: float) -> Fired | None:
    """When the rule fires: beyond its threshold for ``hold`` samples, found at the next evaluation."""
    noisy = rule.level[start : last + 1] * np.exp(0.05 * rng.standard_normal(last + 1 - start))
    beyond = np.concatenate([[0], np.cumsum(noisy > rule.threshold)])
    if len(noisy) < hold:
        return None
    whole = np.flatnonzero(beyond[hold:] - beyond[:-hold] == hold)
    if not len(whole):
        return None
    sample = start + int(whole[0]) + hold - 1
    evaluated = float(rng.uniform(0, min(60.0, 2 * step_s)))
    return Fired(rule.node, rule.signal, sample, evaluated, float(noisy[sample - start]), rule.threshold, hold * step_s)


def _heard(shape: Shape, node: int) -> float:
    """How likely the alert of a node is the one that opens the incident."""
    if node in shape.entries:
        return 8.0
    return 1.0 if shape.roles[node] is Role.app else 0.5
