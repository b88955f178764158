"""Recorded incidents as bundles: ``<anything>/{alert.json, metrics.*, ..., truth.json}``.

The alert is the recorded one, so the delay option does not apply. Folder names tell the answer and are not used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from data.datasets.common import Case, Options, Truth, in_order_of_id, opaque_id
from data.errors import InputError
from data.sources.bundle import read_alert, read_telemetry

MARKER = re.compile(r"(^|/)alert\.json$")
HAS_ALERTS = True
_LABEL = "truth.json"


def cases(root: Path, options: Options) -> Iterator[Case]:
    """Every bundle below ``root``."""
    folders = sorted(path.parent for path in root.rglob("alert.json"))
    for case_id, folder in in_order_of_id((_id(folder), folder) for folder in folders):
        alert = read_alert(folder)
        telemetry = options.shown(alert, read_telemetry(folder))
        yield Case(case_id, "bundles", alert, telemetry, partial(_truth, folder / _LABEL))


def _id(folder: Path) -> str:
    parts = sorted(path for path in folder.iterdir() if path.is_file() and path.name != _LABEL)
    return opaque_id("bundles", *(path.read_bytes() for path in parts))


def _truth(path: Path) -> Truth:
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Truth(
            services=tuple(str(s) for s in raw["services"]),
            indicators=tuple(str(s) for s in raw.get("indicators", ())),
            changes=None if raw.get("changes") is None else tuple(str(c) for c in raw["changes"]),
            decoys=tuple(str(c) for c in raw.get("decoys", ())),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f'cannot be read as {{"services": [...], ...}}: {error!r}', field=str(path)) from error
