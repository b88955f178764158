"""What is done again and again: at set times and only once however many replicas there are, or every few seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.worker import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """Something that is done when its time comes, on the replica whose turn it is; it outlives a restart.

    Attributes:
        name: of the schedule, for ever: renamed, the old one is forgotten and never stopped.
        setting: what sets its time, for the error where that makes no sense.
        cron: five fields, or six with seconds first, in UTC; None: not at all.
        run: does it, and says what came of it. Run again where the process died meanwhile, so twice must do no harm.
        begin: starts a flow for each thing that ``run`` names; None where nothing follows.
    """

    name: str
    setting: str
    cron: str | None
    run: Callable[[], Sequence[str]]
    begin: Callable[[Worker, str], None] | None = None
    _busy: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def once(self) -> list[str]:
        """``run``, unless it is still at it since its last time: what cannot keep up must not pile up."""
        if not self._busy.acquire(blocking=False):
            log.warning("%s is still at it since its last time; this time is left out", self.name)
            return []
        try:
            return list(self.run())
        finally:
            self._busy.release()


@contextmanager
def regularly(look: Callable[[], object], every_s: float, *, name: str, patience_s: float) -> Iterator[None]:
    """Call ``look`` every ``every_s`` seconds meanwhile, in a thread of this process.

    One that fails is logged, and the next one is made all the same. On leaving, one that is under way is waited for,
    ``patience_s`` seconds at most.
    """
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every_s):
            try:
                look()
            except Exception:
                log.exception("%s failed; trying again in %g s", name, every_s)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(patience_s)
