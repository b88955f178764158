"""Which series a person wants to see first: the alert's own, and those the leading candidates rest on."""

from __future__ import annotations

from data.domain import Alert, Diagnosis
from data.excerpt import MetricExcerpt
from data.telemetry import Metrics, SeriesKey

MOST_SERIES = 8


def excerpt_of(alert: Alert, metrics: Metrics, diagnosis: Diagnosis) -> MetricExcerpt:
    """At most ``MOST_SERIES`` series: the alerting metric, then each candidate's indicator, best candidate first."""
    wanted = [(alert.service, alert.metric), *((c.service, c.indicator) for c in diagnosis.suspects)]
    keys: list[SeriesKey] = []
    for service, metric in wanted:
        keys += [k for k in metrics.keys if k.service == service and k.metric == metric and k not in keys]
    return MetricExcerpt.cut(metrics, keys[:MOST_SERIES], alert_at=alert.fired_at, onset=diagnosis.onset)
