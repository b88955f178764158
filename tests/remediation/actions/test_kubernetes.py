"""Deployments on the wire: the official client against kmock, which keeps objects and has no controllers."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.errors import ActionError, ConfigError
from data.proposal import Restart, RevertConfig, RollbackDeploy, Scale, ScaleDown
from remediation.actions.cluster import Cluster, merge_patch
from remediation.actions.kubernetes import RESTARTED, KubernetesPlatform

kmock = pytest.importorskip("kmock", reason="kmock is not installed (pip install kmock kubernetes)")
client = pytest.importorskip("kubernetes.client", reason="the Kubernetes client is not installed")

DEPLOYMENTS, SETS = "deployments.v1.apps", "replicasets.v1.apps"
AUTOSCALERS = "horizontalpodautoscalers.v2.autoscaling"


class Emulator(kmock.KubernetesEmulator):  # type: ignore[misc, name-defined]
    """Keeps nothing of a dry run, as a real server: kmock would."""

    async def _handle(self, request: Any) -> Any:
        if "dryRun" not in request.url.query:
            return await super()._handle(request)
        found = self.objects[request.resource, request.namespace, request.name]
        before = copy.deepcopy(found.last.raw)
        try:
            return await super()._handle(request)
        finally:
            found.patch(merge_patch(found.last.raw, before))


class Server:
    """A namespace ``shop`` with one Deployment, in a thread of its own."""

    def __init__(self) -> None:
        self._started, self.url = threading.Event(), ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Emulator() as self.kmock, kmock.Server(self.kmock) as server:
            for name, kind in ((DEPLOYMENTS, "Deployment"), (SETS, "ReplicaSet"), (AUTOSCALERS, "Autoscaler")):
                self.kmock.resources[name] = {"kind": kind, "namespaced": True}
            self.url = str(server.url).rstrip("/")
            self._started.set()
            await self._stop.wait()

    def put(self, resource: str, name: str, body: dict[str, Any]) -> None:
        metadata = {"name": name, "namespace": "shop", **body.pop("metadata", {})}
        self.kmock.objects[resource, "shop", name] = {"metadata": metadata, **body}

    def spec(self, name: str = "cart") -> dict[str, Any]:
        return dict(self.kmock.objects[DEPLOYMENTS, "shop", name].last.raw["spec"])

    def report(self, **status: int) -> None:
        """What the controllers of a real cluster would say."""
        self.kmock.objects[DEPLOYMENTS, "shop", "cart"].patch({"status": status})


def template(image: str, **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"labels": {"app": "cart"}}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {"containers": [{"name": "cart", "image": image}]}}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    return filled(running)


def filled(server: Server) -> Server:
    """Deployment ``cart`` at its second revision, and the ReplicaSets of both."""
    spec = {"replicas": 3, "minReadySeconds": 5, "template": template("cart:2", traced="yes")}
    metadata = {"uid": "u1", "generation": 2, "labels": {"app": "basket"}}
    server.put(DEPLOYMENTS, "cart", {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 2}})
    for number in (1, 2):
        made = template(f"cart:{number}", **({"traced": "yes"} if number == 2 else {}))
        made["metadata"]["labels"]["pod-template-hash"] = f"h{number}"
        owner = {"ownerReferences": [{"uid": "u1"}], "annotations": {"deployment.kubernetes.io/revision": str(number)}}
        server.put(SETS, f"cart-h{number}", {"metadata": owner, "spec": {"template": made}})
    return server


def platform_at(url: str) -> KubernetesPlatform:
    configuration = client.Configuration(host=url)
    configuration.retries = False
    return KubernetesPlatform(Cluster(client.ApiClient(configuration), "shop"))


@pytest.fixture
def platform(server: Server) -> KubernetesPlatform:
    return platform_at(server.url)


def test_replicas_are_added_once_and_taken_back(platform: KubernetesPlatform, server: Server) -> None:
    operation = platform.plan(Scale(service="cart", reason="demand rose"))
    platform.rehearse(operation)
    assert server.spec()["replicas"] == 3, "a dry run keeps nothing"
    [change] = platform.apply(operation)
    assert change.service == "cart"
    assert server.spec()["replicas"] == 5
    assert platform.apply(operation) == (), "done before, nothing is done"
    assert "0 of 5 replicas are new" in str(platform.missing(operation))
    server.report(updatedReplicas=5, availableReplicas=5)
    assert platform.missing(operation) is None
    platform.apply(operation.reversed())
    assert server.spec()["replicas"] == 3


def test_what_somebody_else_changed_since_is_left_alone(platform: KubernetesPlatform, server: Server) -> None:
    operation = platform.plan(Scale(service="cart", reason="demand rose", replicas=4))
    server.kmock.objects[DEPLOYMENTS, "shop", "cart"].patch({"spec": {"replicas": 8}})
    for refused in (platform.rehearse, platform.apply):
        with pytest.raises(ActionError, match="has changed since this was planned"):
            refused(operation)
    assert server.spec()["replicas"] == 8


def test_an_autoscaler_is_not_worked_against(platform: KubernetesPlatform, server: Server) -> None:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}}
    server.put(AUTOSCALERS, "cart-hpa", {"spec": target})
    with pytest.raises(ActionError, match="autoscaler cart-hpa decides"):
        platform.plan(Scale(service="cart", reason="demand rose"))
    server.kmock.objects[AUTOSCALERS, "shop", "cart-hpa"].delete()


def test_a_restart_happens_once_and_leaves_nothing_to_take_back(platform: KubernetesPlatform, server: Server) -> None:
    operation = platform.plan(Restart(service="cart", reason="a leak"))
    platform.rehearse(operation)
    platform.apply(operation)
    stamp = server.spec()["template"]["metadata"]["annotations"][RESTARTED]
    assert platform.apply(operation) == ()
    assert server.spec()["template"]["metadata"]["annotations"] == {"traced": "yes", RESTARTED: stamp}
    assert operation.irreversible is not None


def test_a_roll_back_is_tried_on_one_replica_and_then_goes_on(platform: KubernetesPlatform, server: Server) -> None:
    operation = platform.plan(RollbackDeploy(change_id="d1", service="cart"))
    assert "revision 1 (it runs 2), on one replica first" in operation.summary
    platform.rehearse(operation)
    platform.apply(operation)
    spec = server.spec()
    assert spec["template"] == template("cart:1"), "what the revision before did not have is gone"
    assert spec["minReadySeconds"] == 3600
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    server.report(observedGeneration=2, updatedReplicas=1, readyReplicas=4)
    assert platform.missing(operation) is None, "one is enough for now"
    platform.go_on(operation)
    spec = server.spec()
    assert (spec["minReadySeconds"], "progressDeadlineSeconds" in spec, "strategy" in spec) == (5, False, False)


def test_a_canary_that_does_harm_is_taken_back(platform: KubernetesPlatform, server: Server) -> None:
    operation = platform.plan(RollbackDeploy(change_id="d1", service="cart"))
    before = server.spec()
    platform.apply(operation)
    platform.apply(operation.reversed())
    assert server.spec() == before


@pytest.mark.parametrize(
    ("spec", "why"), [({"replicas": 1}, "it has 1 replica"), ({"strategy": {"type": "Recreate"}}, "its strategy is")]
)
def test_where_no_canary_is_possible_that_is_said(
    platform: KubernetesPlatform, server: Server, spec: dict[str, Any], why: str
) -> None:
    server.kmock.objects[DEPLOYMENTS, "shop", "cart"].patch({"spec": spec})
    operation = platform.plan(RollbackDeploy(change_id="d1", service="cart"))
    assert operation.canary is None
    assert f"all at once: {why}" in operation.summary


@pytest.mark.parametrize(
    ("remedy", "why"),
    [
        (Scale(service="nobody", reason="r"), "cannot be told: none"),
        (Scale(service="cart", reason="r", replicas=2), "is not what scale says"),
        (ScaleDown(service="cart", reason="r", replicas=5), "is not what scale_down says"),
        (Scale(service="cart", reason="r", cpu_cores=2.0), "set in its manifest"),
        (RevertConfig(change_id="c1", service="cart"), "a person has to"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    platform: KubernetesPlatform, server: Server, remedy: Any, why: str
) -> None:
    with pytest.raises(ActionError, match=why):
        platform.plan(remedy)


def test_a_service_is_found_by_its_label(platform: KubernetesPlatform, server: Server) -> None:
    assert platform.plan(Scale(service="basket", reason="r")).target == "cart"


def test_what_kubernetes_refuses_is_an_action_error() -> None:
    with Server() as server:
        filled(server)
        operation = platform_at(server.url).plan(Scale(service="cart", reason="r"))
        server.kmock["patch"] << 403
        with pytest.raises(ActionError, match="Kubernetes answered 403"):
            platform_at(server.url).apply(operation)


def test_a_cluster_that_cannot_be_reached_is_an_action_error() -> None:
    with pytest.raises(ActionError, match="could not be asked"):
        platform_at("http://127.0.0.1:9").plan(Scale(service="cart", reason="r"))


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Path:
    """A kubeconfig with one context, ``lab``, that is not the current one."""
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    # The client reads KUBECONFIG once, when it is loaded.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


def test_a_cluster_is_found_by_its_context(kubeconfig: Path) -> None:
    assert Cluster.connect("shop", "lab").deployment_of("cart")["metadata"]["name"] == "cart"


def test_a_context_that_is_none_is_a_setting_at_fault(kubeconfig: Path) -> None:
    with pytest.raises(ConfigError, match=r"QAI_KUBERNETES_CONTEXT: .*production"):
        Cluster.connect("shop", "production")
