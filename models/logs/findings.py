"""What log lines say: templates that are new, surge or vanish; errors, and whom they name.

Counts of raw error lines mislead, because services that log errors all day are the loudest; a template is compared
with its own past instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from data.domain import EvidenceKind
from data.telemetry import Metrics, Times, to_datetime64
from models.base import Channel, Finding
from models.features import Period
from models.grouped import Flags, groups_of
from models.logs.lines import ORDINARY, Lines

# Longer messages are cut for quoting; their template is found from more of them.
MAX_QUOTED = 400
_SECOND = np.timedelta64(1, "s")


def log_findings(lines: Lines, period: Period, services: Iterable[str] = ()) -> list[Finding]:
    """New, surging and vanished templates of each service since the onset, and the services errors name."""
    until = int(np.searchsorted(lines.at, to_datetime64(period.end), side="right"))
    at = lines.at[:until]
    before = at < to_datetime64(period.before)
    window = at >= to_datetime64(period.onset)
    exposure = _exposure(at[before], at[window], period)
    findings = [
        finding
        for row in _counted(lines, before, window)
        for finding in _judge(row, row["old"] * exposure, bool(before.any()))
    ]
    said = {str(lines.services[number]) for number in np.unique(lines.service[:until])}
    return findings + _named_in_errors(findings, set(services) | said)


def log_series(lines: Lines, max_points: int = 240) -> Metrics:
    """Bad lines (errors and warnings, by severity or words) counted by service and time, zeros included."""
    if not len(lines):
        return Metrics.empty()
    length = pd.Timedelta(lines.at[-1] - lines.at[0])
    step = max(pd.Timedelta(seconds=15), length / max_points).ceil("s")
    place = (lines.at - pd.Timestamp(lines.at[0]).floor(step).to_datetime64()) // step.to_timedelta64()
    counts = np.zeros((int(place[-1]) + 1, len(lines.services)))
    np.add.at(counts, (place.astype(np.intp), lines.service), lines.weight > ORDINARY)
    times = pd.date_range(pd.Timestamp(lines.at[0], tz="UTC").floor(step), periods=len(counts), freq=step)
    table = pd.DataFrame(counts, index=times.rename("timestamp"), columns=[str(name) for name in lines.services])
    long = table.reset_index().melt("timestamp", var_name="service")
    return Metrics.from_long(long.assign(metric="log_errors"))


def _counted(lines: Lines, before: Flags, window: Flags) -> list[dict[str, Any]]:
    """Of each service's templates: how often ``before`` and in the ``window``, and its first line there, else ever."""
    until = len(before)
    groups = groups_of(lines.service[:until], lines.template[:until])
    weight = np.zeros(len(groups))
    np.maximum.at(weight, groups.of, lines.weight[:until])
    shown = np.unique(groups.of, return_index=True)[1]
    recent, first = np.unique(groups.of[window], return_index=True)
    shown[recent] = np.flatnonzero(window)[first]
    columns = {
        "service": lines.services[groups.keys[0]],
        "template": lines.templates[groups.keys[1]],
        "old": groups.count(before),
        "new": groups.count(window),
        "weight": weight,
        "sample": lines.message[shown],
        "first": lines.at[shown],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _exposure(before: Times, window: Times, period: Period) -> float:
    """How long the incident window is beside the baseline, so that counts compare."""
    if not len(before):
        return 0.0
    onset = to_datetime64(period.onset)
    last = max(window[-1], onset) if len(window) else to_datetime64(period.end)
    old = (to_datetime64(period.before) - before[0]) / _SECOND
    return float(max((last - onset) / _SECOND, 1.0) / max(old, 1.0))


def _judge(row: dict[str, Any], expected: float, has_baseline: bool) -> list[Finding]:
    """At most one finding: new or surging, else vanished."""
    new, service = int(row["new"]), str(row["service"])
    # Poisson: the spread of a count is its root.
    rise = (new - expected) / np.sqrt(expected + new + 1.0)
    # An ordinary line that is new tells of something, but an error it is not.
    indicator = "log errors" if row["weight"] > ORDINARY else "log lines"
    sample = row["sample"][:MAX_QUOTED]
    detail = {"template": row["template"], "before": int(row["old"]), "since": new, "sample": sample}
    quote = f'"{sample[:200]}"'
    # A template seen before must exceed its own spread to be worth a sentence.
    if new and (row["old"] == 0 or rise > 1.0):
        score = float(row["weight"]) * float(rise) * (1.0 if has_baseline else 0.5)
        was = "never before" if row["old"] == 0 else f"{expected:.1f} expected"
        text = f"{service} logged {new} times ({was}): {quote}"
        first = pd.Timestamp(row["first"], tz="UTC").to_pydatetime()
        return [Finding(service, Channel.new_logs, score, EvidenceKind.log, text, "logs", indicator, first, detail)]
    if expected >= 5 and rise < -2:
        text = f"{service} logged {new} times where {expected:.0f} were usual: {quote}"
        return [Finding(service, Channel.lost_logs, float(-rise), EvidenceKind.log, text, "logs", "missing log lines",
                        None, detail)]  # fmt: skip
    return []


def _named_in_errors(findings: list[Finding], services: set[str]) -> list[Finding]:
    """ "calls to X failing", said by Y, is evidence about X."""
    pointed = []
    for finding in findings:
        if finding.channel is not Channel.new_logs:
            continue
        words = set(re.findall(r"[\w-]+", str(finding.detail["sample"]).lower()))
        for name in sorted(services):
            if name != finding.service and name.lower() in words:
                text = f"{name} is named by {finding.text}"
                pointed.append(Finding(name, Channel.named_in_errors, finding.score, EvidenceKind.log, text, "logs",
                                       "failing calls", finding.at, finding.detail))  # fmt: skip
    return pointed
