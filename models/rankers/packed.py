"""Many examples side by side: what fitting a ranker and judging one work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.grouped import Indices
from models.rankers.examples import Example
from models.rankers.table import NAMES, Table, table_of


@dataclass(frozen=True, eq=False)
class Packed:
    """``G`` tables in one of ``N`` rows.

    Attributes:
        values, prior: the rows of all tables, shapes (N, F) and (N,).
        edges: (caller, callee) pairs among all rows, shape (E, 2).
        starts: the first row of each table; ``group`` the table of each row; shapes (G,), (N,).
        guilty: shape (N,).
        weight: how much each table counts, shape (G,); sums to one over each system.
        share, blind_spots: as in :class:`Example`; shape (G,).
        system, case, showing: who a table belongs to; the numbers differ between systems; shape (G,).
        lost: the culprit is none of the rows; shape (G,).
    """

    values: Floats
    prior: Floats
    edges: Indices
    starts: Indices
    group: Indices
    guilty: npt.NDArray[np.bool_]
    weight: Floats
    share: Floats
    blind_spots: Floats
    system: npt.NDArray[np.str_]
    case: Indices
    showing: Indices
    lost: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, wanted: npt.NDArray[np.bool_]) -> Packed:
        """The tables where ``wanted``, shape (G,)."""
        rows = wanted[self.group]
        place = np.cumsum(rows) - 1
        edges = self.edges[rows[self.edges[:, 0]]] if len(self.edges) else self.edges
        sizes = np.diff(np.append(self.starts, len(self.group)))[wanted]
        return Packed(
            values=self.values[rows],
            prior=self.prior[rows],
            edges=place[edges],
            starts=_starts(sizes),
            group=np.repeat(np.arange(len(sizes)), sizes),
            guilty=self.guilty[rows],
            weight=self.weight[wanted],
            share=self.share[wanted],
            blind_spots=self.blind_spots[wanted],
            system=self.system[wanted],
            case=self.case[wanted],
            showing=self.showing[wanted],
            lost=self.lost[wanted],
        )

    @property
    def table(self) -> Table:
        """All rows as one table, which every ranker can score at once."""
        return Table(self.values, self.prior, self.edges, self.prior[:, None], self.starts)

    def softmax(self, scores: Floats) -> Floats:
        """Probabilities within each table; shape (N,)."""
        powers = np.exp(scores - np.maximum.reduceat(scores, self.starts)[self.group])
        return np.asarray(powers / np.add.reduceat(powers, self.starts)[self.group])


def pack(systems: Mapping[str, Sequence[Example]]) -> Packed:
    """The tables of all examples, in order."""
    tables = [table_of(e.board) for examples in systems.values() for e in examples]
    sizes = np.array([len(t) for t in tables], dtype=np.intp)
    starts = _starts(sizes)
    every = [e for examples in systems.values() for e in examples]
    first_case = np.cumsum([0, *(1 + max(e.case for e in examples) for examples in systems.values())])
    first_showing = np.cumsum([0, *(1 + max(e.showing for e in examples) for examples in systems.values())])
    of = np.repeat(np.arange(len(systems)), [len(examples) for examples in systems.values()])
    share = np.array([e.share for e in every])
    case = np.array([e.case for e in every]) + first_case[of]
    showing = np.array([e.showing for e in every]) + first_showing[of]
    return Packed(
        values=np.vstack([t.values for t in tables]) if tables else np.empty((0, len(NAMES))),
        prior=np.concatenate([t.prior for t in tables]),
        edges=np.concatenate([t.edges + start for t, start in zip(tables, starts, strict=True)]),
        starts=starts,
        group=np.repeat(np.arange(len(tables)), sizes),
        guilty=np.concatenate([e.guilty for e in every]),
        weight=_weights(of, case, share),
        share=share,
        blind_spots=np.array([e.blind_spots for e in every], dtype=float),
        system=np.array(list(systems))[of],
        case=case,
        showing=showing,
        lost=np.array([e.lost for e in every]),
    )


def _weights(of: Indices, case: Indices, share: Floats) -> Floats:
    """Each system counts as much as any other, each incident of a system too, each view by its probability."""
    by_case = share / np.bincount(case, weights=share)[case]
    return np.asarray(by_case / np.bincount(of, weights=by_case)[of])


def _starts(sizes: Indices) -> Indices:
    return np.asarray(np.concatenate([[0], np.cumsum(sizes)])[: len(sizes)], dtype=np.intp)
