"""The Server Machine Dataset (Su et al., "OmniAnomaly", KDD 2019): 38 metrics a machine, a row a minute.

Two layouts are read: the original ``train/ test/ test_label/<machine>.txt`` (comma separated), and InterFusion's
``processed/<machine>_{train,test,test_label}.pkl``. The latter are pickles of plain arrays; an unpickler that
knows nothing but numpy's arrays opens them, so that a file can carry data and no code.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.series import Floats, LabelledSeries
from data.errors import InputError

MARKER = re.compile(r"(^|/)(processed/[^/]+_test_label\.pkl|test_label/[^/]+\.txt)$")
_STEP_S = 60.0
# What a pickled array is made of, and nothing else; numpy 1 and 2 call their module differently.
_ARRAY_PARTS = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype")}


def series(root: Path) -> Iterator[LabelledSeries]:
    """Every machine that has its three files, in order of name."""
    for labels in sorted(root.rglob("*_test_label.pkl")):
        machine = labels.name.removesuffix("_test_label.pkl")
        paths = [labels.with_name(f"{machine}_{part}.pkl") for part in ("train", "test", "test_label")]
        if all(path.exists() for path in paths):
            yield _machine(machine, *(read_array(path) for path in paths))
    for labels in sorted(root.rglob("test_label/*.txt")):
        paths = [labels.parents[1] / part / labels.name for part in ("train", "test", "test_label")]
        if all(path.exists() for path in paths):
            yield _machine(labels.stem, *(np.loadtxt(path, delimiter=",", ndmin=2) for path in paths))


def _machine(name: str, normal: Floats, values: Floats, labels: Floats) -> LabelledSeries:
    flat = np.asarray(labels).ravel().astype("int8")
    if len(flat) != len(values) or normal.shape[1:] != values.shape[1:]:
        raise InputError(f"{len(values)} rows, {len(flat)} labels, {normal.shape} normal: they differ", field=name)
    return LabelledSeries(name, np.asarray(values, float), flat, np.asarray(normal, float), _STEP_S)


def read_array(path: Path) -> Floats:
    """A pickled numpy array.

    Raises:
        InputError: if the file holds anything but an array.
    """
    try:
        array = _ArraysOnly(io.BytesIO(path.read_bytes())).load()
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"is not a pickled array: {error}", field=str(path)) from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"holds a {type(array).__name__}, not an array", field=str(path))
    return array


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name but those an array is made of."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an array")
        return super().find_class(module, name)
