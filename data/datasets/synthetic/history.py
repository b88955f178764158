"""What people did around the incident: ordinary commits and deploys, flags and settings, and the one that did it.

The guilty change is dressed like the others. Decoys are of the same mechanism elsewhere, or on the struck service
without harm, and as close to the onset. Where no change did it, decoys are there all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from data.datasets.synthetic.diffs import CHORES, EDITS
from data.datasets.synthetic.faults import KINDS, Fault
from data.datasets.synthetic.names import hex_id, words
from data.datasets.synthetic.shapes import Floats, Role, Shape
from data.domain import Change, ChangeKind


@dataclass
class History:
    """Changes in the order of time, those that did it, and those made to mislead."""

    changes: list[Change] = field(default_factory=list)
    guilty: list[str] = field(default_factory=list)
    decoys: list[str] = field(default_factory=list)

    def deployed(self) -> list[tuple[str, datetime]]:
        """Which service was released, and when."""
        return [(c.service, c.timestamp) for c in self.changes if c.kind is ChangeKind.deploy and c.service]


@dataclass(frozen=True, eq=False)
class _Author:
    """Writes changes about the services of one system. ``nouns`` are what its code speaks of, four a service."""

    rng: np.random.Generator
    shape: Shape
    nouns: list[str]
    people: list[str]

    def slots(self, node: int, edge: int) -> dict[str, str]:
        callees = self.shape.calls_of[node]
        if edge < 0 and callees:
            edge = int(self.rng.choice(callees))
        callee = _plain(self.shape.names[self.shape.callee[edge]]) if edge >= 0 else "store"
        low = int(self.rng.integers(2, 30))
        high = int(low * self.rng.uniform(4, 12))
        near = max(1, int(high * self.rng.uniform(0.8, 1.3)))
        scale = int(self.rng.choice([1, 1, 10, 50]))
        first, second = (self.nouns[4 * node + int(i)] for i in self.rng.choice(4, size=2, replace=False))
        return {
            "svc": _plain(self.shape.names[node]), "callee": callee, "op": first, "noun": second,
            "low": str(low * scale), "high": str(high * scale), "near": str(near * scale),
        }  # fmt: skip

    def person(self) -> str:
        return self.people[int(self.rng.integers(len(self.people)))]


def draw_history(
    rng: np.random.Generator, shape: Shape, faults: Sequence[Fault], seconds: Floats, onset: int
) -> History:
    """Everything that was changed from some time before the recording to its end."""
    people = [f"{a}.{b}" for a, b in zip(words(rng, 8), words(rng, 8), strict=True)]
    author = _Author(rng, shape, words(rng, 4 * len(shape)), people)
    history = History()
    for fault in faults:
        if KINDS[fault.kind].changes:
            history.guilty.append(_did_it(author, fault, float(seconds[fault.start]), history))
    _mislead(author, faults, seconds, onset, history)
    _business_as_usual(author, seconds, onset, history)
    history.changes.sort(key=lambda change: (change.timestamp, change.id))
    return history


def _did_it(author: _Author, fault: Fault, onset_s: float, history: History) -> str:
    """The guilty change, live just before the fault begins to show."""
    rng = author.rng
    kind = KINDS[fault.kind].changes[int(rng.integers(len(KINDS[fault.kind].changes)))]
    node = fault.node
    if fault.kind == "missing_index":  # a store is changed by the migration of a service that uses it
        node = int(author.shape.caller[int(rng.choice(author.shape.calls_to[node]))])
    # Most show within seconds of being live; some wait for a restart, a cache or a rare input.
    lag = float(rng.choice([rng.uniform(0, 20), rng.uniform(20, 180), rng.uniform(180, 2400)], p=[0.5, 0.35, 0.15]))
    return _write(author, history, kind, fault.kind, node, fault.edge, onset_s - lag, guilty=True)


def _mislead(author: _Author, faults: Sequence[Fault], seconds: Floats, onset: int, history: History) -> None:
    """Decoys: the same mechanisms where they do no harm, some of them on the struck service, around the onset."""
    rng = author.rng
    mechanisms = [*EDITS, "flag_flip"]
    apps = author.shape.with_role(Role.app)
    for _ in range(int(rng.integers(0, 6))):
        mechanism = str(rng.choice(mechanisms))
        node, edge = int(rng.choice(apps)), -1
        if faults and rng.random() < 0.5:
            mechanism = faults[0].kind if faults[0].kind in mechanisms else mechanism
        if faults and rng.random() < 0.45 and author.shape.roles[faults[0].node] is Role.app:
            node, edge = faults[0].node, faults[0].edge
        kind = ChangeKind.flag if mechanism == "flag_flip" else ChangeKind.commit
        if mechanism == "config_limit" or (
            mechanism in ("wrong_timeout", "pool_cut", "bad_url") and rng.random() < 0.4
        ):
            kind = ChangeKind.config
        at = float(seconds[onset] + rng.normal(-120, 400))
        history.decoys.append(_write(author, history, kind, mechanism, node, edge, at, guilty=False))


def _business_as_usual(author: _Author, seconds: Floats, onset: int, history: History) -> None:
    """Chores, their deploys, flags, and what happens to machines; denser in systems with more people."""
    rng = author.rng
    begin, end = float(seconds[0]) - 3600.0, float(seconds[-1])
    count = int(rng.integers(2, 16) + min(len(author.shape) // 20, 30))
    near = rng.random(count) < 0.5
    times = np.where(near, seconds[onset] + rng.normal(-30, 300, size=count), rng.uniform(begin, end, size=count))
    nodes = rng.integers(0, len(author.shape), size=count)
    for at, node in zip(times.tolist(), nodes.tolist(), strict=True):
        what = rng.random()
        if what < 0.75:
            _chore(author, history, node, at)
        elif what < 0.87:
            _write(author, history, ChangeKind.flag, "flag_flip", node, -1, at, guilty=False)
        else:
            summary = str(
                rng.choice(["node pool rotated", "instance replaced", "scaled out by one", "certificate renewed"])
            )
            _record(author, history, ChangeKind.infrastructure, at, node, summary)


def _chore(author: _Author, history: History, node: int, at: float) -> None:
    edits, summary = _small_edits(author, node, 1 + int(author.rng.integers(0, 4)))
    commit = _record(author, history, ChangeKind.commit, at, node, summary, edits)
    _maybe_deploy(author, history, node, at, commit, chance=0.5)


def _small_edits(author: _Author, node: int, count: int) -> tuple[dict[str, str], str]:
    """Edits that matter to nobody's latency, as file -> diff, and a summary of the first."""
    edits, summaries = {}, []
    for choice in author.rng.choice(len(CHORES), size=count, replace=False).tolist():
        file, diff, summary = CHORES[choice]
        slots = author.slots(node, -1)
        edits[_fill(file, slots)] = _fill(diff, slots)
        summaries.append(_fill(summary, slots))
    return edits, summaries[0] if summaries else ""


