"""The champion as it is now: the ranker that the registry names, loaded again only when it names another."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from data.domain import Alert, Diagnosis, ModelUsed
from data.errors import ModelError
from data.registry import SHIPPED, Entry, Registry
from data.telemetry import Telemetry
from models.rankers.state import CHAMPION, Champion, read
from pipelines.investigate import investigate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A version of the ranker, ready to answer. Every diagnosis it makes says whose it is."""

    version: int
    digest: str
    model: Champion

    @classmethod
    def of(cls, entry: Entry) -> Loaded:
        """The version, read from its file.

        Raises:
            ModelError: it is damaged, or has never been calibrated.
        """
        _, ranker, confidence, _ = read(entry.path)
        if confidence is None:
            raise ModelError(f"version {entry.version} has not been calibrated")
        return cls(entry.version, entry.digest, Champion(ranker, confidence))

    @property
    def used(self) -> ModelUsed:
        return ModelUsed(version=self.version, digest=self.digest)

    @property
    def name(self) -> str:
        """Names the version in answers and logs."""
        return self.used.name

    def investigate(self, alert: Alert, telemetry: Telemetry, *, as_of: datetime | None = None) -> Diagnosis:
        """The diagnosis by this version; see :func:`pipelines.investigate.investigate`."""
        diagnosis = investigate(alert, telemetry, as_of=as_of, model=self.model)
        return diagnosis.model_copy(update={"model": self.used})


@dataclass
class ChampionInUse:
    """Call it for the champion.

    A version that cannot be loaded is said in the log and the ranker that ships answers: an incident does not wait.
    """

    registry: Registry
    _loaded: Loaded | None = field(default=None, init=False)

    def __call__(self) -> Loaded:
        try:
            return self._load(self.registry.champion())
        except ModelError as error:
            log.error("the champion cannot be used, the ranker that ships answers: %s", error)
            return self._load(self.registry.entry(SHIPPED))

    def _load(self, entry: Entry) -> Loaded:
        before = self._loaded
        if before is None or (before.version, before.digest) != (entry.version, entry.digest):
            before = self._loaded = Loaded.of(entry)
        return before


def champion_below(state_dir: Path) -> Loaded:
    """The champion of the installation in ``state_dir``; the ranker that ships where there is no registry.

    Writes nothing, so that a command may ask that only looks.
    """
    return ChampionInUse(Registry(state_dir / "models", CHAMPION))()
