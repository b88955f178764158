"""What log lines say: templates that are new, surge or vanish; errors, and whom they name.

Counts of raw error lines mislead, because services that log errors all day are the loudest; a template is compared
with its own past instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from data.domain import EvidenceKind
from data.telemetry import Metrics
from models.base import Channel, Finding
from models.features import Period
from models.grouped import Flags, groups_of, numbered
from models.logs.miner import templates_of

# Longer messages are cut for quoting; their template is found from more of them.
MAX_QUOTED = 400
_WEIGHTS = {"fatal": 1.0, "critical": 1.0, "emergency": 1.0, "alert": 1.0, "panic": 1.0, "error": 1.0, "err": 1.0,
            "severe": 1.0, "warning": 0.5, "warn": 0.5}  # fmt: skip
# What an ordinary line is worth beside an error: a new one may as well be a release.
_ORDINARY = 0.15
_ERROR_WORDS = re.compile(
    r"\b(?:error|exception|panic|fatal|fail(?:ed|ure|ing)?|refused|timed? ?out|timeout|unavailable|denied|exhausted"
    r"|traceback|oom|killed|expired|rejected)\b|Exception\b|Error\b",
    re.IGNORECASE,
)


def log_findings(logs: pd.DataFrame, period: Period, services: Iterable[str] = ()) -> list[Finding]:
    """New, surging and vanished templates of each service since the onset, and the services errors name."""
    if logs.empty:
        return []
    lines = logs[logs["timestamp"] <= pd.Timestamp(period.end)]
    table = _with_templates(lines)
    before = (table["timestamp"] < pd.Timestamp(period.before)).to_numpy()
    window = (table["timestamp"] >= pd.Timestamp(period.onset)).to_numpy()
    exposure = _exposure(table["timestamp"][before], table["timestamp"][window], period)
    findings = [
        finding
        for row in _counted(table, before, window)
        for finding in _judge(row, row["old"] * exposure, bool(before.any()))
    ]
    named = set(services) | set(lines["service"].astype(str).unique())
    return findings + _named_in_errors(findings, named)


def log_series(logs: pd.DataFrame, max_points: int = 240) -> Metrics:
    """Bad lines (errors and warnings, by severity or words) counted by service and time, zeros included."""
    if logs.empty:
        return Metrics.empty()
    length = logs["timestamp"].max() - logs["timestamp"].min()
    step = max(pd.Timedelta(seconds=15), length / max_points).ceil("s")
    bad = _weight(logs) > _ORDINARY
    table = pd.DataFrame(
        {"timestamp": logs["timestamp"].dt.floor(step), "service": logs["service"].astype(str), "bad": bad}
    )
    counts = table.pivot_table(index="timestamp", columns="service", values="bad", aggfunc="sum", fill_value=0)
    counts = counts.reindex(pd.date_range(counts.index[0], counts.index[-1], freq=step), fill_value=0)
    long = counts.rename_axis("timestamp").reset_index().melt("timestamp", var_name="service")
    return Metrics.from_long(long.assign(metric="log_errors"))


def _with_templates(lines: pd.DataFrame) -> pd.DataFrame:
    message = lines["message"].fillna("").astype(str)
    # In the order of text: templates must not depend on the order of lines.
    template = templates_of(sorted(message.unique()))
    return pd.DataFrame(
        {
            "timestamp": lines["timestamp"],
            "service": lines["service"].astype(str),
            "message": message.str.slice(0, MAX_QUOTED),
            "template": message.map(template),
            "weight": _weight(lines),
        }
    )


def _weight(lines: pd.DataFrame) -> pd.Series:
    """1 for errors, 0.5 for warnings, little for the rest; by severity, or by words where it says nothing."""
    severity = lines["severity"].fillna("").astype(str).str.strip().str.lower()
    weight = severity.map(_WEIGHTS)
    spoken = lines["message"].fillna("").astype(str).str.contains(_ERROR_WORDS, regex=True)
    # "info" on a line that says "failed" is common: believed by half.
    return weight.fillna(pd.Series(np.where(spoken, np.where(severity == "", 1.0, 0.5), _ORDINARY), index=lines.index))


def _counted(table: pd.DataFrame, before: Flags, window: Flags) -> list[dict[str, Any]]:
    """Of each service's templates: how often ``before`` and in the ``window``, and its first line there, else ever."""
    (service,), services = numbered([table["service"].to_numpy(dtype=object)])
    (template,), templates = numbered([table["template"].to_numpy(dtype=object)])
    groups = groups_of(service, template)
    weight = np.zeros(len(groups))
    np.maximum.at(weight, groups.of, table["weight"].to_numpy(dtype=float))
    ever = np.unique(groups.of, return_index=True)[1]
    recent, since = np.unique(groups.of[window], return_index=True)
    shown = ever.copy()
    shown[recent] = np.flatnonzero(window)[since]
    earliest = ever.copy()
    in_order = np.flatnonzero(window)[np.argsort(table["timestamp"].to_numpy()[window], kind="stable")]
    # The last to be written stays, so the earliest is written last.
    earliest[groups.of[in_order[::-1]]] = in_order[::-1]
    columns = {
        "service": services[groups.keys[0]],
        "template": templates[groups.keys[1]],
        "old": groups.count(before),
        "new": groups.count(window),
        "weight": weight,
        "sample": table["message"].iloc[shown],
        "first": table["timestamp"].iloc[earliest],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _exposure(before: pd.Series, window: pd.Series, period: Period) -> float:
    """How long the incident window is beside the baseline, so that counts compare."""
    if before.empty:
        return 0.0
    old = max((pd.Timestamp(period.before) - before.min()).total_seconds(), 1.0)
    last = max(window.max(), pd.Timestamp(period.onset)) if len(window) else pd.Timestamp(period.end)
    return float(max((last - pd.Timestamp(period.onset)).total_seconds(), 1.0) / old)


def _judge(row: dict[str, Any], expected: float, has_baseline: bool) -> list[Finding]:
    """At most one finding: new or surging, else vanished."""
    new, service = int(row["new"]), str(row["service"])
    # Poisson: the spread of a count is its root.
    rise = (new - expected) / np.sqrt(expected + new + 1.0)
    # An ordinary line that is new tells of something, but an error it is not.
    indicator = "log errors" if row["weight"] > _ORDINARY else "log lines"
    detail = {"template": row["template"], "before": int(row["old"]), "since": new, "sample": row["sample"]}
    quote = f'"{row["sample"][:200]}"'
    # A template seen before must exceed its own spread to be worth a sentence.
    if new and (row["old"] == 0 or rise > 1.0):
        score = float(row["weight"]) * float(rise) * (1.0 if has_baseline else 0.5)
        was = "never before" if row["old"] == 0 else f"{expected:.1f} expected"
        text = f"{service} logged {new} times ({was}): {quote}"
        first = row["first"].to_pydatetime()
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


def lateness(findings: Iterable[Finding]) -> dict[str, timedelta]:
    """How long after the earliest error line each service's first one came."""
    first: dict[str, Any] = {}
    for finding in findings:
        if finding.channel is Channel.new_logs and finding.at is not None:
            first[finding.service] = min(first.get(finding.service, finding.at), finding.at)
    return {service: at - min(first.values()) for service, at in first.items()}
