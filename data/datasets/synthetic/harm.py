"""What users had of it: the share of their requests that went wrong while the trouble lasted.

Computed from the state of the system, which no recording shows: users' requests are those at the entries, all of
them are counted, and there are no gaps. It is what an incident's severity should follow, whatever was recorded.
"""

from __future__ import annotations

import numpy as np

from data.datasets.synthetic.dynamics import State
from data.datasets.synthetic.shapes import Shape

# A request that takes four times as long as usual is as good as failed: that is how Apdex counts, too ("frustrated").
SLOW = 4.0
# How widely single requests scatter around their mean: at the limit itself, half of them are beyond it.
_STEEPNESS = 3.0


def share_harmed(shape: Shape, state: State, start: int, end: int, calm: int) -> float:
    """In [0, 1]: of all requests users sent from sample ``start`` to ``end``, those that failed or were slow.

    Args:
        calm: how many samples at the beginning tell what is usual.
    """
    entries = list(shape.entries)
    usual = np.median(state.latency[entries, :calm], axis=1, keepdims=True)
    lasted = np.s_[start : max(end, start + 1)]
    latency, errors = state.latency[entries][:, lasted], state.errors[entries][:, lasted]
    slow = 1.0 / (1.0 + (SLOW * usual / np.maximum(latency, 1e-12)) ** _STEEPNESS)
    # What is usual is usually slow for some: only what is beyond that was done to them.
    usually = 1.0 / (1.0 + SLOW**_STEEPNESS)
    slow = np.clip((slow - usually) / (1.0 - usually), 0.0, 1.0)
    sent = state.rate[entries][:, lasted]
    return float(np.average(1.0 - (1.0 - errors) * (1.0 - slow), weights=sent))
