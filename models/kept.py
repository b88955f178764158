"""A model kept as data in a JSON file, ``{"state", "digest", ...}``: what was changed since it was made is not used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from data.errors import ModelError

M = TypeVar("M")


def load_kept(path: Path, from_json: Callable[[Any], M], what: str, made_by: str) -> M:
    """The model that ``from_json`` makes of the state kept at ``path``.

    Args:
        what: the kind of model, for the error.
        made_by: the command that makes it, for the error.

    Raises:
        ModelError: if it is not there, is not such a model, or was changed since it was made.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        state, expected = kept["state"], kept["digest"]
        if digest(state) != expected:
            raise ModelError(f"{path}: is not as it was made (its digest differs); install the package again")
        return from_json(state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is not a {what} model ({error!r}); make it with `{made_by}`") from error


def digest(state: Any) -> str:
    """SHA-256 of a model's state, in a form that does not depend on how the file is laid out."""
    return hashlib.sha256(json.dumps(state, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
