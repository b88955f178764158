"""Random service graphs: chains, trees, hubs and meshes with databases, caches, queues, providers, replicas and hosts.

Nodes are numbered so that every call goes from a lower number to a higher one. Numbers are never shown: names are
drawn independently of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from data.datasets.synthetic.names import service_names

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
LAYOUTS = ("chain", "tree", "hub", "mesh")
_DEEPEST = 7


class Role(StrEnum):
    """What a node is. An ``external`` is somebody else's service: it is called, and shows little of itself."""

    app = "app"
    database = "database"
    cache = "cache"
    queue = "queue"
    external = "external"


@dataclass(frozen=True, eq=False)
class Shape:
    """Who calls whom. Edge arrays have one entry a call relation, sorted by caller.

    Attributes:
        names: one opaque name a node.
        roles: one role a node.
        entries: the nodes that users meet first.
        caller, callee: shape (E,), node numbers; ``caller < callee``.
        calls: shape (E,), mean calls per request of the caller.
        asynchronous: shape (E,), whether the caller does not wait (what a queue hands to its consumer).
        hosts: shape (N,), the number of the machine a node runs on; replicas spread from there.
        replicas: shape (N,), instances.
    """

    layout: str
    names: tuple[str, ...]
    roles: tuple[Role, ...]
    entries: tuple[int, ...]
    caller: Ints
    callee: Ints
    calls: Floats
    asynchronous: npt.NDArray[np.bool_]
    hosts: Ints
    replicas: Ints

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def calls_of(self) -> tuple[tuple[int, ...], ...]:
        """The edges out of each node."""
        return _grouped(self.caller, len(self))

    @cached_property
    def calls_to(self) -> tuple[tuple[int, ...], ...]:
        """The edges into each node."""
        return _grouped(self.callee, len(self))

    def with_role(self, *roles: Role) -> list[int]:
        return [i for i, role in enumerate(self.roles) if role in roles]


def draw_shape(rng: np.random.Generator, count: int) -> Shape:
    """A random system of ``count`` nodes (at least 5), of which one to three are entries."""
    layout = LAYOUTS[int(rng.integers(len(LAYOUTS)))]
    helpers = _helper_counts(rng, count)
    apps = count - sum(helpers.values())
    entries = tuple(range(min(int(rng.choice([1, 1, 1, 2, 3])), max(apps - 2, 1))))
    edges = _app_edges(rng, layout, apps, len(entries))
    order, roles = [float(i) for i in range(apps)], [Role.app] * apps
    for role, number in helpers.items():
        for _ in range(number):
            node = len(roles)
            roles.append(role)
            order.append(_attach(rng, role, node, apps, len(entries), edges))
    rank = np.argsort(np.argsort(np.array(order), kind="stable"), kind="stable")
    return _numbered(rng, layout, roles, entries, edges, rank)


def _helper_counts(rng: np.random.Generator, count: int) -> dict[Role, int]:
    """How many nodes are not applications; at least three stay."""
    shares = {
        Role.database: rng.uniform(0.08, 0.22),
        Role.cache: rng.uniform(0.0, 0.1),
        Role.queue: rng.uniform(0.0, 0.1),
        Role.external: rng.uniform(0.0, 0.1),
    }
    counts = {role: int(rng.binomial(count, share)) for role, share in shares.items()}
    counts[Role.database] = max(counts[Role.database], 1)
    for role in (Role.cache, Role.queue, Role.external):  # small systems have these too, if only one
        counts[role] = max(counts[role], int(rng.random() < 0.35))
    while count - sum(counts.values()) < 3:
        counts[max(counts, key=lambda role: counts[role])] -= 1
    return counts


