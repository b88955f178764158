"""The feature table: one row a candidate, numbers that mean the same in every system.

Everything is a share, a rank, a squashed score or a flag, so that five services or five thousand, with logs or
without, give rows in the same ranges. Rows do not know their own place: permuting the services permutes the rows.

===============  ==================================================================================================
features         meaning, for service i
===============  ==================================================================================================
share:C          its share of the evidence in channel C, trusted as far as it speaks of the service itself
plain:C          the same share, untrusted
size:C           how strong its sign is in channel C, whoever else has one: x^2 / (x^2 + doubt)
lead:C           its sign over the strongest other service's, squashed to [0, 1)
rise:K, fall:K   the largest rise and fall of any series of kind K: |z| / (|z| + 4)
caller:C         the largest share of any caller; callee:C likewise of any callee, host:C of any other on its host
above, below     the largest hand-made score of its callers, and of its callees; ``peak`` its own less that of both
walk             personalised random walk from the alerting service towards evidence, times the number of services
near, reached    1 / (1 + calls from the alerting service); whether calls lead there, ``unreached`` that they do not
alerting         it is the one that alerts; ``leaf`` calls nobody, ``entry`` is called by nobody, ``callers`` how many
early            how early it deviated among those that did, in [0, 1]; ``unmoved`` it never did
has:M            whether modality M was there at all; ``many`` how many candidates there are, log10 / 3
watches:K        whether the alert is on a metric of kind K
===============  ==================================================================================================

``prior`` is the score of :mod:`models.rankers.hand`, for rankers that learn a correction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.grouped import NONE, Indices
from models.indicators import Kind
from models.rankers import hand
from models.rankers.board import CHANNELS, KINDS, MODALITIES, Board

ROOT = 4.0
# Alerts on other kinds of metric are too rare to learn from.
WATCHED = (Kind.latency, Kind.error, Kind.availability, Kind.cpu, Kind.saturation)
# After MonitorRank (Kim et al., SIGMETRICS 2013): mostly towards callees, some way back, some staying.
BACKWARDS, RESTART, STEPS = 0.2, 0.15, 30


@dataclass(frozen=True, eq=False)
class Table:
    """``values`` has shape (S, len(NAMES)); ``edges`` are (caller, callee) rows, shape (E, 2).

    ``prior_parts`` is what each channel gives to the hand-made score ``prior``, shape (S, channels). ``starts`` are the
    first rows of the incidents, where there are several in one table (:mod:`models.rankers.packed`).
    """

    values: Floats
    prior: Floats
    edges: Indices
    prior_parts: Floats
    starts: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.intp))

    def __len__(self) -> int:
        return len(self.values)


def table_of(board: Board) -> Table:
    """The features of every service of ``board``, in its order."""
    parts = hand.parts(board)
    evidence = hand.shares(board) * board.trusted
    score = parts.sum(axis=1)
    columns = {
        "share": evidence,
        "plain": hand.shares(board),
        "size": board.signs**2 / (board.signs**2 + hand.DEFAULT.of(hand.DEFAULT.doubt)),
        "lead": _lead(board.signs),
        "rise": np.maximum(board.rises, 0.0) / (np.maximum(board.rises, 0.0) + ROOT),
        "fall": np.maximum(board.falls, 0.0) / (np.maximum(board.falls, 0.0) + ROOT),
        "caller": _of_callers(board, evidence),
        "callee": _of_callees(board, evidence),
        "host": _of_host(board, evidence),
        "place": _place(board, score),
        "case": np.broadcast_to(_case(board), (len(board), len(MODALITIES) + 1 + len(WATCHED))),
    }
    return Table(np.hstack(list(columns.values())), score, board.edges, parts)


def supported(table: Table) -> npt.NDArray[np.bool_]:
    """Which services show any sign of their own, in any channel; the others are no candidates. Shape (S,)."""
    return np.asarray(table.values[:, _SIZES].max(axis=1, initial=0.0) > 0)


def _names() -> tuple[str, ...]:
    channels = [f"{what}:{c}" for what in ("share", "plain", "size", "lead") for c in CHANNELS]
    kinds = [f"{what}:{k}" for what in ("rise", "fall") for k in KINDS]
    neighbours = [f"{what}:{c}" for what in ("caller", "callee", "host") for c in CHANNELS]
    place = ["above", "below", "peak", "walk", "near", "reached", "unreached", "alerting", "leaf", "entry", "callers",
             "early", "unmoved"]  # fmt: skip
    case = [f"has:{m}" for m in MODALITIES] + ["many"] + [f"watches:{k}" for k in WATCHED]
    return (*channels, *kinds, *neighbours, *place, *case)


NAMES = _names()
_SIZES = [i for i, name in enumerate(NAMES) if name.startswith("size:")]


def _lead(signs: Floats) -> Floats:
    """Each sign beside the strongest of any other service."""
    if len(signs) < 2:
        return np.asarray(signs / (signs + 1.0))
    top = np.sort(signs, axis=0)
    other = np.where(signs >= top[-1], top[-2], top[-1])
    return np.asarray(signs / (signs + other + 1.0))


def _of_callers(board: Board, values: Floats) -> Floats:
    found = np.zeros_like(values)
    np.maximum.at(found, board.edges[:, 1], values[board.edges[:, 0]])
    return found


def _of_callees(board: Board, values: Floats) -> Floats:
    found = np.zeros_like(values)
    np.maximum.at(found, board.edges[:, 0], values[board.edges[:, 1]])
    return found


def _of_host(board: Board, values: Floats) -> Floats:
    """What the others on each service's host show at most: who is short of processor may have a busy neighbour."""
    found = np.zeros_like(values)
    for host in np.unique(board.host[board.host != NONE]):
        here = np.flatnonzero(board.host == host)
        if len(here) > 1:
            top = np.sort(values[here], axis=0)
            found[here] = np.where(values[here] >= top[-1], top[-2], top[-1])
    return found


