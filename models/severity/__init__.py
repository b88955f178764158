"""How severe an alert or incident text sounds, before anything has been measured.

The shipped model (``severity.json``) is made by ``python -m pipelines.severity``; its card is in the same file.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from data.errors import ModelError
from models.severity.model import Assessment, SeverityModel, Term

__all__ = ["Assessment", "SeverityModel", "Term", "digest", "load", "shipped"]

SHIPPED = Path(__file__).with_name("severity.json")


@cache
def shipped() -> SeverityModel:
    """The model that comes with the package."""
    return load(SHIPPED)


def load(path: Path) -> SeverityModel:
    """The model kept at ``path``.

    Raises:
        ModelError: if it is not there, is not such a model, or was changed since it was made.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        state, expected = kept["state"], kept["digest"]
        if digest(state) != expected:
            raise ModelError(f"{path}: is not as it was made (its digest differs); install the package again")
        return SeverityModel.from_json(state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: is not a severity model ({error!r}); make it with `python -m pipelines.severity`"
        ) from error


def digest(state: Any) -> str:
    """SHA-256 of a model's state, in a form that does not depend on how the file is laid out."""
    return hashlib.sha256(json.dumps(state, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
