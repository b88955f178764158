"""What a service's metrics say of its users: the share that failed, how much slower it got, how many are on it.

Names tell little and units less, so every figure comes from several possible metrics, and is None where none tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

import numpy as np

from data.telemetry import Floats, Metrics, SeriesKey, to_datetime64
from models.features import as_rates
from models.indicators import Kind, kind_of, words_of

PERCENT_WORDS = frozenset({"%", "percent", "pct", "percentage"})
SHARE_WORDS = frozenset({"ratio", "share", "fraction", "rate"})
USER_WORDS = frozenset({"users", "user", "sessions", "visitors", "customers"})
# Requests that failed, among the many things that count as errors (retries and dropped packets do, too).
FAILED_WORDS = frozenset({"error", "errors", "fail", "failed", "failures", "fault", "faults", "5xx", "exceptions"})
_COUNTED = frozenset({"request", "requests", "count", "total", "hits", "workload", "throughput", "qps", "rps"})


def failing_share(service: str, metrics: Metrics, since: datetime) -> float | None:
    """The mean share that failed at ``service`` since an instant; the worst of the metrics that count it, if any."""
    late = metrics.timestamps >= to_datetime64(since)
    told = [rows[late] for rows in failing_rows(service, metrics, since)]
    return max((float(np.nanmean(rows)) for rows in told if np.isfinite(rows).any()), default=None)


def failing_rows(service: str, metrics: Metrics, since: datetime) -> list[Floats]:
    """The share that failed at ``service`` in each row, shape (T,), once for each metric that tells it.

    Where no metric is a share, failed requests are set against all requests. A "rate" beyond a whole counts
    failures, not a share of them. Counters are told by how they behave before ``since``.
    """
    own = [j for j, key in enumerate(metrics.keys) if key.service == service]
    told = [rows for j in own if (rows := _told_share(metrics.keys[j], metrics.values[:, j])) is not None]
    if told:
        return told
    return list(_counted_shares(metrics, own, int(np.sum(metrics.timestamps < to_datetime64(since)))))


def slowdown(service: str, metrics: Metrics, since: datetime) -> float | None:
    """How many times as long ``service`` takes since an instant as before: the middle of its latency metrics."""
    late = metrics.timestamps >= to_datetime64(since)
    ratios = []
    for j, key in enumerate(metrics.keys):
        if key.service == service and kind_of(key.metric, key.unit) is Kind.latency:
            before, after = _middle(metrics.values[~late, j]), _middle(metrics.values[late, j])
            if before and after and before > 0 and after > 0:
                ratios.append(after / before)
    return float(np.exp(np.median(np.log(ratios)))) if ratios else None


def users_on(services: Collection[str], metrics: Metrics) -> float | None:
    """The last count of users or sessions on ``services``, the largest where several count; None where none does."""
    counts = []
    for j, key in enumerate(metrics.keys):
        known = metrics.values[np.isfinite(metrics.values[:, j]), j]
        if key.service in services and words_of(key.metric) & USER_WORDS and len(known):
            counts.append(float(known[-1]))
    return max(counts, default=None)


def _told_share(key: SeriesKey, values: Floats) -> Floats | None:
    """What a metric that is a share of failures or successes says; None for any other."""
    whole = _whole_of(key)
    if whole is None or not np.isfinite(values).any() or np.nanmax(values) > whole or np.nanmin(values) < 0:
        return None
    share = values / whole
    return np.asarray(1.0 - share if kind_of(key.metric, key.unit) is Kind.availability else share)


def _whole_of(key: SeriesKey) -> float | None:
    """What a whole is in a metric that counts a share of failures or successes; None for any other metric."""
    if kind_of(key.metric, key.unit) not in (Kind.error, Kind.availability):
        return None
    words = words_of(key.metric) | {key.unit.lower()}
    if words & PERCENT_WORDS:
        return 100.0
    return 1.0 if words & SHARE_WORDS else None


def _counted_shares(metrics: Metrics, own: Iterable[int], n_before: int) -> Iterator[Floats]:
    """Failed requests over all requests, for each pair of metrics that may count them. What is no share is not one."""
    failed: dict[tuple[str, str], list[int]] = {}
    asked: dict[tuple[str, str], list[int]] = {}
    for j in own:
        key = metrics.keys[j]
        kind, words = kind_of(key.metric, key.unit), words_of(key.metric)
        if kind is Kind.error and words & FAILED_WORDS:
            failed.setdefault((key.metric, key.unit), []).append(j)
        elif kind is Kind.traffic and words & _COUNTED:
            asked.setdefault((key.metric, key.unit), []).append(j)
    for errors in failed.values():
        for requests in asked.values():
            share = _ratio(_summed(metrics, errors, n_before), _summed(metrics, requests, n_before))
            if share is not None:
                yield share


def _ratio(errors: Floats, requests: Floats) -> Floats | None:
    """None where more fail than are asked: then the two do not count the same thing, or not in the same unit."""
    both = np.isfinite(errors) & np.isfinite(requests) & (requests > 0)
    if not both.any() or (errors[both] > 1.05 * requests[both]).any() or (errors[both] < 0).any():
        return None
    return np.where(both, np.minimum(errors / np.where(both, requests, 1.0), 1.0), np.nan)


def _summed(metrics: Metrics, columns: list[int], n_before: int) -> Floats:
    """The series of all instances together, counters as what they grew by; NaN where none has a sample."""
    series = as_rates(np.ascontiguousarray(metrics.values[:, columns].T), n_before)
    known = np.isfinite(series)
    return np.where(known.any(axis=0), np.where(known, series, 0.0).sum(axis=0), np.nan)


def _middle(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
