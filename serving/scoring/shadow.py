"""The challenger answers what the champion answered; the two are compared, and nobody waits for it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from data.domain import Alert, Diagnosis
from data.telemetry import Telemetry
from pipelines.champion import Loaded

log = logging.getLogger("qai.scoring.shadow")
# What waits holds its telemetry in memory; beyond this the challenger sits one out.
MOST_WAITING = 8


@dataclass(frozen=True)
class Comparison:
    """What each said first of one incident, and how sure each was."""

    alert: str
    champion: str
    challenger: str
    champion_says: str | None
    challenger_says: str | None
    champion_confidence: float
    challenger_confidence: float

    @property
    def agree(self) -> bool:
        return self.champion_says == self.challenger_says


@dataclass
class Shadow:
    """One incident at a time, in a thread of its own. ``told`` gets each comparison, None where one was left out."""

    told: Callable[[Comparison | None], None]
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="shadow"), init=False
    )
    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_WAITING), init=False)

    def compare(
        self, alert: Alert, telemetry: Telemetry, diagnosis: Diagnosis, champion: str, challenger: Loaded
    ) -> None:
        """Have ``challenger`` answer later; returns at once."""
        if not self._free.acquire(blocking=False):
            self.told(None)
            return
        self._pool.submit(self._compare, alert, telemetry, diagnosis, champion, challenger)

    def close(self) -> None:
        """Finish what is under way, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _compare(
        self, alert: Alert, telemetry: Telemetry, diagnosis: Diagnosis, champion: str, challenger: Loaded
    ) -> None:
        try:
            other = challenger.investigate(alert, telemetry, as_of=diagnosis.as_of)
            comparison = Comparison(
                alert.id, champion, challenger.name, _first(diagnosis), _first(other),
                diagnosis.confidence, other.confidence,
            )  # fmt: skip
            log.info("%s", json.dumps({**comparison.__dict__, "agree": comparison.agree}))
            self.told(comparison)
        except Exception:
            # A challenger that fails is news about the challenger; the answer has long been given.
            log.exception("the challenger %s failed on %s", challenger.name, alert.id)
            self.told(None)
        finally:
            self._free.release()


def _first(diagnosis: Diagnosis) -> str | None:
    return diagnosis.suspects[0].service if diagnosis.suspects else None
