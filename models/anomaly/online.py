"""Following a live series: a detector that is fitted again as the series goes on, and says each thing once.

Used where there is no normal history to begin with and what is normal drifts, as in the Numenta benchmark. The
detector is fitted on the last :data:`MEMORY` rows every :data:`REFIT` rows, so that a row costs a constant time on
average; what lasts becomes normal.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from models.anomaly.base import Detector, Floats, Stream, as_table
from models.anomaly.neighbours import Neighbours

MEMORY, REFIT = 1500, 200
# An alarm is news only while nothing as unusual was seen in this many rows.
QUIET = 150
# The score that the remembered rows themselves have one time in a hundred is 1.
UNIT_QUANTILE = 0.99
_RESOLUTION = 1e-3


@dataclass(frozen=True)
class Online:
    """``warm_up`` rows are only learnt from: their score is 0."""

    warm_up: int
    detector: Detector = field(default_factory=Neighbours)
    memory: int = MEMORY
    refit: int = REFIT
    quiet: int = QUIET

    def stream(self) -> OnlineStream:
        return OnlineStream(self)

    def score(self, values: Floats) -> Floats:
        """Every row as a stream would score it, shape (rows,)."""
        stream = self.stream()
        return np.array([stream.update(row) for row in as_table(values)])


class OnlineStream:
    """Scores in units of what was usual lately; 0 for a row that is no more unusual than others just before it."""

    def __init__(self, settings: Online) -> None:
        self._settings = settings
        self._memory: deque[Floats] = deque(maxlen=settings.memory)
        self._recent: deque[float] = deque(maxlen=settings.quiet)
        self._count = 0
        self._stream: Stream | None = None
        self._unit = 1.0

    def update(self, row: Floats) -> float:
        row = np.asarray(row, dtype=float).reshape(-1)
        due = (
            self._count >= self._settings.warm_up and (self._count - self._settings.warm_up) % self._settings.refit == 0
        )
        if due and self._memory:
            self._learn()
        self._count += 1
        self._memory.append(row)
        if self._stream is None:
            return 0.0
        score = self._stream.update(row) / self._unit
        news = score if score > max(self._recent, default=0.0) else 0.0
        self._recent.append(score)
        return news

    def _learn(self) -> None:
        history = np.stack(self._memory)
        fitted = self._settings.detector.fit(history)
        self._unit = float(np.quantile(fitted.score(history), UNIT_QUANTILE)) + _RESOLUTION
        self._stream = fitted.stream()
        for row in history[-fitted.span :]:  # the new detector has seen what the old one has
            self._stream.update(row)
