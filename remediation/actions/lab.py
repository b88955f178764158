"""What may be done to the lab's running shop: deploy what was merged, undo a setting, restart a service."""

from __future__ import annotations

from dataclasses import dataclass

from data.domain import Change
from data.errors import ActionError, InputError, StoreError
from data.lab.lab import Lab
from data.proposal import FlagOff, Remedy, Restart, RevertConfig


@dataclass(frozen=True)
class LabPlatform:
    """The shop in ``lab`` as a platform. Everything done to it appears among its change events."""

    lab: Lab

    def carries_out(self, remedy: Remedy) -> bool:
        """Whether :meth:`apply` knows how."""
        return isinstance(remedy, RevertConfig | FlagOff | Restart)

    def apply(self, remedy: Remedy) -> tuple[Change, ...]:
        """Carry out a remedy that is not code; done before, it changes nothing more.

        Raises:
            ActionError: it cannot be carried out here, or did not work.
        """
        try:
            if isinstance(remedy, RevertConfig):
                return (self.lab.undo(remedy.change_id),)
            if isinstance(remedy, FlagOff):
                return (self.lab.undo(remedy.flag),)
            if isinstance(remedy, Restart):
                return (self.lab.restart(remedy.service),)
        except (InputError, StoreError) as error:
            raise ActionError(str(error)) from error
        raise ActionError(f"nothing here carries out {remedy.kind}")

    def deploy(self) -> tuple[Change, ...]:
        """Deploy the newest commit to every service whose code it changes; one deploy for each, or none.

        Raises:
            ActionError: a service did not come up; it goes on with what it ran.
        """
        try:
            return self.lab.deploy_head()
        except (InputError, StoreError) as error:
            raise ActionError(str(error)) from error
