"""Error budgets over all services: which will be gone before long at the rate they are being spent.

Arithmetic, not learned: two windows have to agree, so that neither a blip nor what is long over raises an alarm
(Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from data.datasets.series import usual_step
from data.telemetry import Floats, Metrics, SeriesKey
from models.forecast.known import Budget, error_budget
from models.impact import failing_rows
from pipelines.foretold import Foretold

METRIC = "error budget"
WINDOW = timedelta(days=30)
LONG, SHORT = timedelta(hours=1), timedelta(minutes=5)
# A budget of 30 days that is gone in three is burning ten times as fast as allowed: a ticket, not a page.
SOON, NOT_SOON = timedelta(days=3), timedelta(days=6)
LEAST_ROWS = 3


def budgets_foretold(metrics: Metrics, *, objective: float) -> Iterator[Foretold]:
    """What is to be expected of the error budget of every service of which the failing share is known.

    Args:
        objective: the share that has to succeed, such as 0.999.
    """
    step = usual_step(metrics.timestamps)
    if step is None or len(metrics.timestamps) < LEAST_ROWS:
        return
    # The last hour is what is asked about; what came before tells counters from other series.
    since = pd.Timestamp(metrics.timestamps[-1]).tz_localize("UTC").to_pydatetime() - LONG
    for service in metrics.services:
        told = [rows for rows in failing_rows(service, metrics, since) if np.isfinite(rows).sum() >= LEAST_ROWS]
        if told:
            worst = max(told, key=lambda rows: float(np.nansum(rows[-_rows(LONG, step) :])))
            yield _foretold(service, worst, step, objective)


def _foretold(service: str, failing: Floats, step_s: float, objective: float) -> Foretold:
    window = _rows(WINDOW, step_s)
    long, short = (
        error_budget(failing, objective=objective, window=window, recent=min(_rows(span, step_s), len(failing)))
        for span in (LONG, SHORT)
    )
    left = max(_left(long, step_s), _left(short, step_s))
    when = "is gone" if left <= timedelta(0) else f"will be gone in about {_words(left)}"
    burning = f"it burns {long.burn_rate:.3g} times as fast as allowed"
    return Foretold(
        key=SeriesKey(service, METRIC),
        is_likely=left <= SOON,
        is_unlikely=left > NOT_SOON,
        title=f"{service} error budget of {objective * 100:g}% over 30 days {when}: {burning}",
        calm=f"{service} error budget is no longer about to be gone: {burning}",
        threshold=1.0,
        extra={
            "objective": objective,
            "burn_rate": round(long.burn_rate, 3),
            "burn_rate_5m": round(short.burn_rate, 3),
            # Only what was read is counted: what was spent before that is not known.
            "spent_at_least": round(long.spent, 4),
            "lead_s": left.total_seconds() if left < WINDOW else None,
            "told_by": "arithmetic",
        },
    )


def _left(budget: Budget, step_s: float) -> timedelta:
    seconds = budget.rows_left * step_s
    return timedelta(seconds=seconds) if seconds < WINDOW.total_seconds() else WINDOW


def _rows(span: timedelta, step_s: float) -> int:
    return max(1, round(span.total_seconds() / step_s))


def _words(left: timedelta) -> str:
    hours = left.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 2 else f"{hours * 60:.0f} min"
