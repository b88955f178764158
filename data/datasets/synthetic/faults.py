"""What goes wrong: every kind of fault, where it may strike, what it changes, and whether a change did it.

A kind is one function from a place and a strength to :class:`~data.datasets.synthetic.plant.Effects`. Nothing here
knows of metrics: symptoms follow from the dynamics alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.datasets.synthetic.plant import Effects, Plant
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.domain import ChangeKind


@dataclass(frozen=True)
class Fault:
    """One fault: where, when (sample numbers) and how strong (1 is plain, 0.3 subtle, 3 drastic).

    ``edge`` is the call it concerns, or -1; ``instance`` the one replica it hits, or -1 for all.
    """

    kind: str
    node: int
    edge: int
    start: int
    ramp: int
    end: int
    strength: float
    instance: int = -1


@dataclass(frozen=True)
class Site:
    """What an effect may read and change. ``reach`` is the share of the node's replicas it strikes."""

    shape: Shape
    plant: Plant
    effects: Effects
    fault: Fault
    present: Floats
    reach: float

    def calls_out(self) -> list[int]:
        """The edges of the node's calls that it waits for."""
        return [e for e in self.shape.calls_of[self.fault.node] if not self.shape.asynchronous[e]]

    def scale(self, name: str, place: int, factor: float) -> None:
        """``factor`` where the fault is fully present and strikes every replica."""
        self.effects.scale(name, place, factor ** (self.present * self.reach))

    def add(self, name: str, place: int, amount: float | Floats) -> None:
        self.effects.add(name, place, amount * self.present * self.reach)


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        strike: changes the effects of a site.
        roles: the nodes it may strike.
        target: roles of the callee it needs; empty when it concerns no call.
        changes: the kinds of change that can do it; empty when no change does.
        indicators: families of metrics of the struck node that it moves first.
        slow: whether it builds up over minutes to hours.
        single: whether it may strike one replica alone.
    """

    strike: Callable[[Site], None]
    roles: tuple[Role, ...]
    indicators: tuple[str, ...]
    target: tuple[Role, ...] = ()
    changes: tuple[ChangeKind, ...] = ()
    slow: bool = False
    single: bool = False


def strike(shape: Shape, plant: Plant, effects: Effects, fault: Fault, present: Floats) -> None:
    """Puts ``fault`` into ``effects``. ``present`` says how much of it is there at each sample, in [0, 1]."""
    reach = 1.0 if fault.instance < 0 else 1.0 / float(shape.replicas[fault.node])
    KINDS[fault.kind].strike(Site(shape, plant, effects, fault, present, reach))


def _n_plus_one(site: Site) -> None:
    site.scale("calls", site.fault.edge, 1 + 6.0 * site.fault.strength)
    site.scale("demand", site.fault.node, 1 + 0.15 * site.fault.strength)


def _missing_index(site: Site) -> None:
    site.scale("demand", site.fault.node, 1 + 2.5 * site.fault.strength)
    site.add("scans", site.fault.node, 2.0 * site.fault.strength)


def _wrong_timeout(site: Site) -> None:
    # Just below, or well below, what the callee usually takes: the plant's timeouts are 5 to 40 times that.
    usual = site.plant.timeout[site.fault.edge] / max(site.plant.own_time[site.shape.callee[site.fault.edge]], 1e-5)
    site.scale("timeout", site.fault.edge, float(np.clip(2.2 / (usual * site.fault.strength), 1e-4, 0.4)))


def _pool_cut(site: Site) -> None:
    site.scale("pool", site.fault.edge, 0.12 / site.fault.strength)


def _exception(site: Site) -> None:
    site.add("errors", site.fault.node, min(0.12 * site.fault.strength, 0.9))


def _retry_storm(site: Site) -> None:
    site.add("retries", site.fault.edge, np.round(4 + 4 * site.fault.strength))
    site.add("refused", site.fault.edge, min(0.25 * site.fault.strength, 0.6))
    site.scale("calls", site.fault.edge, 1 + 1.2 * site.fault.strength)


def _leak(site: Site) -> None:
    level = np.minimum(site.present * (0.5 + 0.5 * site.fault.strength), 1.0)
    site.effects.add("memory", site.fault.node, 0.7 * level * site.reach)
    collecting = np.clip((level - 0.35) / 0.65, 0.0, 1.0) ** 2
    site.effects.scale("demand", site.fault.node, 1 + 3.0 * site.fault.strength * collecting * site.reach)
    site.effects.add("pauses", site.fault.node, 0.4 * site.fault.strength * collecting * site.reach)


def _large_payload(site: Site) -> None:
    site.scale("payload", site.fault.node, 1 + 8.0 * site.fault.strength)
    site.scale("demand", site.fault.node, 1 + 0.8 * site.fault.strength)
    site.add("network", site.fault.edge, _usual(site, site.fault.edge) * 1.5 * site.fault.strength)


def _cache_stampede(site: Site) -> None:
    period = 6 + 10 / max(site.fault.strength, 0.3)
    waves = 0.55 + 0.45 * np.sign(np.sin(2 * np.pi * np.arange(site.effects.length) / period))
    site.effects.scale("hit", site.fault.node, 1 - 0.85 * site.present * waves)
    site.effects.scale("calls", site.fault.edge, 1 + 5.0 * site.fault.strength * site.present * waves)


def _config_limit(site: Site) -> None:
    site.scale("servers", site.fault.node, 0.45 / (0.5 + site.fault.strength))
    site.scale("threads", site.fault.node, 0.4 / (0.5 + site.fault.strength))


def _flag_flip(site: Site) -> None:
    site.scale("demand", site.fault.node, 1 + 2.2 * site.fault.strength)
    site.add("errors", site.fault.node, min(0.03 * site.fault.strength, 0.5))


def _bad_url(site: Site) -> None:
    site.add("refused", site.fault.edge, min(0.5 + 0.5 * site.fault.strength, 1.0))


def _cpu_hog(site: Site) -> None:
    site.add("background", site.fault.node, 0.35 * min(site.fault.strength, 2.5))
    site.scale("demand", site.fault.node, 1 + 1.1 * site.fault.strength)
    for neighbour in np.flatnonzero(site.shape.hosts == site.shape.hosts[site.fault.node]).tolist():
        if neighbour != site.fault.node:
            site.scale("demand", neighbour, 1 + 0.12 * site.fault.strength)


def _memory_pressure(site: Site) -> None:
    site.add("memory", site.fault.node, min(0.3 + 0.2 * site.fault.strength, 0.7))
    site.add("pauses", site.fault.node, 0.25 * site.fault.strength)
    site.scale("demand", site.fault.node, 1 + 1.0 * site.fault.strength)


def _disk_full(site: Site) -> None:
    full = np.clip((site.present - 0.7) / 0.3, 0.0, 1.0)
    site.effects.add("disk", site.fault.node, 0.6 * site.present)
    site.effects.add("errors", site.fault.node, np.minimum(0.25 * site.fault.strength, 0.8) * full)
    site.effects.scale("demand", site.fault.node, 1 + 1.5 * site.fault.strength * full)


def _connection_exhaustion(site: Site) -> None:
    site.add("connections", site.fault.node, min(0.5 + 0.3 * site.fault.strength, 0.9))
    site.add("errors", site.fault.node, min(0.04 * site.fault.strength, 0.3))
    site.scale("demand", site.fault.node, 1 + 0.4 * site.fault.strength)
    for edge in site.shape.calls_to[site.fault.node]:
        site.scale("pool", edge, 0.25 / site.fault.strength)
        site.add("refused", edge, min(0.05 * site.fault.strength, 0.4))


def _network_delay(site: Site) -> None:
    delay = 0.02 * site.fault.strength + max((_usual(site, e) for e in site.shape.calls_to[site.fault.node]), default=0)
    for edge in (*site.shape.calls_to[site.fault.node], *site.shape.calls_of[site.fault.node]):
        site.add("network", edge, delay * site.fault.strength)


def _network_loss(site: Site) -> None:
    for edge in (*site.shape.calls_to[site.fault.node], *site.shape.calls_of[site.fault.node]):
        site.add("network", edge, 0.2 * 0.1 * site.fault.strength)  # a lost packet costs a resend after 200 ms
        site.add("refused", edge, min(0.02 * site.fault.strength, 0.3))
        site.add("lost", edge, min(0.02 * site.fault.strength, 0.3))
    site.scale("payload", site.fault.node, 0.9)


def _dns_failure(site: Site) -> None:
    for edge in site.calls_out():
        site.add("refused", edge, min(0.3 * site.fault.strength, 0.95))
        site.add("network", edge, 0.03 * site.fault.strength)


def _provider_outage(site: Site) -> None:
    site.scale("demand", site.fault.node, 1 + 4.0 * site.fault.strength)
    site.add("errors", site.fault.node, min(0.3 * site.fault.strength, 0.95))


def _traffic_surge(site: Site) -> None:
    site.scale("traffic", site.fault.node, 1 + 1.4 * site.fault.strength)


def _usual(site: Site, edge: int) -> float:
    """What a call usually takes, roughly: for delays that hurt at every scale."""
    return float(site.plant.own_time[site.shape.callee[edge]]) * 2.0


_COMMIT = (ChangeKind.commit,)
_CONFIG = (ChangeKind.config,)
_STORES = (Role.database, Role.cache)
_ANY = (Role.app, Role.database, Role.cache)

KINDS: dict[str, Kind] = {
    "n_plus_one": Kind(_n_plus_one, (Role.app,), ("calls", "latency"), (Role.app, Role.database), _COMMIT),
    "missing_index": Kind(_missing_index, (Role.database,), ("scans", "cpu", "latency"), changes=_COMMIT),
    "wrong_timeout": Kind(
        _wrong_timeout, (Role.app,), ("timeouts", "errors"), (Role.app, Role.external, Role.database),
        (ChangeKind.commit, ChangeKind.config),
    ),
    "pool_cut": Kind(_pool_cut, (Role.app,), ("pool", "latency"), _STORES, (ChangeKind.commit, ChangeKind.config)),
    "exception": Kind(_exception, (Role.app,), ("errors",), changes=_COMMIT),
    "retry_storm": Kind(_retry_storm, (Role.app,), ("calls", "errors"), (Role.app, Role.external), _COMMIT),
    "leak": Kind(_leak, (Role.app,), ("memory", "pauses"), changes=_COMMIT, slow=True),
    "large_payload": Kind(_large_payload, (Role.app,), ("network", "latency"), (Role.app, Role.external), _COMMIT),
    "cache_stampede": Kind(
        _cache_stampede, (Role.app,), ("hit", "calls"), (Role.database, Role.app),
        (ChangeKind.commit, ChangeKind.config),
    ),
    "config_limit": Kind(_config_limit, (Role.app, Role.database), ("cpu", "threads", "latency"), changes=_CONFIG),
    "flag_flip": Kind(_flag_flip, (Role.app,), ("latency", "errors"), changes=(ChangeKind.flag,)),
    "bad_url": Kind(
        _bad_url, (Role.app,), ("errors",), (Role.app, Role.external, Role.database),
        (ChangeKind.config, ChangeKind.commit),
    ),
    "cpu_hog": Kind(_cpu_hog, _ANY, ("cpu",), single=True),
    "memory_pressure": Kind(_memory_pressure, _ANY, ("memory", "pauses"), single=True),
    "disk_full": Kind(_disk_full, (Role.database, Role.queue), ("disk", "errors"), slow=True),
    "connection_exhaustion": Kind(_connection_exhaustion, _STORES, ("connections",)),
    "network_delay": Kind(_network_delay, _ANY, ("latency", "network")),
    "network_loss": Kind(_network_loss, _ANY, ("network", "errors")),
    "dns_failure": Kind(_dns_failure, (Role.app,), ("errors",), (Role.app, Role.database, Role.external)),
    "provider_outage": Kind(_provider_outage, (Role.external,), ("latency", "errors")),
    "traffic_surge": Kind(_traffic_surge, (Role.app,), ("rate",)),
}  # fmt: skip
NO_INCIDENT = "no_incident"