def _app_edges(rng: np.random.Generator, layout: str, apps: int, entries: int) -> dict[tuple[int, int], bool]:
    """Calls between applications; the value says whether the call is asynchronous."""
    edges: dict[tuple[int, int], bool] = {}
    depth = [0] * apps
    hubs = list(range(entries, min(entries + max(apps // 12, 1), apps)))
    for node in range(entries, apps):
        parents = _parents(rng, layout, node, entries, hubs, depth)
        for parent in parents:
            edges[parent, node] = False
        depth[node] = 1 + min(depth[p] for p in parents)
    for entry in range(entries):  # an entry that calls nothing would be a system of its own
        if not any(caller == entry for caller, _ in edges):
            edges[entry, int(rng.integers(entries, apps))] = False
    return edges


def _parents(
    rng: np.random.Generator, layout: str, node: int, entries: int, hubs: list[int], depth: list[int]
) -> list[int]:
    shallow = [i for i in range(node) if depth[i] < _DEEPEST]
    if layout == "chain":
        return [node - 1 if depth[node - 1] < _DEEPEST and rng.random() < 0.85 else int(rng.integers(0, entries))]
    if layout == "hub":
        known = [hub for hub in hubs if hub < node] or [int(rng.integers(0, entries))]
        return [int(rng.choice(known if rng.random() < 0.65 else shallow))]
    if layout == "tree":
        recent = shallow[-max(len(shallow) // 2, 3) :]
        return [int(rng.choice(recent))]
    size = min(int(rng.choice([1, 1, 2, 3])), len(shallow))
    return [int(i) for i in rng.choice(shallow, size=size, replace=False)]


def _attach(
    rng: np.random.Generator, role: Role, node: int, apps: int, entries: int, edges: dict[tuple[int, int], bool]
) -> float:
    """Connects a helper to applications, and says where it belongs in the order of calls."""
    if role is Role.queue:
        producer = int(rng.integers(0, apps - 1))
        consumer = int(rng.integers(max(producer + 1, min(entries, apps - 1)), apps))
        edges[producer, node] = False
        edges[node, consumer] = True
        return producer + 0.5
    shared = role is Role.database and rng.random() < 0.35
    users = int(rng.integers(2, 2 + max(apps // 3, 2))) if shared else int(rng.choice([1, 1, 2]))
    for user in rng.choice(apps, size=min(users, apps), replace=False):
        edges[int(user), node] = False
    return float("inf")


def _numbered(
    rng: np.random.Generator,
    layout: str,
    roles: list[Role],
    entries: tuple[int, ...],
    edges: dict[tuple[int, int], bool],
    rank: Ints,
) -> Shape:
    count = len(roles)
    table = sorted((int(rank[a]), int(rank[b]), asynchronous) for (a, b), asynchronous in edges.items())
    caller, callee = np.array([row[0] for row in table]), np.array([row[1] for row in table])
    ranked_roles = [roles[int(i)] for i in np.argsort(rank)]
    hosts = max(2, round(count / rng.uniform(3, 8)))
    usual = np.array([{Role.app: 2.0, Role.database: 1.2}.get(role, 1.0) for role in ranked_roles])
    return Shape(
        layout=layout,
        names=service_names(rng, count),
        roles=tuple(ranked_roles),
        entries=tuple(int(rank[e]) for e in entries),
        caller=caller,
        callee=callee,
        calls=_calls(rng, caller, callee, ranked_roles),
        asynchronous=np.array([row[2] for row in table]),
        hosts=rng.integers(0, hosts, size=count),
        replicas=np.clip(np.round(usual * rng.lognormal(0.0, 0.5, size=count)), 1, 6).astype(np.int64),
    )


def _calls(rng: np.random.Generator, caller: Ints, callee: Ints, roles: list[Role]) -> Floats:
    """Mean calls per request. What one request sets off stays bounded however many callees there are."""
    weights = rng.lognormal(0.0, 0.6, size=len(caller))
    total = np.bincount(caller, weights=weights, minlength=len(roles))
    spread = rng.uniform(0.8, 2.4, size=len(roles))
    calls = weights / total[caller] * spread[caller]
    stored = np.array([roles[j] in (Role.database, Role.cache) for j in callee])
    return np.clip(np.where(stored, calls * rng.uniform(1.0, 3.0, size=len(calls)), calls), 0.02, 6.0)


def _grouped(of_edge: Ints, count: int) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = [[] for _ in range(count)]
    for edge, node in enumerate(of_edge.tolist()):
        groups[node].append(edge)
    return tuple(tuple(group) for group in groups)
