"""Boards small enough to make by hand, and incidents whose culprit shows in one channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.base import Channel
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.examples import Example

MakeBoard = Callable[..., Board]


def random_board(seed: int, size: int = 6, edges: int = 8) -> Board:
    rng = np.random.default_rng(seed)
    shape = (size, len(CHANNELS))
    pairs = rng.integers(0, size, size=(edges if size > 1 else 0, 2))
    return Board(
        services=tuple(f"s{i}" for i in range(size)),
        signs=np.where(rng.random(shape) < 0.3, rng.gamma(1.0, 3.0, shape), 0.0),
        trusted=rng.choice([0.5, 1.0], size=shape),
        rises=rng.gamma(1.0, 2.0, (size, len(KINDS))),
        falls=rng.gamma(1.0, 1.0, (size, len(KINDS))),
        first=np.where(rng.random(size) < 0.5, rng.uniform(0, 300, size), np.nan),
        edges=np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).astype(np.intp).reshape(-1, 2),
        alerting=int(rng.integers(size)),
        watched=int(rng.integers(len(KINDS))),
        seen=rng.random(4) < 0.7,
        host=rng.integers(-1, 3, size),
    )


def planted_examples(count: int, seed: int, channel: Channel = Channel.lost_logs) -> list[Example]:
    """The culprit stands out in ``channel``, which the hand-made weights think little of."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        board = random_board(int(rng.integers(2**31)), size=int(rng.integers(4, 9)))
        guilty = np.zeros(len(board), bool)
        guilty[rng.integers(len(board))] = True
        board.signs[:, CHANNELS.index(channel)] = np.where(guilty, 12.0, rng.gamma(1.0, 1.0, len(board)))
        found.append(Example(board, number, number, 1.0, 0, guilty))
    return found


@pytest.fixture
def board() -> MakeBoard:
    return random_board


@pytest.fixture
def planted() -> Callable[..., list[Example]]:
    return planted_examples