def _write(
    author: _Author,
    history: History,
    kind: ChangeKind,
    mechanism: str,
    node: int,
    edge: int,
    at: float,
    *,
    guilty: bool,
) -> str:
    """One edit of ``mechanism``, live at ``at`` (epoch seconds): a commit with its deploy, a setting, or a flag."""
    rng, slots = author.rng, author.slots(node, edge)
    if kind is ChangeKind.flag or mechanism not in EDITS:
        way = str(rng.choice(["off -> on", "on -> off", "0% -> 100%", "10% -> 50%"]))
        return _record(author, history, ChangeKind.flag, at, node, _fill("{noun}_{op}: ", slots) + way)
    edit = EDITS[mechanism][int(rng.integers(len(EDITS[mechanism])))]
    summary = _fill(str(rng.choice(edit.summaries)), slots)
    file, diff = _fill(edit.file, slots), _fill(edit.guilty if guilty else edit.harmless, slots)
    if not guilty and rng.random() < 0.25:  # a breaking edit in code that does not run here
        file, diff = f"{slots['svc']}/tests/{file.rsplit('/', 1)[-1]}", _fill(edit.guilty, slots)
    if kind is ChangeKind.config:
        return _record(author, history, kind, at, node, summary, {file: diff})
    before = float(rng.exponential(600.0)) + 20.0
    beside, _ = _small_edits(author, node, int(rng.choice([0, 0, 0, 1, 2])))  # commits seldom do one thing
    edits = {file: diff, **beside} if rng.random() < 0.5 else {**beside, file: diff}
    commit = _record(author, history, ChangeKind.commit, at - before, node, summary, edits)
    _maybe_deploy(author, history, node, at, commit, chance=1.0 if guilty else 0.85)
    return commit


def _maybe_deploy(author: _Author, history: History, node: int, at: float, commit: str, *, chance: float) -> None:
    if author.rng.random() < chance:
        version = f"v{author.rng.integers(1, 9)}.{author.rng.integers(0, 60)}.{author.rng.integers(0, 20)}"
        _record(author, history, ChangeKind.deploy, at, node, f"deploy {version}", commit=commit, version=version)


def _record(
    author: _Author, history: History, kind: ChangeKind, at: float, node: int, summary: str,
    edits: Mapping[str, str] | None = None, commit: str | None = None, version: str | None = None,
) -> str:  # fmt: skip
    change_id = hex_id(author.rng, 40 if kind is ChangeKind.commit else 12)
    # A commit belongs to a repository; which service that is shows in its files and its deploy.
    service = None if kind is ChangeKind.commit and author.rng.random() < 0.5 else author.shape.names[node]
    history.changes.append(
        Change.model_construct(
            id=change_id,
            kind=kind,
            timestamp=datetime.fromtimestamp(int(at), UTC),
            service=service,
            summary=summary,
            author=author.person(),
            files=tuple(edits or ()),
            diff="".join(_unified(file, body) for file, body in edits.items()) if edits else None,
            commit=commit,
            version=version,
            instances=(),
            removed_instances=(),
            extra={},
        )
    )
    return change_id


def _unified(file: str, body: str) -> str:
    old = sum(line[:1] in "- " for line in body.splitlines())
    new = sum(line[:1] in "+ " for line in body.splitlines())
    return f"--- a/{file}\n+++ b/{file}\n@@ -12,{old} +12,{new} @@\n{body}"


def _fill(text: str, slots: dict[str, str]) -> str:
    for name, value in slots.items():
        text = text.replace("{" + name + "}", value)
    return text


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")
