"""The champion and the challenger as the registry names them now, loaded again only when it names others."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from data.errors import ModelError
from data.registry import SHIPPED, Entry, Registry
from pipelines.champion import Loaded

log = logging.getLogger(__name__)
POLL_S = 0.3


@dataclass(frozen=True)
class InUse:
    """Who answers, and who is on trial."""

    champion: Loaded
    challenger: Loaded | None = None


@dataclass
class Rankers:
    """Looks at the registry at most every ``poll_s``, when asked; a request keeps what it was given.

    A version that cannot be loaded changes nothing: what was in use goes on answering, and the log says why.
    """

    registry: Registry
    poll_s: float = POLL_S
    clock: Callable[[], float] = time.monotonic
    _in_use: InUse | None = field(default=None, init=False)
    _looked: float = field(default=float("-inf"), init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def current(self) -> InUse:
        """What is in use now.

        Raises:
            ModelError: if there never was a champion that could be loaded.
        """
        with self._lock:
            if self._in_use is None or self.clock() - self._looked >= self.poll_s:
                self._look()
                self._looked = self.clock()
            assert self._in_use is not None
            return self._in_use

    def _look(self) -> None:
        before = self._in_use
        try:
            champion = _loaded(self.registry.champion(), before.champion if before else None)
        except ModelError as error:
            champion = before.champion if before else _loaded(self.registry.entry(SHIPPED), None)
            log.error("the champion cannot be used, %s goes on answering: %s", champion.name, error)
        self._in_use = InUse(champion, self._challenger(before))
        if before is None or before.champion.digest != champion.digest:
            log.info("%s answers", champion.name)

    def _challenger(self, before: InUse | None) -> Loaded | None:
        try:
            entry = self.registry.challenger()
            return None if entry is None else _loaded(entry, before.challenger if before else None)
        except ModelError as error:
            log.error("the challenger cannot be tried: %s", error)
            return None


def _loaded(entry: Entry, before: Loaded | None) -> Loaded:
    if before is not None and (before.version, before.digest) == (entry.version, entry.digest):
        return before
    return Loaded.of(entry)
