"""How severe an alert or incident text sounds, before anything has been measured.

The shipped model (``severity.json``) is made by ``python -m pipelines.severity``; its card is in the same file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models.kept import load_kept
from models.severity.model import Assessment, SeverityModel, Term

__all__ = ["Assessment", "SeverityModel", "Term", "load", "shipped"]

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
    return load_kept(path, SeverityModel.from_json, "severity", "python -m pipelines.severity")
