"""False alarms: a monitor fires, and nothing is wrong. How often is somebody accused all the same?

Quiet windows are recordings of normal operation, cut before the fault began, with an alert made for their end; and
made incidents without a fault, whose monitor fired by chance. Only data sets with a recording of normal operation
take part: in the others the time before a fault may hold the end of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from data.datasets import Case, Truth, has_alerts, load
from data.errors import InputError
from data.telemetry import to_datetime64
from models.metrics import bootstrap
from pipelines.evaluate import rank_with_qai
from pipelines.fan_out import ALONE, Workers, each

NORMAL_RECORDED = ("petshop", "rcd", "dycause")
SURE = (0.3, 0.5, 0.8)
FIRST_SEED = 500_000
# An alert of a data set's own comes some samples after the fault it tells of.
GUARD_SAMPLES = 3
FEWEST_SAMPLES = 20


def false_alarms(
    folders: Sequence[Path], *, limit: int | None, made: int, workers: Workers, seed: int, told: Callable[[str], None]
) -> dict[str, Any]:
    """For each data set: the share of quiet windows in which a service, or a change, is accused.

    Returns:
        by data set: ``windows``; ``service``: for each confidence of :data:`SURE`, the share of windows with a service
        held at least that guilty; ``change``: the share in which a change is held more likely than none; ``answered``:
        the share without abstention; ``mean_confidence``; with ``interval``, 95 % by bootstrap, for .5.
    """
    found: dict[str, Any] = {}
    for name in NORMAL_RECORDED:
        cases = next((c for folder in folders if (c := quiet_cases(name, folder, seed)) is not None), None)
        if cases is not None:
            told(f"{name}: quiet windows")
            found[name] = judge(islice(cases, limit), workers=workers, seed=seed)
    if made:
        told("synthetic: quiet windows")
        found["synthetic"] = judge(_made(made, seed), workers=workers, seed=seed)
    return found


def judge(cases: Iterator[Case], *, workers: Workers = ALONE, seed: int = 0) -> dict[str, Any]:
    """How our ranking takes windows in which nothing happened."""
    answers = list(each(rank_with_qai, ((case.alert, case.telemetry) for case in cases), workers))
    if not answers:
        raise InputError("holds no window of normal operation long enough to look at", field="path")
    confidence = np.array([answer.confidence or 0.0 for answer in answers])
    accused = [max((a.changes or {}).values(), default=0.0) > a.no_change for a in answers if a.changes]
    middle = bootstrap([float(c >= 0.5) for c in confidence], seed=seed)
    return {
        "windows": len(answers),
        "service": {f"{sure:g}": float(np.mean(confidence >= sure)) for sure in SURE},
        "interval": [middle.low, middle.high],
        "answered": float(np.mean([not answer.abstained for answer in answers])),
        "mean_confidence": float(confidence.mean()),
        "windows_with_changes": len(accused),
        "change": float(np.mean(accused)) if accused else None,
    }


def quiet_cases(name: str, folder: Path, seed: int) -> Iterator[Case] | None:
    """The quiet windows of a data set; None where ``folder`` does not hold it."""
    try:
        cases = load(name, folder, delay_s=0.0)
    except InputError:
        return None
    guard = GUARD_SAMPLES if has_alerts(name) else 1
    return (quiet for case in cases if (quiet := before_the_fault(case, guard, seed=seed)) is not None)


def before_the_fault(case: Case, guard: int, *, seed: int = 0) -> Case | None:
    """Normal operation that a case begins with, and a false alert at its end; None where it is too short.

    It ends somewhere in its second half: cases of one system may share one recording, and should not be the same.

    Args:
        guard: how many samples before the case's alert are surely free of the fault.
        seed: of where it ends, together with the case's id.
    """
    times = case.telemetry.metrics.timestamps
    last = int(np.searchsorted(times, to_datetime64(case.alert.fired_at))) - guard
    if last < FEWEST_SAMPLES:
        return None
    random = np.random.default_rng([seed, crc32(case.id.encode())])
    fired_at = pd.Timestamp(times[random.integers(last // 2, last, endpoint=True)], tz=UTC).to_pydatetime()
    alert = case.alert.model_copy(update={"fired_at": fired_at})
    return replace(case, alert=alert, telemetry=case.telemetry.before(fired_at), label=_nobody)


def _nobody() -> Truth:
    return Truth(())


def _made(count: int, seed: int) -> Iterator[Case]:
    from data.datasets.synthetic import NO_INCIDENT, synthesize

    return (replace(synthesize(FIRST_SEED + seed * count + i, kind=NO_INCIDENT), label=_nobody) for i in range(count))
