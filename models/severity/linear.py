"""A linear model over sets of features whose weights can be read: log-count ratios, then logistic regression.

Each feature is first scaled by how much oftener it occurs with the label than without (the naive Bayes log-count
ratio), then a logistic regression learns how far to trust it: NBSVM of Wang and Manning, "Baselines and Bigrams",
ACL 2012, with the logistic loss, so that it yields probabilities. Few texts suffice, and every term can be shown.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.telemetry import Floats

Features = frozenset[str]
SMOOTHING = 1.0


@dataclass(frozen=True)
class Weight:
    """A feature's log-count ratio, and what the regression makes of it."""

    ratio: float
    factor: float


@dataclass(frozen=True)
class Linear:
    """``log-odds = bias + sum of ratio * factor / length`` over the features present that are known.

    ``length`` is the Euclidean length of the ratios present, so that a long text is not surer than a short one.
    """

    bias: float
    weights: Mapping[str, Weight]

    def terms(self, features: Features) -> dict[str, float]:
        """What each known feature adds to the log-odds, strongest first."""
        known = {name: self.weights[name] for name in features if name in self.weights}
        length = math.sqrt(sum(w.ratio**2 for w in known.values())) or 1.0
        added = {name: w.ratio * w.factor / length for name, w in known.items()}
        return dict(sorted(added.items(), key=lambda item: (-abs(item[1]), item[0])))

    def log_odds(self, features: Features) -> float:
        return self.bias + math.fsum(self.terms(features).values())

    def probability(self, features: Features) -> float:
        return 1.0 / (1.0 + math.exp(-self.log_odds(features)))

    @property
    def words(self) -> list[str]:
        return sorted(self.weights)

    def as_json(self) -> dict[str, Any]:
        """The numbers, in the order of :attr:`words`, which are kept apart: several models share them."""
        kept = [self.weights[word] for word in self.words]
        return {"bias": self.bias, "ratios": [w.ratio for w in kept], "factors": [w.factor for w in kept]}

    @classmethod
    def from_json(cls, words: Sequence[str], state: Mapping[str, Any]) -> Linear:
        rows = zip(words, state["ratios"], state["factors"], strict=True)
        return cls(float(state["bias"]), {word: Weight(float(r), float(f)) for word, r, f in rows})


def fit(
    texts: Sequence[Features],
    labels: Sequence[bool],
    *,
    groups: Sequence[str],
    weights: Sequence[float],
    least_groups: int,
    strength: float,
) -> Linear:
    """The model learned from ``texts``; needs scikit-learn.

    Args:
        groups: where each text comes from; a feature is kept when at least ``least_groups`` of them have it.
        weights: how much each text counts.
        strength: scikit-learn's ``C``; higher trusts the texts more.
    """
    from scipy.sparse import csr_matrix, diags
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    seen: defaultdict[str, set[str]] = defaultdict(set)
    for text, group in zip(texts, groups, strict=True):
        for name in text:
            seen[name].add(group)
    column = {name: j for j, name in enumerate(sorted(n for n, found in seen.items() if len(found) >= least_groups))}
    cells = [(i, column[name]) for i, text in enumerate(texts) for name in sorted(text) if name in column]
    rows, columns = zip(*cells, strict=True) if cells else ((), ())
    present = csr_matrix((np.ones(len(cells)), (rows, columns)), shape=(len(texts), len(column)))
    truth, share = np.asarray(labels, dtype=float), np.asarray(weights, dtype=float)
    ratios = _log_count_ratio(present.T @ (share * truth), present.T @ (share * (1 - truth)), share, truth)
    scaled = normalize(present @ diags(ratios))
    learned = LogisticRegression(C=strength, max_iter=3000).fit(scaled, truth > 0, sample_weight=share)
    factors = learned.coef_[0]
    kept = {name: Weight(round(float(ratios[j]), 2), round(float(factors[j]), 2)) for name, j in column.items()}
    return Linear(round(float(learned.intercept_[0]), 4), kept)


def _log_count_ratio(with_it: Floats, without: Floats, share: Floats, truth: Floats) -> Floats:
    positive = (with_it + SMOOTHING) / (share @ truth + 2 * SMOOTHING)
    negative = (without + SMOOTHING) / (share @ (1 - truth) + 2 * SMOOTHING)
    return np.asarray(np.log(positive / negative))
