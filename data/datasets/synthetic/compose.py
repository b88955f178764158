"""One incident from one seed: a system, its everyday life, what went wrong, who noticed, and what was recorded.

The order of the steps is that of the world: a fault is put into a system that has a life of its own, a monitor that
knows nothing of it raises the alert, and only then is the recording cut. Whatever is drawn after the fault treats
the struck node like every other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.datasets.common import Case
from data.datasets.synthetic.faults import KINDS, NO_INCIDENT
from data.datasets.synthetic.recording import record
from data.datasets.synthetic.series import draw_series
from data.datasets.synthetic.trouble import draw_kinds, draw_trouble
from data.datasets.synthetic.world import draw_world
from data.errors import InputError

SMALLEST, LARGEST = 5, 1000


def synthesize(seed: int | Sequence[int], *, services: tuple[int, int] = (5, 20), kind: str | None = None) -> Case:
    """One incident, the same for the same arguments.

    ``case.truth()`` is a :class:`~data.datasets.synthetic.recording.KnownTruth`.

    Args:
        services: the fewest and the most nodes the system may have; its size is uniform between in logarithm.
        kind: a key of :data:`~data.datasets.synthetic.faults.KINDS` or ``no_incident``; None draws one.

    Raises:
        InputError: if the arguments make no sense.
    """
    _check(services, kind)
    rng = np.random.default_rng(seed)
    world = draw_world(rng, services)
    kinds = draw_kinds(rng, world.shape, kind)
    history, trouble = draw_trouble(rng, world, kinds)
    series = draw_series(rng, world.shape, world.plant, trouble.state, trouble.effects, world.clock.step_s)
    return record(rng, world, history, trouble, series, seed)


def _check(services: tuple[int, int], kind: str | None) -> None:
    if not SMALLEST <= services[0] <= services[1] <= LARGEST:
        raise InputError(f"must be A-B with {SMALLEST} <= A <= B <= {LARGEST}", field="services")
    if kind is not None and kind not in (*KINDS, NO_INCIDENT):
        raise InputError(f"unknown kind {kind!r}; choose from {', '.join((*KINDS, NO_INCIDENT))}", field="kind")
