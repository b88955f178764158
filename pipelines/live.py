"""Live: how the champion does since it is one, and whether there is reason to retrain.

Judged by what people said of its diagnoses, so by far fewer incidents than it saw; and those that somebody looks into
are not a fair sample. So only what chance does not explain counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from data.domain import Diagnosis, IncidentStatus
from data.registry import Registry
from data.store import Store
from data.telemetry import Floats
from models.metrics import Interval, bootstrap
from pipelines.drift import ENOUGH_TO_COMPARE, input_drift
from pipelines.feedback import Boards, LabelledCase

# With fewer answers known to be right or wrong, no interval is narrow enough to act on.
FEWEST = 10
# So much surer than right, beyond noise, is too sure.
TOO_SURE = 0.05
DRIFT_RISK = 0.01


@dataclass(frozen=True)
class Gap:
    """Accuracy less confidence over the diagnoses of the champion; below zero it is too sure of itself."""

    version: int
    gap: Interval
    before: float | None
    incidents: int

    @property
    def is_worse(self) -> bool:
        """Too sure beyond noise, and more so than whoever was champion before, where that is known."""
        return self.gap.high < -TOO_SURE and (self.before is None or self.gap.value < self.before)

    @property
    def figures(self) -> dict[str, Any]:
        before = None if self.before is None else round(self.before, 3)
        return {"version": self.version, "incidents": self.incidents, "gap": round(self.gap.value, 3),
                "low": round(self.gap.low, 3), "high": round(self.gap.high, 3), "before": before}  # fmt: skip

    @property
    def sentence(self) -> str:
        return (f"version {self.version} is {-self.gap.value:.0%} surer than right on {self.incidents} diagnoses that "
                f"people judged ({-self.gap.high:.0%} to {-self.gap.low:.0%})")  # fmt: skip


def calibration_gap(registry: Registry, cases: Sequence[LabelledCase]) -> Gap | None:
    """How well the champion's confidence is borne out since it is champion; None while too little is known."""
    aliases = registry.aliases()
    mine = _gaps([case for case in cases if aliases.since is None or case.incident.opened_at >= aliases.since])
    theirs = _gaps([case for case in cases if aliases.since is not None and case.incident.opened_at < aliases.since])
    if len(mine) < FEWEST:
        return None
    before = float(theirs.mean()) if len(theirs) >= FEWEST else None
    return Gap(aliases.champion, bootstrap(mine.tolist()), before, len(mine))


def _gaps(cases: Sequence[LabelledCase]) -> Floats:
    return np.array([float(c.was_right) - c.confidence for c in cases if c.was_right is not None])


def reason_to_retrain(
    boards: Boards, registry: Registry, cases: Sequence[LabelledCase], gap: Gap | None, *, enough: int
) -> str | None:
    """A sentence, or None where there is none: new labels, calibration that drifts, inputs or answers that do."""
    last = registry.entries()[-1]
    known = set(last.about.get("incidents", ()))
    fresh = [case for case in cases if case.weight > 0 and case.services and case.incident.id not in known]
    if len(fresh) >= enough:
        return f"{len(fresh)} incidents were labelled since version {last.version} was made"
    if not fresh:
        return None  # the same labels would teach the same
    if gap is not None and gap.is_worse:
        return gap.sentence
    if not last.made_at:
        return None
    since = datetime.fromisoformat(last.made_at)
    inputs = input_drift(boards, since)
    if inputs:
        return f"incidents have come to look different: {inputs[0].sentence}"
    return answer_drift(boards.files.store, since)


def answer_drift(store: Store, since: datetime) -> str | None:
    """Whether diagnoses since then look different from those before: how sure they were, and how far they reached."""
    from scipy.stats import ks_2samp

    before: list[tuple[float, ...]] = []
    after: list[tuple[float, ...]] = []
    for incident in store.incidents(set(IncidentStatus), limit=500):
        diagnosis = store.latest(incident.id, Diagnosis)
        if diagnosis is not None:
            (after if incident.opened_at >= since else before).append(_traits(diagnosis))
    if min(len(before), len(after)) < ENOUGH_TO_COMPARE:
        return None
    for name, old, new in zip(TRAITS, zip(*before, strict=True), zip(*after, strict=True), strict=True):
        if ks_2samp(old, new).pvalue < DRIFT_RISK / len(TRAITS):
            return f"diagnoses have come to look different: {name} was {np.median(old):.2g}, is {np.median(new):.2g}"
    return None


TRAITS = ("the confidence of the first answer", "the number of candidates", "the number of blind spots",
          "the number of services reached")  # fmt: skip


def _traits(diagnosis: Diagnosis) -> tuple[float, ...]:
    return (diagnosis.confidence, float(len(diagnosis.suspects)), float(len(diagnosis.unseen)),
            float(len(diagnosis.blast_radius.services)))  # fmt: skip
