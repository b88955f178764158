"""What may be done to services on Kubernetes: replicas, a restart, the revision before. Deployments only.

A roll-back is tried on one replica first, by means every Deployment has: with ``maxUnavailable: 0``, ``maxSurge: 1``
and a ``minReadySeconds`` longer than anybody waits, the rollout starts one pod of the revision before, which gets its
share of the traffic, and does not go on until that is set back. So it neither races with a pause nor needs a second
Deployment, and what is lost meanwhile is nothing: every old pod stays.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from data.action import Operation
from data.domain import Change, ChangeKind, now
from data.errors import ActionError
from data.proposal import Remedy, Restart, RollbackDeploy, Scale, ScaleDown
from remediation.actions.cluster import Cluster, Object, merge_patch, revision_of, template_of

RESTARTED = "kubectl.kubernetes.io/restartedAt"
# How much is added where nobody says how much.
GROWTH = 1.5
# How a rollout is held at one replica: longer than a canary is looked at; Kubernetes wants the deadline longer still.
_HELD: Object = {
    "minReadySeconds": 3600,
    "progressDeadlineSeconds": 7200,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
}
_NO_UNDO = "a restart leaves nothing to take back"


@dataclass(frozen=True)
class KubernetesPlatform:
    """The Deployments of one namespace."""

    cluster: Cluster

    def plan(self, remedy: Remedy) -> Operation:
        """See :meth:`remediation.actions.Platform.plan`."""
        if isinstance(remedy, Scale | ScaleDown):
            return self._scale(remedy)
        if isinstance(remedy, Restart):
            return self._restart(remedy)
        if isinstance(remedy, RollbackDeploy) and remedy.service:
            return self._roll_back(remedy.service)
        raise ActionError(f"nothing here carries out {remedy.kind} on Kubernetes: a person has to, by the steps given")

    def rehearse(self, operation: Operation) -> None:
        """Kubernetes itself checks the write, admission included, and keeps nothing of it."""
        deployment = self._as_planned(operation)
        self.cluster.patch(operation.target, self._changes(operation, deployment), dry_run=True)

    def apply(self, operation: Operation) -> tuple[Change, ...]:
        """See :meth:`remediation.actions.Platform.apply`."""
        if self._state(operation, self.cluster.deployment(operation.target)) == operation.after:
            return ()
        return self._written(operation, self._changes(operation, self._as_planned(operation)), operation.summary)

    def go_on(self, operation: Operation) -> tuple[Change, ...]:
        """Roll out to every replica what was tried on one."""
        deployment = self.cluster.deployment(operation.target)
        if self._state(operation, deployment) != operation.after:
            raise ActionError(f"{operation.target} has changed since it was tried on one replica; look again")
        summary = f"Roll Deployment {operation.target} out to every replica, as it was tried on one"
        return self._written(operation, _at_its_own_pace(operation), summary)

    def missing(self, operation: Operation) -> str | None:
        """What is not yet as the operation was to leave it, as Kubernetes' own controllers report."""
        deployment = self.cluster.deployment(operation.target)
        name, spec, status = operation.target, deployment["spec"], deployment.get("status", {})
        if self._state(operation, deployment) != operation.after:
            return f"Deployment {name} is not as it was to be: somebody else changed it"
        if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
            return f"Deployment {name}: Kubernetes has not taken it up yet"
        wanted = 1 if operation.canary else int(spec.get("replicas", 1))
        counted = "readyReplicas" if operation.canary else "availableReplicas"
        updated, ready = int(status.get("updatedReplicas", 0)), int(status.get(counted, 0))
        if updated < wanted or ready < wanted:
            return f"Deployment {name}: {updated} of {wanted} replicas are new, {ready} can be used"
        return None

    # -- planning -------------------------------------------------------------------------------------

    def _scale(self, remedy: Scale | ScaleDown) -> Operation:
        deployment = self.cluster.deployment_of(remedy.service)
        name, current = deployment["metadata"]["name"], int(deployment["spec"].get("replicas", 1))
        if remedy.replicas is None and (remedy.cpu_cores is not None or remedy.memory_mib is not None):
            raise ActionError(f"{name}: resources for each replica are set in its manifest; change them there")
        if remedy.replicas is None and isinstance(remedy, ScaleDown):
            raise ActionError(f"{name}: to how many replicas is not said")
        wanted = math.ceil(current * GROWTH) if remedy.replicas is None else remedy.replicas
        if wanted == current or (wanted < current) is not isinstance(remedy, ScaleDown):
            raise ActionError(f"{name} has {current} replicas, so {wanted} is not what {remedy.kind} says")
        owner = self.cluster.autoscaler_of(deployment)
        if owner is not None:
            raise ActionError(f"autoscaler {owner} decides on the replicas of {name}; change its limits instead")
        return Operation(
            kind=remedy.kind,
            service=remedy.service,
            target=name,
            summary=f"Scale Deployment {name} to {wanted} replicas (it has {current})",
            before={"replicas": current},
            after={"replicas": wanted},
        )

    def _restart(self, remedy: Restart) -> Operation:
        deployment = self.cluster.deployment_of(remedy.service)
        name, annotations = deployment["metadata"]["name"], _annotations(deployment)
        return Operation(
            kind=remedy.kind,
            service=remedy.service,
            target=name,
            summary=f"Restart Deployment {name}, its pods one after the other",
            before={"restarted": annotations.get(RESTARTED)},
            # Written at plan time, so that doing it twice restarts once.
            after={"restarted": now().isoformat(timespec="seconds")},
            irreversible=_NO_UNDO,
        )

    def _roll_back(self, service: str) -> Operation:
        deployment = self.cluster.deployment_of(service)
        name, current = deployment["metadata"]["name"], template_of(deployment)
        sets = self.cluster.replica_sets(deployment)
        running = next((each for each in sets if template_of(each) == current), None)
        if running is None:
            raise ActionError(f"which revision of {name} runs cannot be told; roll it back by hand")
        earlier = [each for each in sets if revision_of(each) < revision_of(running)]
        if not earlier:
            raise ActionError(f"Kubernetes keeps no revision of {name} from before; deploy by hand what you want")
        was = earlier[0]
        pace = {"pace": {key: deployment["spec"].get(key) for key in _HELD}}
        at_once = _why_at_once(deployment)
        how = "on one replica first" if at_once is None else f"all at once: {at_once}"
        revisions = f"to revision {revision_of(was)} (it runs {revision_of(running)})"
        return Operation(
            kind="rollback_deploy",
            service=service,
            target=name,
            summary=f"Roll Deployment {name} back {revisions}, {how}",
            before={"replica_set": running["metadata"]["name"], **pace},
            after={"replica_set": was["metadata"]["name"], **pace},
            canary="one replica, with its share of the traffic" if at_once is None else None,
        )

    # -- doing ----------------------------------------------------------------------------------------

    def _state(self, operation: Operation, deployment: Object) -> dict[str, Any]:
        """What the operation is about, as it is now; how fast it rolls out counts for nothing here."""
        if operation.kind in ("scale", "scale_down"):
            return {"replicas": int(deployment["spec"].get("replicas", 1))}
        if operation.kind == "restart":
            return {"restarted": _annotations(deployment).get(RESTARTED)}
        current = template_of(deployment)
        sets = self.cluster.replica_sets(deployment)
        running = next((each["metadata"]["name"] for each in sets if template_of(each) == current), None)
        return {**operation.after, "replica_set": running}

    def _as_planned(self, operation: Operation) -> Object:
        deployment = self.cluster.deployment(operation.target)
        state = self._state(operation, deployment)
        if state != operation.before:
            raise ActionError(f"Deployment {operation.target} has changed since this was planned; look again")
        return deployment

    def _changes(self, operation: Operation, deployment: Object) -> Object:
        """The merge patch of the Deployment's spec."""
        if operation.kind in ("scale", "scale_down"):
            return {"replicas": operation.after["replicas"]}
        if operation.kind == "restart":
            stamp = {"annotations": {RESTARTED: operation.after["restarted"]}}
            return {"template": {"metadata": stamp}}
        sets = self.cluster.replica_sets(deployment)
        wanted = next((s for s in sets if s["metadata"]["name"] == operation.after["replica_set"]), None)
        if wanted is None:
            raise ActionError(f"Kubernetes does not keep {operation.after['replica_set']} any more")
        template = merge_patch(deployment["spec"]["template"], template_of(wanted))
        return {"template": template, **(_HELD if operation.canary else _at_its_own_pace(operation))}

    def _written(self, operation: Operation, changes: Object, summary: str) -> tuple[Change, ...]:
        written = self.cluster.patch(operation.target, {"spec": changes})
        kind = ChangeKind.deploy if operation.kind == "rollback_deploy" else ChangeKind.infrastructure
        generation = written["metadata"].get("generation", "")
        name = f"{self.cluster.namespace}/{operation.target}@{generation}"
        return (Change(id=name, kind=kind, timestamp=now(), service=operation.service, summary=summary),)


def _annotations(deployment: Object) -> Object:
    """Those of the pod template."""
    return dict(deployment["spec"]["template"].get("metadata", {}).get("annotations") or {})


def _at_its_own_pace(operation: Operation) -> Object:
    """What rolls out as the Deployment did before it was held at one replica; a null takes a field out again."""
    pace = operation.after.get("pace")
    return dict(pace) if isinstance(pace, dict) else {}


def _why_at_once(deployment: Object) -> str | None:
    """Why a Deployment cannot be tried on one replica; None where it can."""
    replicas = int(deployment["spec"].get("replicas", 1))
    if replicas < 2:
        return f"it has {replicas} replica{'' if replicas == 1 else 's'}"
    strategy = deployment["spec"].get("strategy", {}).get("type", "RollingUpdate")
    return None if strategy == "RollingUpdate" else f"its strategy is {strategy}"
