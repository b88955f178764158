"""Telemetry whose over- and under-provisioning is known, made a series at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from data.telemetry import Metrics

START = pd.Timestamp("2026-03-02", tz="UTC")


class Recording:
    """A clock of ``days`` at five minutes, and the rows recorded on it."""

    def __init__(self, days: float) -> None:
        self.clock = pd.date_range(START, periods=int(days * 288), freq="5min")
        hour = np.arange(len(self.clock)) % 288 / 12
        rng = np.random.default_rng(7)
        # A busy afternoon, a quiet night, no two days alike: between 0 and about 1.
        of_day = np.repeat(rng.uniform(0.85, 1.0, int(days) + 1), 288)[: len(self.clock)]
        self.wave = (0.5 + 0.5 * np.sin((hour - 9) / 24 * 2 * np.pi)) * of_day
        self.rows: list[pd.DataFrame] = []

    def add(self, service: str, metric: str, values: object, instance: str = "", unit: str = "") -> Recording:
        table = pd.DataFrame({"timestamp": self.clock, "service": service, "metric": metric})
        self.rows.append(table.assign(value=values, instance=instance, unit=unit))
        return self

    @property
    def table(self) -> pd.DataFrame:
        return pd.concat(self.rows, ignore_index=True)

    @property
    def metrics(self) -> Metrics:
        return Metrics.from_long(self.table)


@pytest.fixture
def recording() -> Callable[[float], Recording]:
    return Recording
