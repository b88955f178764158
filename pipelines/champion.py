"""The champion as it is now: the ranker that the registry names, loaded again only when it names another."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from data.errors import ModelError
from data.registry import Registry
from models.rankers.state import Champion, read

log = logging.getLogger(__name__)


@dataclass
class ChampionInUse:
    """Call it for the champion; None stands for the ranker that ships.

    A version that cannot be loaded is said in the log and the shipped ranker answers: an incident does not wait for it.
    """

    registry: Registry
    _loaded: tuple[str, Champion] | None = field(default=None, init=False)

    def __call__(self) -> Champion | None:
        try:
            entry = self.registry.champion()
            if self._loaded is None or self._loaded[0] != entry.digest:
                _, ranker, confidence, _ = read(entry.path)
                if confidence is None:
                    raise ModelError(f"version {entry.version} has not been calibrated")
                self._loaded = (entry.digest, Champion(ranker, confidence))
            return self._loaded[1]
        except ModelError as error:
            log.error("the champion cannot be used, the ranker that ships answers: %s", error)
            return None
