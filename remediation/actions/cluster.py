"""One namespace of a Kubernetes cluster, through the official client: what is read of it, and the one way to write.

Objects are the API's own JSON (https://kubernetes.io/docs/reference/kubernetes-api/). Writes are JSON merge patches
(RFC 7386) of Deployments, and are never tried again by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from data.errors import ActionError, ConfigError

Object: TypeAlias = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_TIMEOUT_S = 20.0
_MISSING = "the Kubernetes client is not installed; pip install 'qai-sre[kubernetes]'"


@dataclass(frozen=True)
class Cluster:
    """``namespace`` of the cluster that ``client`` (a ``kubernetes.client.ApiClient``) speaks to."""

    client: Any
    namespace: str

    @classmethod
    def connect(cls, namespace: str, context: str | None = None) -> Cluster:
        """By the kubeconfig's ``context``, its current one where None; inside a pod, by its service account.

        Raises:
            ConfigError: the client is not installed, or finds no configuration that can be used.
        """
        try:
            from kubernetes import client, config
        except ImportError as missing:
            raise ConfigError(f"QAI_KUBERNETES_NAMESPACE: {_MISSING}") from missing
        found = client.Configuration()
        found.retries = False
        try:
            if context is None:
                config.load_config(client_configuration=found)
            else:
                config.load_kube_config(context=context, client_configuration=found)
        except config.ConfigException as failed:
            raise ConfigError(f"QAI_KUBERNETES_CONTEXT: {failed}") from failed
        return cls(client.ApiClient(found), namespace)

    def deployment(self, name: str) -> Object:
        """A Deployment by its name. Raises ActionError where there is none, or it cannot be read."""
        return self._ask(lambda apps: apps.read_namespaced_deployment(name, self.namespace, **_RAW))

    def deployment_of(self, service: str) -> Object:
        """The one Deployment of a service: of that name, else with it as label ``app.kubernetes.io/name`` or ``app``.

        Raises:
            ActionError: there is none, or more than one.
        """
        items = self._ask(lambda apps: apps.list_namespaced_deployment(self.namespace, **_RAW))["items"]
        named = [item for item in items if item["metadata"]["name"] == service]
        found = named or [item for item in items if service in _names_of(item)]
        if len(found) != 1:
            many = ", ".join(item["metadata"]["name"] for item in found) or "none"
            raise ActionError(f"which Deployment in {self.namespace} is {service}'s cannot be told: {many}")
        return dict(found[0])

    def replica_sets(self, deployment: Object) -> list[Object]:
        """The ReplicaSets a Deployment owns, the newest revision first."""
        items = self._ask(lambda apps: apps.list_namespaced_replica_set(self.namespace, **_RAW))["items"]
        uid = deployment["metadata"].get("uid")
        owned = [i for i in items if any(o.get("uid") == uid for o in i["metadata"].get("ownerReferences", []))]
        return sorted(owned, key=revision_of, reverse=True)

    def autoscaler_of(self, deployment: Object) -> str | None:
        """The name of the HorizontalPodAutoscaler that decides on a Deployment's replicas; None where none does."""
        from kubernetes import client

        def listed(_: Any) -> Any:
            scaling = client.AutoscalingV2Api(self.client)
            return scaling.list_namespaced_horizontal_pod_autoscaler(self.namespace, **_RAW)

        name = deployment["metadata"]["name"]
        for item in self._ask(listed)["items"]:
            target = item["spec"]["scaleTargetRef"]
            if (target.get("kind"), target.get("name")) == ("Deployment", name):
                return str(item["metadata"]["name"])
        return None

    def patch(self, name: str, changes: Object, *, dry_run: bool = False) -> Object:
        """Change a Deployment; with ``dry_run`` the server checks it, admission included, and keeps nothing."""
        more = {"dry_run": "All"} if dry_run else {}
        kind = "application/merge-patch+json"
        return self._ask(
            lambda apps: apps.patch_namespaced_deployment(
                name, self.namespace, changes, field_manager="qai-sre", _content_type=kind, **more, **_RAW
            )
        )

    def _ask(self, call: Callable[[Any], Any]) -> Object:
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        try:
            return dict(json.loads(call(client.AppsV1Api(self.client)).data))
        except client.ApiException as failed:
            raise ActionError(f"Kubernetes answered {failed.status}: {_message(failed)}") from failed
        except (HTTPError, ValueError) as failed:
            raise ActionError(f"Kubernetes could not be asked: {type(failed).__name__}: {failed}") from failed


_RAW: dict[str, Any] = {"_preload_content": False, "_request_timeout": _TIMEOUT_S}


def revision_of(item: Object) -> int:
    """The rollout a Deployment or ReplicaSet belongs to; 0 where it says nothing."""
    text = str(item["metadata"].get("annotations", {}).get(REVISION, "0"))
    return int(text) if text.isdecimal() else 0


def template_of(item: Object) -> Object:
    """The pod template of a Deployment or ReplicaSet, without the label that tells ReplicaSets apart."""
    template: Object = json.loads(json.dumps(item["spec"]["template"]))
    template.get("metadata", {}).get("labels", {}).pop(HASH, None)
    return template


def merge_patch(current: Object, wanted: Object) -> Object:
    """The JSON merge patch that makes ``wanted`` out of ``current``: what is not wanted becomes null."""
    patch: Object = {key: None for key in current if key not in wanted}
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(current.get(key), dict):
            if inner := merge_patch(current[key], value):
                patch[key] = inner
        elif key not in current or current[key] != value:
            patch[key] = value
    return patch


def _names_of(item: Object) -> set[str]:
    labels = item["metadata"].get("labels") or {}
    return {labels[key] for key in ("app.kubernetes.io/name", "app") if key in labels}


def _message(failed: Any) -> str:
    try:
        return str(json.loads(failed.body)["message"])[:300]
    except (TypeError, ValueError, KeyError):
        return str(failed.reason)
