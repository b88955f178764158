"""What must not be reached: limits that somebody set, and those that things have by nature."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from data.errors import ConfigError, InputError
from data.telemetry import SeriesKey
from models.indicators import Kind, kind_of
from pipelines.forecast import Span

# What can be full has a limit by nature; nearly full is late enough.
FILLS_UP = frozenset({Kind.disk, Kind.memory, Kind.saturation, Kind.pool})
PERCENT_UNITS, SHARE_UNITS = frozenset({"%", "percent", "pct"}), frozenset({"ratio", "share", "fraction"})
NEARLY_FULL = 0.95


@dataclass(frozen=True)
class Limit:
    """What must not be reached. ``service`` and ``metric`` may hold ``*`` and ``?``."""

    metric: str
    threshold: float
    service: str = "*"
    above: bool = True
    horizon: Span | None = None

    def covers(self, key: SeriesKey) -> bool:
        return fnmatchcase(key.service, self.service) and fnmatchcase(key.metric, self.metric)


def natural_limit(key: SeriesKey) -> Limit | None:
    """The limit of what fills up and is measured as a share of the whole, whatever it is called."""
    if kind_of(key.metric, key.unit) not in FILLS_UP:
        return None
    words = set(key.metric.lower().replace("-", "_").split("_")) | {key.unit.lower()}
    if words & {"free", "available", "idle"}:
        return None
    if words & PERCENT_UNITS:
        return Limit(key.metric, 100 * NEARLY_FULL)
    return Limit(key.metric, NEARLY_FULL) if words & SHARE_UNITS else None


def read_limits(path: Path) -> tuple[Limit, ...]:
    """Limits from a YAML list of ``metric``, ``threshold``, and optional ``service``, ``below`` and ``horizon``.

    Raises:
        ConfigError: naming the entry and what is wrong with it.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"QAI_PREDICT_LIMITS: {path} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise ConfigError(f"QAI_PREDICT_LIMITS: {path} must hold a list of limits, each with metric and threshold")
    return tuple(_limit(entry, f"QAI_PREDICT_LIMITS: {path}, entry {n}") for n, entry in enumerate(entries, 1))


def _limit(entry: Any, where: str) -> Limit:
    known = {"metric", "threshold", "service", "below", "horizon"}
    if not isinstance(entry, dict) or not {"metric", "threshold"} <= set(entry) <= known:
        raise ConfigError(f"{where}: needs metric and threshold, and may have service, below and horizon")
    try:
        horizon = Span.parse(str(entry["horizon"]), field="horizon") if "horizon" in entry else None
        threshold = float(entry["threshold"])
    except (InputError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error
    above = not entry.get("below", False)
    return Limit(str(entry["metric"]), threshold, str(entry.get("service", "*")), above, horizon)
