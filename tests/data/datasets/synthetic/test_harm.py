"""What users had of it: counted at the entries alone, over all requests, failed or slow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from data.datasets.synthetic import synthesize
from data.datasets.synthetic.harm import share_harmed

CALM, LENGTH = 50, 100


@dataclass
class Entries:
    """As much of a shape as is looked at: two of three nodes are met by users."""

    entries: tuple[int, ...] = (0, 2)


@dataclass
class Seen:
    """As much of a state as is looked at: all is well, until a test says otherwise."""

    latency: np.ndarray
    errors: np.ndarray
    rate: np.ndarray

    @classmethod
    def calm(cls) -> Seen:
        return cls(np.full((3, LENGTH), 0.1), np.zeros((3, LENGTH)), np.tile([[10.0], [10.0], [30.0]], LENGTH))


def harmed(state: Seen, start: int = CALM, end: int = LENGTH) -> float:
    return share_harmed(Entries(), state, start, end, CALM)  # type: ignore[arg-type]


def test_nobody_is_harmed_while_all_is_as_usual() -> None:
    assert harmed(Seen.calm()) == pytest.approx(0.0, abs=1e-12)


def test_failures_count_by_how_many_requests_there_are() -> None:
    state = Seen.calm()
    state.errors[2, CALM:] = 0.4
    assert harmed(state) == pytest.approx(0.4 * 30 / 40)


def test_what_users_do_not_meet_does_not_count() -> None:
    state = Seen.calm()
    state.errors[1, CALM:] = 1.0
    state.latency[1, CALM:] = 60.0
    assert harmed(state) == pytest.approx(0.0, abs=1e-12)


def test_at_four_times_the_usual_time_half_are_too_slow_and_soon_all() -> None:
    state = Seen.calm()
    state.latency[:, CALM:] = 0.4
    assert harmed(state) == pytest.approx(0.5, abs=0.01)
    state.latency[:, CALM:] = 4.0
    assert harmed(state) > 0.99
    state.errors[:, CALM:] = 0.5
    assert harmed(state) <= 1.0


def test_only_the_time_it_lasted_counts() -> None:
    state = Seen.calm()
    state.errors[:, 90:] = 1.0
    assert harmed(state, 50, 90) == pytest.approx(0.0, abs=1e-12)
    assert harmed(state, 80, 100) == pytest.approx(0.5)


def test_made_incidents_harm_anything_from_nobody_to_everybody() -> None:
    found = [synthesize((5, n)).truth().harmed for n in range(30)]  # type: ignore[attr-defined]
    assert all(0 <= share <= 1 for share in found)
    assert min(found) < 0.01 < 0.2 < max(found)
