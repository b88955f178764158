"""Public root-cause data sets as cases: an alert, the telemetry around it, and a label sealed until after ranking.

``load(name, path)`` yields cases in an order that says nothing of the answers. One format a module; each has
``MARKER``, a pattern one of its files must match, ``HAS_ALERTS``, and ``cases(root, options)``. To add one: write
that module and name it in :data:`CATALOGUE`.

What no case holds: the time of the injection, the name of a fault, or a folder name. Where a data set has no
alert of its own, the alert fires ``delay_s`` after the fault began, on the service its users meet first, which
each module says how it finds. Telemetry runs to the end of the recording unless ``until_s`` cuts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError

if TYPE_CHECKING:
    from data.datasets.common import Case, Options, Truth

__all__ = ["CATALOGUE", "DEFAULT_DELAY_S", "Case", "Options", "Truth", "has_alerts", "load"]

DEFAULT_DELAY_S = 60.0
CATALOGUE = {
    "bundles": "data.datasets.bundles",
    "petshop": "data.datasets.petshop",
    "nezha": "data.datasets.nezha",
    "rcd": "data.datasets.rcd",
    "dycause": "data.datasets.dycause",
}


def load(name: str, path: Path, *, delay_s: float = DEFAULT_DELAY_S, until_s: float | None = None) -> Iterator[Case]:
    """The cases of one data set, each read when it is asked for.

    Args:
        name: a key of :data:`CATALOGUE`.
        path: the unpacked data set, its archive, or a folder that holds the archive.
        delay_s: seconds from the start of the fault to the alert, where the data set has no alert of its own.
        until_s: telemetry ends this many seconds after the alert; None keeps the whole recording.

    Raises:
        InputError: if the name is unknown, or ``path`` does not hold the data set. Raised by the call itself.
    """
    from data.datasets.archive import locate
    from data.datasets.common import Options

    if name not in CATALOGUE:
        raise InputError(f"unknown data set {name!r}; choose one of {', '.join(CATALOGUE)}", field="dataset")
    module = import_module(CATALOGUE[name])
    roots = locate(name, Path(path).expanduser(), module.MARKER)
    options = Options(delay_s=delay_s, until_s=until_s)
    return (case for root in roots for case in module.cases(root, options))


def has_alerts(name: str) -> bool:
    """Whether the data set says when its alerts fired; if not, ``delay_s`` does."""
    return bool(import_module(CATALOGUE[name]).HAS_ALERTS)


def __getattr__(name: str) -> Any:
    """The types, imported when asked for: whoever only lists the catalogue does not wait for pandas."""
    if name in {"Case", "Options", "Truth"}:
        return getattr(import_module("data.datasets.common"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