def _place(board: Board, score: Floats) -> Floats:
    """Where a service stands in the call graph, and when it joined in."""
    n = len(board)
    above, below = _of_callers(board, score[:, None])[:, 0], _of_callees(board, score[:, None])[:, 0]
    distance = hand.distances(board)
    calls, called = (np.bincount(board.edges[:, i], minlength=n) for i in (0, 1))
    known = (calls + called) > 0
    reached = np.isfinite(distance)
    alerting = np.arange(n) == board.alerting
    moved = np.isfinite(board.first)
    walk = _walk(board, score) * n
    columns = [
        above,
        below,
        score - np.maximum(above, below),
        walk / (walk + 1.0),
        1.0 / (1.0 + distance),
        reached & ~alerting,
        known & ~reached,
        alerting,
        known & (calls == 0),
        known & (called == 0),
        called / (called + 3.0),
        _early(board.first),
        ~moved,
    ]
    return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


def _early(first: Floats) -> Floats:
    """1 for the first to deviate, towards 0 for the last; ties share; 0 where it never did."""
    moved = np.isfinite(first)
    found = np.zeros(len(first))
    if moved.any():
        times = np.sort(first[moved])
        found[moved] = 1.0 - np.searchsorted(times, first[moved], side="left") / len(times)
    return found


def _walk(board: Board, score: Floats) -> Floats:
    """Where a walk along calls ends up that is drawn to evidence and starts over at the alerting service; sums to 1."""
    n = len(board)
    pull = score + 0.05
    tail = np.concatenate([board.edges[:, 0], board.edges[:, 1], np.arange(n)])
    head = np.concatenate([board.edges[:, 1], board.edges[:, 0], np.arange(n)])
    weight = np.concatenate([pull[board.edges[:, 1]], BACKWARDS * pull[board.edges[:, 0]], pull])
    weight = weight / np.bincount(tail, weights=weight, minlength=n)[tail]
    start = np.full(n, 1.0 / n) if board.alerting < 0 else (np.arange(n) == board.alerting).astype(float)
    if not len(board.edges):
        start = np.full(n, 1.0 / n)
    here = start
    for _ in range(STEPS):
        here = RESTART * start + (1.0 - RESTART) * np.bincount(head, weights=weight * here[tail], minlength=n)
    return np.asarray(here)


def _case(board: Board) -> Floats:
    watched = [float(KINDS[board.watched] is kind) for kind in WATCHED]
    return np.array([*board.seen.astype(float), np.log10(len(board)) / 3.0, *watched])
