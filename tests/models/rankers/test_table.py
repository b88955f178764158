"""The feature table means the same whatever services are called, however many there are and whatever is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from models.base import Channel
from models.grouped import NONE
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.table import NAMES, supported, table_of

MakeBoard = Callable[..., Board]


def shuffled(board: Board, order: np.ndarray) -> Board:
    """The same board with its rows in another order."""
    place = np.argsort(order)
    rows = {name: getattr(board, name)[order] for name in ("signs", "trusted", "rises", "falls", "first", "host")}
    names = tuple(board.services[i] for i in order)
    return replace(board, services=names, edges=place[board.edges], alerting=int(place[board.alerting]), **rows)


@pytest.mark.parametrize("seed", range(5))
def test_permuting_the_services_permutes_the_rows(board: MakeBoard, seed: int) -> None:
    one = board(seed, size=9)
    order = np.random.default_rng(seed).permutation(9)
    straight, other = table_of(one), table_of(shuffled(one, order))
    assert other.values == pytest.approx(straight.values[order])
    assert other.prior == pytest.approx(straight.prior[order])


def test_names_do_not_matter(board: MakeBoard) -> None:
    one = board(3)
    other = replace(one, services=tuple(f"renamed-{i}" for i in range(len(one))))
    assert np.array_equal(table_of(one).values, table_of(other).values)


def test_it_is_deterministic_and_leaves_the_board_alone(board: MakeBoard) -> None:
    one, untouched = board(4), board(4)
    assert np.array_equal(table_of(one).values, table_of(one).values)
    for field in fields(Board):
        mine, before = getattr(one, field.name), getattr(untouched, field.name)
        assert np.array_equal(mine, before, equal_nan=field.name == "first")


@pytest.mark.parametrize("size", [1, 2, 5, 300])
def test_any_number_of_services_gives_the_same_ranges(board: MakeBoard, size: int) -> None:
    values = table_of(board(size, size=size, edges=3 * size)).values
    assert values.shape == (size, len(NAMES))
    bounded = values[:, [i for i, name in enumerate(NAMES) if name not in ("above", "below", "peak", "many")]]
    assert np.isfinite(values).all()
    assert (bounded >= 0).all()
    assert (bounded <= 1).all()


def test_a_board_on_which_nothing_shows_gives_no_candidate(board: MakeBoard) -> None:
    empty = board(1)
    empty = replace(
        empty,
        signs=np.zeros_like(empty.signs),
        rises=np.zeros((6, len(KINDS))),
        first=np.full(6, np.nan),
        edges=np.empty((0, 2), np.intp),
        alerting=-1,
        seen=np.zeros(4, bool),
    )
    table = table_of(empty)
    assert np.isfinite(table.values).all()
    assert not supported(table).any()
    assert (table.prior == 0).all()


def test_missing_channels_leave_the_others_as_they_are(board: MakeBoard) -> None:
    """No spans and no logs: their columns are zero, and the shares of metrics do not move."""
    whole = board(2)
    metrics = [i for i, c in enumerate(CHANNELS) if c in ("latency", "cpu", "errors")]
    less = replace(whole, signs=np.where(np.isin(np.arange(len(CHANNELS)), metrics), whole.signs, 0.0))
    kept = [i for i, name in enumerate(NAMES) if name in ("share:latency", "share:cpu", "size:errors", "rise:latency")]
    gone = [i for i, name in enumerate(NAMES) if name in ("share:gap", "size:new_logs", "lead:own_time")]
    assert np.array_equal(table_of(less).values[:, kept], table_of(whole).values[:, kept])
    assert (table_of(less).values[:, gone] == 0).all()


def test_the_first_to_deviate_is_the_earliest(board: MakeBoard) -> None:
    one = replace(board(0, size=4), first=np.array([30.0, np.nan, 5.0, 30.0]))
    early = table_of(one).values[:, NAMES.index("early")]
    assert early[2] == 1.0 > early[0] == early[3] > early[1] == 0.0


def test_a_neighbour_is_another_service_on_the_same_host(board: MakeBoard) -> None:
    cpu = CHANNELS.index(Channel.cpu)
    one = replace(board(0, size=4), trusted=np.ones((4, len(CHANNELS))), host=np.array([1, 1, 0, NONE]))
    one.signs[:, cpu] = [9.0, 1.0, 5.0, 5.0]
    table = table_of(one)
    share, beside = (table.values[:, NAMES.index(f"{what}:cpu")] for what in ("share", "host"))
    assert beside.tolist() == [share[1], share[0], 0.0, 0.0], "alone on its host, or on an unknown one"
    unknown = table_of(replace(one, host=np.empty(0, dtype=np.intp)))
    assert not unknown.values[:, NAMES.index("host:cpu")].any()


def test_a_walk_from_the_alerting_service_goes_towards_evidence(board: MakeBoard) -> None:
    one = board(0, size=4)
    one = replace(one, signs=np.zeros_like(one.signs), alerting=0, edges=np.array([[0, 1], [0, 2]]))
    one.signs[2, CHANNELS.index("own_time")] = 20.0
    walk = table_of(one).values[:, NAMES.index("walk")]
    assert walk[2] > walk[1] > 0
