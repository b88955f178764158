"""Every pluggable model by name. ``tests/models/test_catalog.py`` runs the same checks on each.

An entry names a recipe, ``module:attribute``, and what it needs installed; nothing is imported until it is made.
Rankers are in a catalogue of their own, :mod:`models.rankers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

from data.errors import ConfigError, ModelError

T = TypeVar("T")


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

# ``(past, origins)`` to the probability of a breach for each origin. ``learned`` is the one that ships.
FORECASTERS: Mapping[str, str] = {
    "learned": "models.forecast:learned",
    "predict_linear": "models.forecast.baselines:predict_linear",
    "seasonal frequency": "models.forecast.baselines:seasonal_frequency",
    "ETS": "models.forecast.baselines:exponential_smoothing",
}
# What ships as data: its class (``as_json`` and ``from_json``), and the function that loads it.
SHIPPED: Mapping[str, tuple[str, str]] = {
    "breach": ("models.forecast.model:BreachModel", "models.forecast:shipped"),
    "impact": ("models.impact:ImpactWeights", "models.impact:shipped_weights"),
    "severity": ("models.severity:SeverityModel", "models.severity:shipped"),
}


def forecaster(name: str) -> Any:
    """A forecaster by name.

    Raises:
        ConfigError: if the name is unknown.
    """
    return _attribute(_known(name, FORECASTERS))


def shipped(name: str) -> Any:
    """A model that ships, by name.

    Raises:
        ConfigError: if the name is unknown.
        ModelError: if it is not there, or was changed since it was made.
    """
    return _attribute(_known(name, SHIPPED)[1])()


def restore_shipped(name: str, state: Mapping[str, Any]) -> Any:
    """The model that ``as_json()`` described.

    Raises:
        ConfigError: if the name is unknown.
        ModelError: if the state is not one of this model.
    """
    kind = _attribute(_known(name, SHIPPED)[0])
    return _restored(name, kind.from_json, state)


def make(name: str, **options: Any) -> Any:
    """A recipe by name.

    Raises:
        ConfigError: if the name is unknown, or something it needs is not installed.
    """
    entry = _known(name, DETECTORS)
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
    return _restored(name, _attribute(_known(name, DETECTORS).fitted).from_state, dict(state))


def _restored(name: str, build: Callable[[Any], Any], state: Mapping[str, Any]) -> Any:
    try:
        return build(state)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"this is not the state of model {name!r}: {error!r}") from error


def _known(name: str, catalogue: Mapping[str, T]) -> T:
    if name not in catalogue:
        raise ConfigError(f"unknown model {name!r}; choose one of {', '.join(catalogue)}")
    return catalogue[name]


def _attribute(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
