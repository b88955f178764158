"""What the last look at the champion found, kept for whoever opens a page: drift, calibration, slices, the decision."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from data.domain import Noun, Utc, now
from data.registry import Registry
from pipelines.drift import input_drift
from pipelines.feedback import Boards
from pipelines.live import Gap
from pipelines.report_slices import raise_alerts, slice_report


class DriftFound(Noun):
    """One trait of the incidents that came to look different since the newest version was made."""

    modality: str
    trait: str
    before: float
    after: float
    p: float
    psi: float


class Reviewed(Noun):
    """One round of the schedule.

    Attributes:
        calibration: how sure and how right the champion was, in a sentence; says so where too little is known.
        drift: by trait, the clearest first.
        worse: the slices that are served worse than others, in sentences.
    """

    at: Utc
    decision: str
    because: str
    calibration: str
    drift: tuple[DriftFound, ...] = ()
    worse: tuple[str, ...] = ()


def keep(boards: Boards, registry: Registry, gap: Gap | None, decision: str, because: str) -> Reviewed:
    """Look at slices and inputs, put on record who is served worse, and keep what was found."""
    last = registry.entries()[-1]
    drifted = input_drift(boards, datetime.fromisoformat(last.made_at)) if last.made_at else []
    report = slice_report(boards.files)
    raise_alerts(boards.files.store.engine, report)
    found = Reviewed(
        at=now(),
        decision=decision,
        because=because,
        calibration=gap.sentence
        if gap
        else "too few diagnoses were judged to tell how well its confidence is borne out",
        drift=tuple(DriftFound(**drift.as_json()) for drift in drifted),
        worse=report.alerts,
    )
    path = _path(registry)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return found


def last_review(registry: Registry) -> Reviewed | None:
    """None where nobody has looked yet, or what is kept cannot be read."""
    try:
        return Reviewed.model_validate_json(_path(registry).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def _path(registry: Registry) -> Path:
    return registry.folder / "review.json"
