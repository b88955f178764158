"""Training data: boards with the guilty rows marked, many in one file of plain arrays.

No name, text or time of day is kept: what is learned from a system cannot be its names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import InputError
from models.grouped import NONE
from models.rankers.board import CHANNELS, KINDS, Board

_ROWS = ("signs", "trusted", "rises", "falls", "first")


@dataclass(frozen=True, eq=False)
class Example:
    """One view of one incident.

    Attributes:
        case: views of the same incident, and the same incident shown otherwise, share this number.
        share: the probability of this view among those of its showing; they sum to one over ``showing``.
        showing: one way in which the incident is shown (an alert delay, a modality left out); unique in a file.
        blind_spots: how many kinds of telemetry could not be seen.
        guilty: which services did it; none where nothing was wrong. Shape (S,).
        lost: the culprit is none of the services at all.
    """

    board: Board
    case: int
    showing: int
    share: float
    blind_spots: int
    guilty: npt.NDArray[np.bool_]
    lost: bool = False


def save(path: Path, examples: Sequence[Example], *, system: str, digest: str) -> None:
    """Write all ``examples`` of one system as one npz; ``digest`` names what they were made from."""
    boards = [e.board for e in examples]
    arrays: dict[str, npt.NDArray[np.generic]] = {
        **{name: np.concatenate([getattr(b, name) for b in boards]).astype(np.float32) for name in _ROWS},
        "guilty": np.concatenate([e.guilty for e in examples]),
        "rows": np.array([len(b) for b in boards]),
        "edges": np.concatenate([b.edges for b in boards]).astype(np.int32),
        "n_edges": np.array([len(b.edges) for b in boards]),
        "seen": np.array([b.seen for b in boards]),
        "host": np.concatenate([_hosts(b) for b in boards]).astype(np.int32),
        "channels": np.array([str(c) for c in CHANNELS]),
        "kinds": np.array([str(k) for k in KINDS]),
        "system": np.array(system),
        "digest": np.array(digest),
    }
    for name in ("alerting", "watched"):
        arrays[name] = np.array([getattr(b, name) for b in boards])
    for name in ("case", "showing", "share", "blind_spots", "lost"):
        arrays[name] = np.array([getattr(e, name) for e in examples])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes its own keyword for a bool


def _hosts(board: Board) -> npt.NDArray[np.intp]:
    return board.host if len(board.host) else np.full(len(board), NONE)


def digest_of(path: Path) -> str:
    """What the examples of a file were made from; empty where there is none."""
    if not path.exists():
        return ""
    with np.load(path) as arrays:
        return str(arrays["digest"])


def load(path: Path) -> tuple[str, list[Example]]:
    """The system, and its examples.

    Raises:
        InputError: if the file was made when boards showed other things; prepare it again.
    """
    with np.load(path) as arrays:
        a = dict(arrays)
    known = list(a["channels"]) == [str(c) for c in CHANNELS] and list(a["kinds"]) == [str(k) for k in KINDS]
    if not known or "host" not in a:
        raise InputError("was prepared with other channels; run pipelines.prepare again", field=str(path))
    rows, edges = (np.concatenate([[0], np.cumsum(a[name])]) for name in ("rows", "n_edges"))
    tables = {name: a[name].astype(float) for name in _ROWS}
    examples = []
    for i in range(len(a["rows"])):
        mine = slice(rows[i], rows[i + 1])
        board = Board(
            services=tuple(map(str, range(a["rows"][i]))),
            **{name: tables[name][mine] for name in _ROWS},
            edges=a["edges"][edges[i] : edges[i + 1]].astype(np.intp),
            alerting=int(a["alerting"][i]),
            watched=int(a["watched"][i]),
            seen=a["seen"][i],
            host=a["host"][mine].astype(np.intp),
        )
        examples.append(
            Example(board, int(a["case"][i]), int(a["showing"][i]), float(a["share"][i]), int(a["blind_spots"][i]),
                    a["guilty"][mine], bool(a["lost"][i]))
        )  # fmt: skip
    return str(a["system"]), examples
