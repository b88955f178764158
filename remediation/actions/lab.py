"""What may be done to the lab's running shop: deploy what was merged, undo a setting, restart, roll a release back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import JsonValue

from data.action import Operation
from data.domain import Change, ChangeKind
from data.errors import ActionError, InputError, StoreError
from data.lab.lab import Lab
from data.proposal import FlagOff, Remedy, Restart, RevertConfig, RollbackDeploy, Scale, ScaleDown

_NO_UNDO = "a restart leaves nothing to take back"
_NO_REPLICAS = "the lab runs one instance of each service, so it cannot be scaled; a person has to decide what helps"


@dataclass(frozen=True)
class LabPlatform:
    """The shop in ``lab`` as a platform. Everything done to it appears among its change events.

    It has no canary: callers find a service at one address, so there is no share of the traffic to try a change on.
    """

    lab: Lab

    def plan(self, remedy: Remedy) -> Operation:
        """See :meth:`remediation.actions.Platform.plan`."""
        with _as_action_errors():
            if isinstance(remedy, RevertConfig):
                return self._setting(remedy.change_id, remedy.kind)
            if isinstance(remedy, FlagOff):
                return self._setting(remedy.flag, remedy.kind)
            if isinstance(remedy, Restart):
                return self._restart(remedy)
            if isinstance(remedy, RollbackDeploy):
                return self._release_before(remedy)
        if isinstance(remedy, Scale | ScaleDown):
            raise ActionError(_NO_REPLICAS)
        raise ActionError(f"nothing in the lab carries out {remedy.kind}: a person has to do it, by the steps given")

    def rehearse(self, operation: Operation) -> None:
        """The service runs, things are as planned, and the commit to go back to is there."""
        with _as_action_errors():
            self.lab.process_of(operation.service)
            self._require_as_planned(operation)
            if "commit" in operation.after:
                self.lab.require_commit(str(operation.after["commit"]))

    def apply(self, operation: Operation) -> tuple[Change, ...]:
        """See :meth:`remediation.actions.Platform.apply`."""
        if self.missing(operation) is None:
            return ()
        with _as_action_errors():
            self._require_as_planned(operation)
            if operation.kind == "restart":
                return (self.lab.restart(operation.service),)
            if operation.kind == "rollback_deploy":
                return (self.lab.deploy(operation.service, str(operation.after["commit"])),)
            kind = ChangeKind.flag if operation.kind == "flag_off" else ChangeKind.config
            return tuple(
                self.lab.configure(operation.service, key, value, kind=kind) for key, value in operation.after.items()
            )

    def go_on(self, operation: Operation) -> tuple[Change, ...]:
        """Nothing: what is done in the lab is done as a whole."""
        return ()

    def missing(self, operation: Operation) -> str | None:
        """What is not yet as the operation was to leave it."""
        now = self._state(operation)
        if operation.kind == "restart":
            return f"{operation.target} still runs" if now == operation.before else None
        wrong = [f"{key} is {now.get(key)}, not {value}" for key, value in operation.after.items() if now[key] != value]
        return f"{operation.target}: {'; '.join(wrong)}" if wrong else None

    def deploy(self, before_each: Callable[[str], None]) -> tuple[Change, ...]:
        """See :class:`remediation.actions.Deploys`; where a service does not come up, it goes on with what it ran."""
        with _as_action_errors():
            return self.lab.deploy_head(before_each)

    def _setting(self, change_id: str, kind: str) -> Operation:
        change = self.lab.setting_changed_by(change_id)
        service, key, was = str(change.service), str(change.extra["key"]), change.extra["before"]
        now = self.lab.setting(service, key)
        shown, current = ("the shipped value" if value is None else str(value) for value in (was, now))
        return Operation(
            kind=kind,
            service=service,
            target=f"{change.kind.value} {key} of {service}",
            summary=f"Set {key} of {service} back to {shown} (it is {current})",
            before={key: now},
            after={key: was},
        )

    def _restart(self, remedy: Restart) -> Operation:
        instance = self.lab.instance_of(remedy.service)
        return Operation(
            kind=remedy.kind,
            service=remedy.service,
            target=f"instance {instance}",
            summary=f"Replace instance {instance} of {remedy.service} by a new one of the same commit",
            before={"instance": instance},
            after={},
            irreversible=_NO_UNDO,
        )

    def _release_before(self, remedy: RollbackDeploy) -> Operation:
        deployed = self.lab.deploy_called(remedy.change_id)
        service, current, before = str(deployed.service), str(deployed.commit), deployed.extra.get("before")
        if not before or before == current:
            raise ActionError(f"what ran before {remedy.change_id} is not on record; deploy by hand what you want")
        return Operation(
            kind=remedy.kind,
            service=service,
            target=f"release of {service}",
            summary=f"Deploy {service} at {str(before)[:7]} again, which ran before {current[:7]}",
            before={"commit": current},
            after={"commit": str(before)},
        )

    def _state(self, operation: Operation) -> dict[str, JsonValue]:
        """What the operation is about, as it is now."""
        with _as_action_errors():
            if operation.kind == "restart":
                return {"instance": self.lab.instance_of(operation.service)}
            if operation.kind == "rollback_deploy":
                return {"commit": self.lab.running_commit(operation.service)}
            return {key: self.lab.setting(operation.service, key) for key in operation.after}

    def _require_as_planned(self, operation: Operation) -> None:
        now = self._state(operation)
        wrong = [f"{key} is {now.get(key)}, not {was}" for key, was in operation.before.items() if now.get(key) != was]
        if wrong:
            raise ActionError(f"{operation.target} has changed since this was planned ({'; '.join(wrong)}); look again")


@contextmanager
def _as_action_errors() -> Iterator[None]:
    try:
        yield
    except (InputError, StoreError) as error:
        raise ActionError(str(error)) from error
