"""The board: what every service shows in every channel, as arrays, for one view of one incident.

Nothing on it depends on names. Whatever a service is called, and in whatever order they come, a ranker sees the same
rows; training data are boards whose names have been thrown away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from data.domain import Alert
from data.telemetry import Floats, to_datetime64
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.blame import blame, edge_rows, passed_on, trust, unexplained_harm
from models.features import Period, by_name
from models.grouped import Indices, numbered
from models.indicators import Kind, kind_of
from models.load import inherited_load
from models.passing import Passing, passed_down
from models.sentences import CHANNEL_OF, MetricBlock

CHANNELS = tuple(Channel)
KINDS = tuple(Kind)
MODALITIES = ("metrics", "spans", "logs", "graph")
# What a service shows, in spans and beside its neighbours, merely for being asked too much.
STRAINED = frozenset({Channel.own_time, Channel.gap, Channel.peer_time, Channel.ways, Channel.callers_slow,
                      Channel.callers_fail, Channel.own_errors, Channel.error_origin, Channel.peer_errors,
                      Channel.times_slower, Channel.grown, Channel.calls})  # fmt: skip
# Findings that say when a service's first error came.
ERRORS_BEGIN = frozenset({Channel.new_logs, Channel.error_origin})
# A series has begun to deviate where it first lies this many spreads off its level before the onset.
DEVIATES = 3.0


@dataclass(frozen=True, eq=False)
class Board:
    """``S`` services beside each other. Rows follow ``services``; nothing is normalised yet.

    Attributes:
        signs: strongest sign in each channel, in the channel's unit, >= 0; shape (S, len(CHANNELS)).
        trusted: how far each sign speaks of its own service rather than of a neighbour, in [0, 1]; same shape.
        rises, falls: largest change of any series of each kind, in spreads, before anything is taken off for
            callees; shape (S, len(KINDS)).
        first: seconds from the start of the incident window to the first deviation of any series, or the first new
            error; NaN where there is none; shape (S,).
        edges: (caller, callee) pairs of rows; shape (E, 2).
        alerting: the row of the alerting service, -1 where it is not among them.
        watched: which kind of metric the alert is on, as an index of KINDS.
        seen: whether metrics, spans, logs and a call graph were there at all (``MODALITIES``); shape (4,).
        host: the number of the host that each runs on, :data:`~models.grouped.NONE` where unknown; shape (S,), or
            empty where nothing is known of hosts.
    """

    services: tuple[str, ...]
    signs: Floats
    trusted: Floats
    rises: Floats
    falls: Floats
    first: Floats
    edges: Indices
    alerting: int
    watched: int
    seen: npt.NDArray[np.bool_]
    host: Indices = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    def __len__(self) -> int:
        return len(self.services)


def board_of(
    alert: Alert,
    graph: ServiceGraph,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    *,
    passings: Sequence[Passing] = (),
    period: Period | None = None,
    seen: Collection[str] = MODALITIES,
    among: Collection[str] = (),
) -> Board:
    """What every service of the graph or of any signal shows.

    Args:
        blocks: changed metric series; any may be empty.
        findings: what spans and logs showed; may be empty.
        passings: what spans say that callers only waited for, or only saw fail.
        period: tells when series first deviated; None leaves that unknown.
        seen: which of ``MODALITIES`` were there at all.
        among: more services to have a row, such as those that another view of the incident shows.
    """
    services = sorted({k.service for b in blocks for k in b.scores.keys} | {f.service for f in findings}
                      | {alert.service} | set(graph.services) | set(among))  # fmt: skip
    row = {service: i for i, service in enumerate(services)}
    edges = edge_rows(graph, row)
    signs, trusted = _signs(alert, services, row, edges, graph, blocks, findings, passings)
    rises, falls = np.zeros((2, len(services), len(KINDS)))
    first = np.full(len(services), np.nan)
    for block in blocks:
        if not len(block.scores.keys):
            continue
        rows = np.array([row[key.service] for key in block.scores.keys], dtype=np.intp)
        columns = by_name(block.scores.keys, lambda m, u: KINDS.index(kind_of(m, u)), np.intp)
        np.maximum.at(rises, (rows, columns), block.scores.z)
        np.maximum.at(falls, (rows, columns), -block.scores.z)
        if period is not None:
            np.fmin.at(first, rows, first_deviations(block, period))
    if period is not None:
        for finding in findings:
            if finding.channel in ERRORS_BEGIN and finding.at is not None:
                at = row[finding.service]
                first[at] = np.fmin(first[at], max((finding.at - period.before).total_seconds(), 0.0))
    (host,), _ = numbered([np.array([graph.hosts.get(service) for service in services], dtype=object)])
    there = np.array([m in seen for m in MODALITIES[:3]] + [bool(graph)])
    watched = KINDS.index(kind_of(alert.metric or alert.title))
    return Board(tuple(services), signs, trusted, rises, falls, first, edges, row[alert.service], watched, there, host)


def _signs(
    alert: Alert,
    services: list[str],
    row: dict[str, int],
    edges: Indices,
    graph: ServiceGraph,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    passings: Sequence[Passing],
) -> tuple[Floats, Floats]:
    """The strongest sign of each service in each channel, and how far it is to be trusted; (services, channels)."""
    column = {channel: j for j, channel in enumerate(CHANNELS)}
    board = np.zeros((len(services), len(CHANNELS)))
    trusted = np.zeros_like(board)
    strain = np.ones(len(services))
    for block in blocks:
        rows = np.array([row[key.service] for key in block.scores.keys], dtype=np.intp)
        columns = by_name(block.scores.keys, lambda m, u: column[CHANNEL_OF[kind_of(m, u)]], np.intp)
        harm = unexplained_harm(block.scores, rows, len(services), edges)
        np.maximum.at(board, (rows, columns), harm)
        np.maximum.at(trusted, (rows, columns), harm * trust(block.scores, rows, services, edges, alert.service))
        blamed = blame(block.scores, rows, services, graph, alert)
        share, believed = passed_on(blamed, passings, row, alert)
        gone = np.bincount(rows, weights=block.scores.vanished, minlength=len(services))
        for signs, table in ((share, board), (believed, trusted)):
            for shown, channel in ((signs, Channel.blame), (gone, Channel.vanished)):
                np.maximum(table[:, column[channel]], shown, out=table[:, column[channel]])
        # Strained by its callers' surge, a service is a victim: its signs count for less, the more it is asked to do.
        load = inherited_load(block.scores, rows, len(services), edges)
        board, trusted, strain = board / load[:, None], trusted / load[:, None], np.maximum(strain, load)
    for finding in findings:
        at = (row[finding.service], column[finding.channel])
        score = finding.score / (strain[at[0]] if finding.channel in STRAINED else 1.0)
        board[at] = max(board[at], score)
        trusted[at] = max(trusted[at], score * finding.trust)
    own, errors = column[Channel.own_errors], column[Channel.errors]
    got, kept = passed_down(board[:, own], passings, row, failures=True)
    trusted[:, [own, errors]] *= kept[:, None]
    _, kept_time = passed_down(board[:, own], passings, row, failures=False)
    trusted[:, [column[Channel.latency], column[Channel.times_slower]]] *= kept_time[:, None]
    board[:, own], trusted[:, own] = np.maximum(board[:, own], got), np.maximum(trusted[:, own], got)
    return board, np.where(board > 0, trusted / np.where(board > 0, board, 1.0), 0.0)


def first_deviations(block: MetricBlock, period: Period) -> Floats:
    """Seconds from ``period.before`` to each series' first sample beyond ordinary variation, in the direction it
    went; NaN where it did not. Shape (K,)."""
    times = block.metrics.timestamps
    low = int(np.searchsorted(times, to_datetime64(period.before), side="left"))
    high = int(np.searchsorted(times, to_datetime64(period.end), side="right"))
    scores = block.scores
    moved = np.flatnonzero(np.abs(scores.z) >= DEVIATES)
    found = np.full(len(scores.keys), np.nan)
    if high <= low or not len(moved):
        return found
    off = (block.metrics.values[low:high, moved] - scores.base[moved]) * np.sign(scores.z[moved])
    beyond = off >= np.maximum(DEVIATES * scores.scale[moved], 0.3 * np.abs(scores.change[moved]))
    at = np.argmax(beyond, axis=0)
    seconds = (times[low:high] - to_datetime64(period.before)).astype("timedelta64[us]").astype(float) / 1e6
    found[moved] = np.where(beyond.any(axis=0), seconds[at], np.nan)
    return found
