"""What could not be looked at: a sentence for each blind spot. Each one lowers the confidence."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from data.domain import Alert
from data.telemetry import Telemetry
from models.features import Period

SHORT_BASELINE = timedelta(minutes=5)


def blind_spots(alert: Alert, seen: Telemetry, period: Period) -> tuple[str, ...]:
    """Sentences, without repetition. What a source said was missing comes first, in its own words."""
    said = {str(item.detail.get("part", "")) for item in seen.missing}
    absent = {
        "metrics": not len(seen.metrics),
        "spans": seen.spans.empty,
        "logs": seen.logs.empty,
        "topology": not seen.graph and seen.spans.empty,
    }
    spots = [item.summary for item in seen.missing]
    spots += [f"no {part} were available".replace("topology were", "topology was")
              for part, gone in absent.items() if gone and part not in said]  # fmt: skip
    if not seen.graph and not seen.spans.empty:
        spots.append("who calls whom was inferred from spans")
    if alert.service not in seen.services:
        spots.append(f"the alerting service {alert.service} has no telemetry of its own")
    if _history(seen, period) < SHORT_BASELINE:
        spots.append(f"less than {SHORT_BASELINE.seconds // 60} minutes of telemetry before the onset to compare with")
    return tuple(dict.fromkeys(spots))


def _history(seen: Telemetry, period: Period) -> timedelta:
    """How long the longest record reaches back before the onset."""
    starts = [pd.Timestamp(t, tz="UTC") for t in seen.metrics.timestamps[:1]]
    starts += [table["timestamp"].min() for table in (seen.logs, seen.spans) if len(table)]
    return max((pd.Timestamp(period.before) - start for start in starts), default=timedelta(0))


def modalities(seen: Telemetry) -> frozenset[str]:
    """Which kinds of telemetry there are at all: metrics, spans, logs, graph."""
    there = {"metrics": len(seen.metrics), "spans": len(seen.spans), "logs": len(seen.logs), "graph": bool(seen.graph)}
    return frozenset(name for name, some in there.items() if some)
