"""Whether incidents have come to look different to the models: their nameless traits, before and now.

Two measures, since either alone misleads: the Kolmogorov-Smirnov test says whether chance explains a difference, the
population stability index whether it is large enough to matter (above .2 it is held to, in credit scoring, where it
comes from). An index of few incidents is large by chance, by ``(bins - 1) (1 / n + 1 / m)`` on average (Yurdakul,
"Statistical Properties of Population Stability Index", 2018); that is taken off.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.base import Channel
from models.rankers.board import CHANNELS, MODALITIES, Board
from models.significance import holm

BINS = 5
# A chance of one in a hundred to see drift, in any trait, where there is none.
RISK = 0.01
LARGE = 0.2
_OF_LOGS = {Channel.new_logs, Channel.lost_logs, Channel.named_in_errors}
_OF_SPANS = {Channel.own_time, Channel.gap, Channel.error_origin, Channel.calls, Channel.fan_out, Channel.lost_calls,
             Channel.peer_time, Channel.peer_errors, Channel.ways}  # fmt: skip
CHANGES = "changes"


@dataclass(frozen=True)
class Drift:
    """One trait that came to look different: medians before and after, p over all traits tried (Holm), the index."""

    modality: str
    trait: str
    before: float
    after: float
    p: float
    psi: float

    @property
    def sentence(self) -> str:
        return f"{self.modality}: {self.trait} was {self.before:.2g}, is {self.after:.2g} (PSI {self.psi:.2f})"

    def as_json(self) -> dict[str, Any]:
        return {name: round(v, 6) if isinstance(v, float) else v for name, v in asdict(self).items()}


def modality_of(channel: Channel) -> str:
    """Where a channel's signs come from."""
    if channel in _OF_LOGS or channel in _OF_SPANS:
        return "logs" if channel in _OF_LOGS else "spans"
    return CHANGES if channel is Channel.changed else "metrics"


TRAITS: tuple[tuple[str, str], ...] = (
    *((modality_of(c), f"the strongest sign of {c.value.replace('_', ' ')}") for c in CHANNELS),
    *((m, f"whether there are {m}".replace("are graph", "is a call graph")) for m in MODALITIES),
    ("graph", "the number of services"),
    ("graph", "calls between services, for each service"),
)


def traits_of(board: Board) -> Floats:
    """One incident as numbers that mean the same in every system, in the order of ``TRAITS``."""
    strongest = board.signs.max(axis=0, initial=0.0)
    return np.array([*strongest, *board.seen.astype(float), float(len(board)), len(board.edges) / max(len(board), 1)])


def drifts(before: npt.ArrayLike, after: npt.ArrayLike) -> list[Drift]:
    """The traits that came to look different, beyond chance and by much; shapes (n, T) and (m, T)."""
    from scipy.stats import ks_2samp

    old, new = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    moves = [i for i in range(len(TRAITS)) if len(np.unique(np.concatenate([old[:, i], new[:, i]]))) > 1]
    p = holm([float(ks_2samp(old[:, i], new[:, i], method="asymp").pvalue) for i in moves])
    found = [Drift(*TRAITS[i], float(np.median(old[:, i])), float(np.median(new[:, i])), q, psi(old[:, i], new[:, i]))
             for i, q in zip(moves, p, strict=True)]  # fmt: skip
    return sorted((d for d in found if d.p < RISK and d.psi > LARGE), key=lambda d: (d.p, -d.psi))


def psi(before: Floats, after: Floats, *, bins: int = BINS) -> float:
    """The population stability index less what chance makes of it; 0 at least. Bins are quantiles of ``before``."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = []
    for values in (before, after):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    raw = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    return max(raw - len(edges) * (1 / len(before) + 1 / len(after)), 0.0)
