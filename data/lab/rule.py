"""The alert rule: a metric above its threshold for several samples in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.telemetry import Metrics


@dataclass(frozen=True)
class Rule:
    """Fires when ``metric`` of ``service`` exceeds ``threshold`` in ``samples`` samples one after the other."""

    service: str
    metric: str
    threshold: float
    samples: int

    def breach(self, metrics: Metrics) -> float | None:
        """The latest value, if the rule fires on it; None otherwise."""
        columns = [i for i, key in enumerate(metrics.keys) if (key.service, key.metric) == (self.service, self.metric)]
        if not columns:
            return None
        values = metrics.values[:, columns[0]]
        recent = values[np.isfinite(values)][-self.samples :]
        if len(recent) < self.samples or not bool((recent > self.threshold).all()):
            return None
        return float(recent[-1])
