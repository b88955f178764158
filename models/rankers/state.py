"""A ranker on disk: one JSON file of numbers, with a digest that covers them and a card that says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.errors import ModelError
from models.confidence import Confidence
from models.kept import digest
from models.rankers import Ranker, from_arrays
from models.rankers.table import NAMES

CHAMPION = Path(__file__).resolve().parent.parent / "champion.json"
# Enough for every figure to be the same; the file stays small and is the same on every machine.
DIGITS = 6
_BY_FEATURE = ("weights", "weight_0")


class Champion(NamedTuple):
    """A ranker, and how its scores become probabilities."""

    ranker: Ranker
    confidence: Confidence


def dump(path: Path, kind: str, ranker: Ranker, confidence: Confidence | None, card: Mapping[str, Any]) -> str:
    """Write a ranker; returns its digest. ``card`` is free text and figures for people."""
    arrays = {name: _plain(array) for name, array in ranker.arrays().items()}
    state = {"kind": kind, "features": list(NAMES), "arrays": arrays,
             "confidence": asdict(confidence) if confidence else None}  # fmt: skip
    made = digest(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_lines({"digest": made, "card": dict(card), **state}), encoding="utf-8")
    return made


def read(path: Path) -> tuple[str, Ranker, Confidence | None, dict[str, Any]]:
    """The kind, the ranker, its confidence (None before calibration) and its card.

    Features that have come since are ignored by it; those that have gone count as zero.

    Raises:
        ModelError: where the file is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        state = {name: document[name] for name in ("kind", "features", "arrays", "confidence")}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path.name} holds no ranker ({error!r}); make one with python -m pipelines.train") from error
    if digest(state) != document["digest"]:
        raise ModelError(f"{path.name} is not what its digest says; make it again with python -m pipelines.train")
    arrays = {name: np.asarray(values) for name, values in state["arrays"].items()}
    ranker = from_arrays(state["kind"], _on_todays_features(arrays, state["features"]))
    confidence = Confidence(**state["confidence"]) if state["confidence"] else None
    return state["kind"], ranker, confidence, document["card"]


@lru_cache(maxsize=1)
def champion() -> Champion:
    """The ranker that ships."""
    _, ranker, confidence, _ = read(CHAMPION)
    if confidence is None:
        raise ModelError(f"{CHAMPION.name} has not been calibrated; run python -m pipelines.calibrate")
    return Champion(ranker, confidence)


def _plain(array: Any) -> Any:
    values = np.asarray(array)
    if values.dtype.kind in "iub":
        return values.tolist()
    return np.vectorize(lambda x: float(f"{x:.{DIGITS}g}"), otypes=[float])(values).tolist()


def _on_todays_features(arrays: dict[str, Any], features: list[str]) -> dict[str, Any]:
    """Rows of per-feature weights put in the order of NAMES; split features of trees likewise."""
    if features == list(NAMES):
        return arrays
    old = {name: i for i, name in enumerate(features)}
    for name in _BY_FEATURE:
        if name in arrays:
            weights = arrays[name]
            zero = np.zeros_like(weights[0])
            arrays[name] = np.array([weights[old[n]] if n in old else zero for n in NAMES])
    if "feature" in arrays:
        new = {name: i for i, name in enumerate(NAMES)}
        gone = sorted({features[i] for i in arrays["feature"] if i >= 0} - set(new))
        if gone:
            raise ModelError(f"its trees split on features there are no more: {', '.join(gone)}; train it again")
        arrays["feature"] = np.array([new[features[i]] if i >= 0 else i for i in arrays["feature"]])
    return arrays


def _lines(document: Mapping[str, Any]) -> str:
    """JSON with one line a top-level entry and one an array: readable, and short in a diff."""
    entries = []
    for key, value in document.items():
        if key in ("arrays", "card"):
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            entries.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            entries.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(entries) + "\n}\n"
