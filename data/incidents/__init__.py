"""Incidents that ship with the project: each a bundle that was recorded, and the repository its commits live in."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from data.errors import StoreError
from data.incidents.history import HISTORY
from data.lab.repository import build_repository

_SHIPPED = "checkout-latency"


def shipped_incident() -> Path:
    """The folder of the incident a first run handles: checkout is slow, and a commit elsewhere is why."""
    # The project is installed as plain files, never run from a zip archive: pandas needs real paths.
    return Path(str(files("data.incidents").joinpath(_SHIPPED)))


def shipped_head() -> str:
    """The newest commit of the shipped repository, as recorded."""
    recorded = json.loads((shipped_incident() / "repository.json").read_text(encoding="utf-8"))
    return str(recorded["head"])


def build_shipped_repository(path: Path) -> None:
    """Write the git repository whose commits the shipped incident names; one that is there already is kept.

    Raises:
        StoreError: if ``path`` holds something else, or git made other commits than were recorded.
        ConfigError: if git is not installed.
    """
    recorded = json.loads((shipped_incident() / "repository.json").read_text(encoding="utf-8"))
    ids = build_repository(path, datetime.fromisoformat(recorded["end"]), HISTORY)
    if recorded["head"] not in ids.values():
        raise StoreError(f"the shop's history no longer leads to the recorded commit {recorded['head']}; record again")
