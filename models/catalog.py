"""Every pluggable model by name. ``tests/models/test_catalog.py`` runs the same checks on each.

An entry names a recipe, ``module:attribute``, and what it needs installed; nothing is imported until it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from data.errors import ConfigError, ModelError


@dataclass(frozen=True)
class Entry:
    """One model: how it is made, what its fitted form is, and what has to be installed for it."""

    recipe: str
    fitted: str
    options: Mapping[str, Any]
    needs: tuple[str, ...] = ()


def _detector(module: str, recipe: str, fitted: str, needs: tuple[str, ...] = (), **options: Any) -> Entry:
    path = f"models.anomaly.{module}"
    return Entry(f"{path}:{recipe}", f"{path}:{fitted}", options, needs)


DEFAULT_DETECTOR = "neighbours"
DETECTORS: Mapping[str, Entry] = {
    "weighted": _detector("selector", "Selection", "FittedSelection"),
    "neighbours": _detector("neighbours", "Neighbours", "FittedNeighbours"),
    "global-z": _detector("robust", "GlobalZ", "FittedGlobal"),
    "causal-z": _detector("robust", "CausalZ", "FittedCausal"),
    "sub-pca": _detector("components", "Components", "FittedComponents", measure="residual"),
    "distance": _detector("components", "Components", "FittedComponents", measure="distance"),
    "row-pca": _detector("components", "Components", "FittedComponents", measure="residual", window=1),
    "row-distance": _detector("components", "Components", "FittedComponents", measure="distance", window=1),
    "seasonal": _detector("seasonal", "SeasonalResidual", "FittedSeasonal", ("statsmodels",)),
    "pyod-knn": _detector("windows_pyod", "PyodWindows", "FittedPyod", ("pyod",), kind="KNN"),
    "pyod-iforest": _detector("windows_pyod", "PyodWindows", "FittedPyod", ("pyod",), kind="IForest"),
    "sequence": _detector("sequence", "Sequence", "FittedSequence", ("torch",)),
}


def make(name: str, **options: Any) -> Any:
    """A recipe by name.

    Raises:
        ConfigError: if the name is unknown, or something it needs is not installed.
    """
    entry = _entry(name)
    missing = [package for package in entry.needs if find_spec(package) is None]
    if missing:
        raise ConfigError(f"model {name!r} needs {', '.join(missing)}; install the extra 'detectors' or the package")
    return _attribute(entry.recipe)(**{**entry.options, **options})


def restore(name: str, state: Mapping[str, Any]) -> Any:
    """The fitted model that ``state()`` described.

    Raises:
        ConfigError: if the name is unknown.
        ModelError: if the state is not one of this model.
    """
    entry = _entry(name)
    try:
        return _attribute(entry.fitted).from_state(dict(state))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"this is not the state of model {name!r}: {error}") from error


def _entry(name: str) -> Entry:
    if name not in DETECTORS:
        raise ConfigError(f"unknown model {name!r}; choose one of {', '.join(DETECTORS)}")
    return DETECTORS[name]


def _attribute(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
