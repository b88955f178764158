"""Attribution in closed form: every service follows its callees linearly, and its own disturbance is what is left.

With x = W x + r (W: how much each service follows each callee), the alerting service's value is a row of
(I - W)^-1 times the disturbances r. For a linear model the Shapley value of a disturbance's shift is exactly its
term in that sum, so no sampling is needed.
"""

from __future__ import annotations

import numpy as np

from data.telemetry import Floats
from models.causal.nodes import Nodes

# Of the callees' spread: keeps callees that move together from getting wild weights of opposite sign.
RIDGE = 0.1
# A shift of this many spreads of the disturbance is half convincing.
HALF = 3.0
# A steady disturbance still twitches by this share of the service's level.
LEVEL_SHARE = 0.03
_ROUNDS = 100


def linear_contributions(nodes: Nodes) -> dict[str, float]:
    """How much each service's own disturbance adds to what the target suffers, in usual spreads of the target.

    Never negative; 0 for disturbances that shrank. Shifts within the disturbance's ordinary variation are discounted.
    """
    follows = _fitted(nodes)
    before, now = (_disturbances(values, follows) for values in (nodes.normal, nodes.incident))
    shift = 0.5 * (np.median(now, axis=0) + now.mean(axis=0)) - np.median(before, axis=0)
    level = np.abs(np.median(nodes.normal, axis=0))
    z = shift / _scale(before, level)
    at = nodes.services.index(nodes.target)
    reach = np.linalg.solve((np.eye(len(follows)) - follows).T, np.eye(len(follows))[at])
    suffered = reach * shift * (z**2 / (z**2 + HALF**2)) / _scale(nodes.normal, level)[at]
    return {s: float(max(c, 0.0)) for s, c in zip(nodes.services, suffered, strict=True)}


def _fitted(nodes: Nodes) -> Floats:
    """How much each service (row) follows each callee (column): ridge regression, never negative, shape (N, N)."""
    column = {s: i for i, s in enumerate(nodes.services)}
    follows = np.zeros((len(column), len(column)))
    for service, callees in nodes.callees.items():
        if callees:
            of = [column[c] for c in callees]
            follows[column[service], of] = _follow(nodes.normal[:, column[service]], nodes.normal[:, of])
    return follows


def _follow(caller: Floats, callees: Floats) -> Floats:
    """Non-negative ridge weights by coordinate descent; outliers are drawn in first, for they would decide alone."""
    y, x = _centred(caller[:, None])[:, 0], _centred(callees)
    power = (x**2).sum(axis=0)
    penalty = RIDGE * power + 1e-12
    weights: Floats = np.zeros(x.shape[1])
    gram, towards = x.T @ x, x.T @ y
    for _ in range(_ROUNDS):
        for j in range(len(weights)):
            rest = towards[j] - gram[j] @ weights + power[j] * weights[j]
            weights[j] = max(rest / (power[j] + penalty[j]), 0.0)
    return weights


def _centred(values: Floats) -> Floats:
    low, middle, high = np.quantile(values, (0.02, 0.5, 0.98), axis=0)
    return np.asarray(np.clip(values, low, high) - middle)


def _disturbances(values: Floats, follows: Floats) -> Floats:
    return values - values @ follows.T


def _scale(values: Floats, level: Floats) -> Floats:
    """Ordinary variation of each column: the largest of IQR / 1.35, 0.3 standard deviations and 3 % of the level."""
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    spread = np.fmax((high - low) / 1.35, 0.3 * values.std(axis=0))
    return np.asarray(np.fmax(np.fmax(spread, LEVEL_SHARE * level), 1e-12))
