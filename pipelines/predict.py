"""Look ahead: what is likely to reach its limit, use up its error budget or end becomes an alert before it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from data.datasets.series import usual_step
from data.domain import Alert
from data.sources import Request, Source
from data.sources.certificates import Endpoint
from data.store import Store
from data.telemetry import Metrics, SeriesKey
from pipelines.budgets import budgets_foretold
from pipelines.collect import gather
from pipelines.expiries import certificates_foretold
from pipelines.forecast import Clocked, Outlook, Span, look_ahead
from pipelines.foretold import Foretold, tell
from pipelines.limits import Limit, natural_limit

RAISED_FROM, OVER_BELOW = 0.5, 0.2
# With fewer rows nothing is known of how it usually goes.
LEAST_ROWS = 30


@dataclass(frozen=True)
class Lookout:
    """Looks ahead over all services of one environment.

    ``limits`` come first; what none covers has a limit only if it is a share or percentage of something that fills up.
    Error budgets are those of ``objective``; ``certificates`` that end within ``certificate_days`` are told of.
    """

    sources: Sequence[Source]
    store: Store
    handle: Callable[[str], None]
    environment: str | None
    deadline_s: float
    horizon: timedelta
    history: timedelta
    limits: Sequence[Limit] = ()
    objective: float = 0.999
    certificates: Sequence[Endpoint] = ()
    certificate_days: float = 21.0

    def look(self, as_of: datetime) -> list[Alert]:
        """One look over everything; returns the alerts and recoveries it raised."""
        return tell(self.store, self.handle, self.environment, self.foretold(as_of), as_of)

    def foretold(self, as_of: datetime) -> Iterator[Foretold]:
        """What is to be expected of series that have a limit, of error budgets, and of certificates."""
        if self.sources:
            request = Request(alert=None, start=as_of - self.history, as_of=as_of, metrics_only=True)
            metrics = gather(request, self.sources, deadline_s=self.deadline_s).metrics
            yield from (_foretold(key, outlook) for key, outlook in self.outlooks(metrics))
            yield from budgets_foretold(metrics, objective=self.objective)
        horizon = timedelta(days=self.certificate_days)
        yield from certificates_foretold(self.certificates, as_of=as_of, horizon=horizon, deadline_s=self.deadline_s)

    def outlooks(self, metrics: Metrics) -> Iterator[tuple[SeriesKey, Outlook]]:
        """What is to be expected of every series that has a limit and enough history."""
        step = usual_step(metrics.timestamps)
        for j, key in enumerate(metrics.keys):
            limit = self._limit_of(key)
            values = metrics.values[:, j]
            if limit is None or step is None or np.isfinite(values).sum() < LEAST_ROWS:
                continue
            column = Clocked(key.metric, values, step, None)
            horizon = limit.horizon or Span(seconds=self.horizon.total_seconds())
            yield key, look_ahead(column, threshold=limit.threshold, horizon=horizon, above=limit.above)

    def _limit_of(self, key: SeriesKey) -> Limit | None:
        return next((limit for limit in self.limits if limit.covers(key)), None) or natural_limit(key)


def _foretold(key: SeriesKey, outlook: Outlook) -> Foretold:
    prediction, question = outlook.prediction, outlook.question
    unit = f" {key.unit}" if key.unit else ""
    when = f" in about {outlook.lead_s / 60:.0f} min" if outlook.lead_s else ""
    likely = f"likely ({prediction.probability:.0%}) to {'reach' if question.above else 'fall to'}"
    return Foretold(
        key=key,
        # What breaches already is for the monitors.
        is_likely=prediction.probability >= RAISED_FROM and not prediction.breaching,
        is_unlikely=prediction.probability < OVER_BELOW,
        title=f"{key.service} {key.metric} is {likely} {question.threshold:g}{unit}{when}",
        calm=f"{key.service} {key.metric} is no longer likely to breach ({prediction.probability:.0%})",
        threshold=question.threshold,
        extra=_basis(outlook),
    )


def _basis(outlook: Outlook) -> dict[str, Any]:
    """What the prediction rests on, for people to check."""
    prediction = outlook.prediction
    history = {name: value for name, value in vars(prediction.history).items() if value is not None}
    found: dict[str, Any] = {
        "probability": round(prediction.probability, 3),
        "lead_s": outlook.lead_s,
        "told_by": prediction.told_by,
        "history": history,
    }
    if prediction.elsewhere is not None:
        found["elsewhere"] = vars(prediction.elsewhere)
    return found
