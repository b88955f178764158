"""Where a surge of traffic comes from: load travels from caller to callee, the other way than latency does.

A service that is slow, busy or failing because its callers send it many times the usual requests is not at
fault; the surge began at the topmost service that has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from models.features import ChangeScores, of_kind
from models.indicators import Kind

# A surge must be no small thing to excuse anything: half as much traffic again, and out of the ordinary.
MIN_GROWTH = 1.5
MIN_HARM = 3.0


def inherited_load(
    scores: ChangeScores, rows: npt.NDArray[np.intp], n_services: int, edges: npt.NDArray[np.intp]
) -> Floats:
    """How many times its usual load each service gets from callers that surge themselves; 1 where none, (services,).

    Args:
        rows: the service of each series, shape (K,).
        edges: (caller, callee) pairs of services, shape (E, 2).
    """
    growth = np.ones(n_services)
    surging = of_kind(scores.keys, Kind.traffic) & (scores.z > MIN_HARM) & (np.nan_to_num(scores.base) > 0)
    ratio = (scores.base[surging] + scores.change[surging]) / scores.base[surging]
    np.maximum.at(growth, rows[surging], ratio)
    growth[growth < MIN_GROWTH] = 1.0
    at_callers = np.ones(n_services)
    np.maximum.at(at_callers, edges[:, 1], growth[edges[:, 0]])
    return np.asarray(np.minimum(growth, at_callers))
