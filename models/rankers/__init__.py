"""Rankers: from the board of one incident to a score for every service. Higher is more suspicious.

A ranker is data (numbers in arrays) and numpy: training may need more, ranking does not. Every kind has ``scores``,
``contributions`` that say which features made them, and a module with ``fit``; the kinds are in :data:`CATALOGUE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from data.errors import ModelError
from data.telemetry import Floats
from models.rankers.packed import Packed
from models.rankers.table import Table

__all__ = ["CATALOGUE", "Ranker", "fit", "from_arrays"]


class Ranker(Protocol):
    """Scores candidates of one incident. Scores are log-odds against one another: a softmax makes probabilities."""

    def scores(self, table: Table) -> Floats:
        """Shape (S,)."""
        ...

    def contributions(self, table: Table) -> Floats:
        """What each feature gave to each score beside the prior's part; shape (S, F)."""
        ...

    def arrays(self) -> dict[str, Any]:
        """Everything it knows, as arrays of numbers."""
        ...


# kind: module and class. The module's ``fit(packed, **options)`` learns one.
CATALOGUE: Mapping[str, tuple[str, str]] = {
    "prior": ("models.rankers.prior", "Prior"),
    "linear": ("models.rankers.linear", "Linear"),
    "boosted": ("models.rankers.boosted", "Boosted"),
    "network": ("models.rankers.network", "Network"),
}
# Not trained from scratch, but made of another by what people said of its answers.
_MADE_OF_ANOTHER = {"corrected": ("models.rankers.corrected", "Corrected")}


def fit(kind: str, data: Packed, **options: Any) -> Ranker:
    """A ranker of ``kind`` learned from ``data``.

    Raises:
        ModelError: for an unknown kind, or where what its training needs is not installed.
    """
    ranker: Ranker = import_module(_known(kind, CATALOGUE)[0]).fit(data, **options)
    return ranker


def from_arrays(kind: str, arrays: Mapping[str, Any]) -> Ranker:
    """The ranker whose ``arrays()`` these are."""
    module, name = _known(kind, {**CATALOGUE, **_MADE_OF_ANOTHER})
    ranker: Ranker = getattr(import_module(module), name).from_arrays(dict(arrays))
    return ranker


def _known(kind: str, kinds: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    if kind not in kinds:
        raise ModelError(f"unknown kind of ranker {kind!r}; choose one of {', '.join(kinds)}")
    return kinds[kind]
