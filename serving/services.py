"""What the web application works with, handed to every router as ``request.app.state.services``.

Built in :mod:`serving.bootstrap`, the only place that picks implementations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from data.brake import Brake
from data.domain import Decision, Feedback, RejectReason
from data.registry import Registry
from data.settings import Settings
from data.store import Store
from pipelines.casefile import CaseFiles
from pipelines.registered import registry_of


class Responder(Protocol):
    """Hands work to the durable flow. Every method returns at once; the flow goes on by itself."""

    def handle(self, key: str) -> None:
        """Take in a stored alert. Calling it twice for one alert has the effect of calling it once."""
        ...

    def approve(self, incident_id: str, by: str) -> Decision:
        """A person approves the open pull request.

        Raises:
            PolicyError: if the policy does not let ``by`` approve, or somebody has decided already.
            StoreError: if there is no such incident, or nothing waits for approval.
        """
        ...

    def reject(
        self,
        incident_id: str,
        by: str,
        reason: RejectReason,
        *,
        true_service: str | None = None,
        true_change: str | None = None,
        comment: str = "",
    ) -> Feedback:
        """A person turns the proposal down; what they said is stored. Raises as :meth:`approve` does."""
        ...


@dataclass(frozen=True)
class Services:
    """The application's collaborators."""

    settings: Settings
    store: Store
    responder: Responder

    @property
    def brake(self) -> Brake:
        """The emergency stop."""
        return Brake.of(self.store.engine, self.settings.state_dir)

    @property
    def files(self) -> CaseFiles:
        """What is kept about the incidents."""
        return CaseFiles(self.store, self.settings.state_dir / "incidents")

    @property
    def registry(self) -> Registry:
        """The versions of the ranker."""
        return registry_of(self.settings, self.store.engine)
