"""Where an incident lives: what can be read about it, and where its fix goes. One site an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data.domain import Incident
from data.errors import ActionError
from data.sources import Source
from remediation.actions import Deploys, Platform
from remediation.forge import LocalForge

NO_REPOSITORY = "no repository is configured to open a pull request in: set QAI_REPOSITORY"


@dataclass(frozen=True)
class Site:
    """One environment's telemetry, repository and platform; what is None is not ours to touch."""

    sources: Sequence[Source] = ()
    forge: LocalForge | None = None
    base_branch: str = "main"
    platform: Platform | None = None
    deployer: Deploys | None = None

    def repository(self) -> LocalForge:
        """The repository that fixes go to.

        Raises:
            ActionError: none is configured.
        """
        if self.forge is None:
            raise ActionError(NO_REPOSITORY)
        return self.forge


@dataclass(frozen=True)
class Sites:
    """The site of every environment: its own where it has one, else the default."""

    default: Site
    by_environment: Mapping[str, Site] = field(default_factory=dict)

    @property
    def named(self) -> tuple[tuple[str | None, Site], ...]:
        """Every site with its environment; the default's is None."""
        return ((None, self.default), *self.by_environment.items())

    def of(self, incident: Incident) -> Site:
        return self.by_environment.get(incident.environment or "", self.default)
