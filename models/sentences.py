"""Metric changes as sentences a person can check: "p99_latency_ms of inventory rose from 12 ms to 480 ms at 13:41Z"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from data.domain import EvidenceKind
from data.telemetry import Metrics, to_datetime64
from models.base import Channel, Finding
from models.features import ChangeScores, Period
from models.indicators import Kind

# Below this many spreads a change is not worth a sentence.
NOTABLE = 1.0
CHANNEL_OF = {
    Kind.latency: Channel.latency,
    Kind.error: Channel.errors,
    Kind.availability: Channel.errors,
    Kind.traffic: Channel.traffic,
    Kind.cpu: Channel.cpu,
    Kind.memory: Channel.memory,
    Kind.disk: Channel.disk,
    Kind.network: Channel.network,
    Kind.saturation: Channel.saturation,
    Kind.queue: Channel.queue,
    Kind.pool: Channel.pool,
    Kind.cache: Channel.cache,
    Kind.calls: Channel.calls,
    Kind.rows: Channel.rows,
    Kind.restarts: Channel.restarts,
    Kind.timeouts: Channel.timeouts,
    Kind.other: Channel.other,
}
# Units that end a metric's name, as vendors and Prometheus write them; "per" before one makes it a rate.
_UNITS = (
    ({"ms", "msec", "millis", "milliseconds"}, "ms"),
    ({"us", "microseconds"}, "us"),
    ({"pct", "percent", "percentage"}, "%"),
    ({"bytes"}, "bytes"),
    ({"seconds", "s", "sec"}, "s"),
)


@dataclass(frozen=True, eq=False)
class MetricBlock:
    """One table of series and what changed in it. ``source`` says where it comes from: metrics, spans or logs."""

    metrics: Metrics
    scores: ChangeScores
    source: str = "metrics"


def metric_findings(block: MetricBlock, period: Period, services: Iterable[str]) -> list[Finding]:
    """The notable changes of ``services``, strongest first within each."""
    wanted = set(services)
    scores = block.scores
    chosen = [i for i in np.argsort(-scores.harm, kind="stable") if scores.keys[i].service in wanted]
    findings = [changed_finding(block, period, int(i)) for i in chosen if scores.harm[i] >= NOTABLE]
    gone = [i for i in np.flatnonzero(scores.vanished) if scores.keys[i].service in wanted]
    return findings + [_vanished(block, int(i)) for i in gone]


def quantity(value: float, metric: str, unit: str = "") -> str:
    """A number with the unit that the series, or the words at the end of its name, give."""
    size = abs(value)
    number = f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
    return f"{number} {unit or _unit_in(metric)}".strip()


def _unit_in(metric: str) -> str:
    words = re.findall(r"[a-z]+", metric.lower())
    for i in (-1, -2, -3):
        unit = next((u for names, u in _UNITS if len(words) >= -i and words[i] in names), "")
        if unit:
            return f"/{unit}" if "per" in words[:i] and words[i - 1] == "per" else unit
    return ""


def changed_finding(block: MetricBlock, period: Period, i: int) -> Finding:
    """How series ``i`` moved, as a sentence."""
    scores, key = block.scores, block.scores.keys[i]
    base, now = float(scores.base[i]), float(scores.now[i])
    verb = "rose" if now > base else "fell"
    at = _first_beyond(block, period, i)
    when = f" at {at:%H:%M}Z" if at else ""
    where = f"{key.service} ({key.instance})" if key.instance else key.service
    text = (
        f"{key.metric} of {where} {verb} from {quantity(base, key.metric, key.unit)} "
        f"to {quantity(now, key.metric, key.unit)}{when}"
    )
    kind = EvidenceKind.metric if block.source == "metrics" else EvidenceKind(block.source.removesuffix("s"))
    detail = {"metric": key.metric, "base": base, "now": now, "scale": float(scores.scale[i])}
    channel = CHANNEL_OF[scores.kinds[i]]
    return Finding(key.service, channel, float(scores.harm[i]), kind, text, block.source, key.metric, at, detail)


def _vanished(block: MetricBlock, i: int) -> Finding:
    key = block.scores.keys[i]
    text = f"{key.metric} of {key.service} stopped reporting"
    return Finding(key.service, Channel.vanished, 1.0, EvidenceKind.metric, text, block.source, key.metric)


def _first_beyond(block: MetricBlock, period: Period, i: int) -> datetime | None:
    """The first sample since the onset that lies half way to the new level or further."""
    metrics, scores = block.metrics, block.scores
    inside = (metrics.timestamps >= to_datetime64(period.onset)) & (metrics.timestamps <= to_datetime64(period.end))
    moved = (metrics.values[:, i] - scores.base[i]) * np.sign(scores.now[i] - scores.base[i])
    hits = np.flatnonzero(inside & (moved >= 0.5 * abs(scores.now[i] - scores.base[i])))
    if not len(hits):
        return None
    return pd.Timestamp(metrics.timestamps[hits[0]]).to_pydatetime().replace(tzinfo=UTC)
