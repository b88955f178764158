"""The shop for real: processes on loopback, HTTP between them, SQLite behind inventory, git underneath."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert, Change, ChangeKind, now
from data.errors import ActionError, InputError
from data.lab.lab import SERVICES, Lab
from data.lab.repository import git
from data.sources import Request
from data.telemetry import Telemetry

SKUS = [f"SKU-{number:04d}" for number in range(6)]


def send(lab: Lab, method: str, path: str, body: object = None, service: str = "frontend") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(lab.url(service) + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def status_of(lab: Lab, method: str, path: str, body: object = None, service: str = "frontend") -> int:
    try:
        send(lab, method, path, body, service)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def order(lab: Lab, voucher: str | None = None) -> Any:
    """Fill a basket and buy it. The gateway declines a card now and then, as gateways do; another try may pass."""
    session = secrets.token_hex(6)
    send(lab, "POST", f"/basket/{session}", {"lines": [{"sku": sku, "units": 1} for sku in SKUS]})
    for _ in range(5):
        try:
            return send(lab, "POST", f"/checkout/{session}", {"card": "tok_test", "voucher": voucher})
        except urllib.error.HTTPError as error:
            if error.code != 402:
                raise
    pytest.fail("five cards in a row were declined")


def seen(lab: Lab, since: datetime, as_of: datetime | None = None) -> Telemetry:
    alert = Alert(id="a", source="test", service="frontend", title="t", fired_at=now(), group="a")
    return lab.source().collect(Request(alert, since, as_of or now()))


def eventually(look: Callable[[], Any], deadline_s: float = 8.0) -> Any:
    """What ``look`` returns as soon as it is true."""
    end = time.monotonic() + deadline_s
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    assert found
    return found


def calls(lab: Lab, since: datetime, caller: str, callee: str) -> pd.DataFrame:
    spans = seen(lab, since).spans
    return spans[(spans["service"] == caller) & (spans.get("peer") == callee)]


def test_everything_runs_once_however_often_it_is_started(lab: Lab) -> None:
    before = lab.status()
    assert before.is_up
    assert [service.name for service in before.services] == list(SERVICES)
    assert lab.up() == before
    assert {service.commit for service in before.services} == {lab.head()}


def test_an_order_is_one_trace_through_the_services(lab: Lab) -> None:
    since = now()
    assert order(lab)["cents"] > 0
    root_of = "POST /checkout/{session}"

    def trace() -> pd.DataFrame | None:
        spans = seen(lab, since).spans
        roots = spans[(spans["operation"] == root_of) & spans["parent_id"].isna()]
        found = spans[spans["trace_id"].isin(roots["trace_id"])]
        # Each service exports its spans by itself, once a second.
        whole = {*found["parent_id"].dropna()} <= {*found["span_id"]}
        return (
            found if whole and {"frontend", "checkout", "cart", "inventory", "payment"} <= {*found["service"]} else None
        )

    spans = eventually(lambda: (found := trace()) is not None and [found])[0]
    assert spans["duration_ms"].max() == spans.loc[spans["parent_id"].isna(), "duration_ms"].max()


def test_metrics_logs_and_topology_arrive(lab: Lab) -> None:
    since = now()
    order(lab)
    send(lab, "GET", "/?category=books")
    send(lab, "GET", "/products/SKU-0007")

    def arrived() -> Telemetry | None:
        telemetry = seen(lab, since)
        edges = {("payment", "gateway"), ("catalogue", "inventory"), ("recommendation", "catalogue")}
        complete = {*SERVICES} <= {*telemetry.metrics.services} and edges <= {*telemetry.graph.edges}
        return telemetry if complete and "checkout" in {*telemetry.logs["service"]} else None

    telemetry: Telemetry = eventually(arrived)
    assert telemetry.missing == ()
    steps = np.diff(telemetry.metrics.timestamps).astype("timedelta64[ms]").astype(int)
    assert {int(step) % 500 for step in steps} <= {0}  # all services sample on one grid


def test_nothing_later_than_asked_for_is_told(lab: Lab) -> None:
    since = now()
    order(lab)
    eventually(lambda: len(seen(lab, since).spans))
    lab.deploy("payment", lab.head())
    assert seen(lab, since).changes[-1].id.startswith("deploy-payment")
    past = seen(lab, since - timedelta(minutes=1), as_of=since)
    ends = past.spans["timestamp"] + pd.to_timedelta(past.spans["duration_ms"], unit="ms")
    assert (ends <= pd.Timestamp(since)).all()
    assert (past.logs["timestamp"] <= pd.Timestamp(since)).all()
    assert all(change.timestamp <= since for change in past.changes)


def test_a_deploy_drops_no_request_and_is_told(lab: Lab) -> None:
    old = next(service for service in lab.status().services if service.name == "catalogue")
    change = lab.deploy("catalogue", lab.head()[:10])
    assert (change.kind, change.commit, change.removed_instances) == (ChangeKind.deploy, lab.head(), (old.instance,))
    assert send(lab, "GET", "/products/SKU-0001")["sku"] == "SKU-0001"
    assert next(s for s in lab.status().services if s.name == "catalogue").pid not in {None, old.pid}


def test_a_bad_commit_multiplies_calls_and_its_revert_undoes_that(lab: Lab) -> None:
    def calls_of_a_page() -> int:
        since = now()
        assert len(send(lab, "GET", "/?category=toys")["products"]) == 48
        eventually(lambda: len(calls(lab, since, "frontend", "catalogue")))
        time.sleep(1.2)  # catalogue's own spans are exported once a second, too
        return len(calls(lab, since, "catalogue", "inventory"))

    assert calls_of_a_page() == 1
    truth = lab.break_("n-plus-one", seed=3, innocent=1, gap_s=0.0)
    assert truth.services == ("catalogue",)
    assert {*truth.changes, *truth.innocent} <= {change.id for change in seen(lab, now()).changes}
    assert lab.truths() == (truth,)
    assert calls_of_a_page() == 48
    with pytest.raises(ActionError, match="in already"):
        lab.break_("n-plus-one")
    undone = lab.heal(truth)
    assert [change.service for change in undone] == ["catalogue"]
    assert lab.truths() == ()
    assert calls_of_a_page() == 1
    assert git(lab.repository, "status", "--porcelain") == ""


def test_a_revert_somebody_else_merged_only_has_to_be_deployed(lab: Lab) -> None:
    truth = lab.break_("wrong-timeout", innocent=0)
    person = ("-c", "user.name=T", "-c", "user.email=t@shop.example")
    git(lab.repository, *person, "revert", "--no-edit", truth.changes[0])
    deployed = lab.deploy_head()
    assert "payment" in {change.service for change in deployed}
    head = lab.head()
    assert lab.heal(truth) == ()
    assert lab.head() == head


def test_a_branch_that_breaks_later_works_until_then(lab: Lab) -> None:
    truth = lab.break_("exception-on-branch", innocent=0, delay_s=30.0)
    assert truth.starts_at - truth.injected_at == timedelta(seconds=30)
    assert order(lab)["cents"] > 0
    with pytest.raises(urllib.error.HTTPError, match="500"):
        order(lab, "SPRING15")
    lab.heal(truth)
    assert order(lab, "SPRING15")["cents"] > 0


def test_a_bad_line_slows_the_calls_that_use_it(lab: Lab) -> None:
    def waited_ms() -> float:
        since = now()
        order(lab)
        eventually(lambda: len(calls(lab, since, "checkout", "inventory")))
        return float(calls(lab, since, "checkout", "inventory")["duration_ms"].median())

    assert waited_ms() < 150
    truth = lab.break_("network-delay", innocent=0)
    assert truth.changes == ()
    assert waited_ms() > 250
    assert lab.heal(truth) == ()  # no change event gives it away
    assert waited_ms() < 150


def test_a_lost_name_fails_the_callers_calls(lab: Lab) -> None:
    body = {"lines": [{"sku": SKUS[0], "units": 1}]}
    truth = lab.break_("dns-failure", innocent=0)
    since = now()
    assert status_of(lab, "POST", "/basket/abc", body) == 503
    logs = eventually(lambda: not (t := seen(lab, since)).spans.empty and [*t.spans["error"].dropna()])
    assert any("name or service not known: catalogue" in error for error in logs)
    lab.heal(truth)
    assert status_of(lab, "POST", "/basket/abc", body) == 200


def test_what_no_change_causes_can_begin_later(lab: Lab) -> None:
    def answer() -> int:
        return status_of(lab, "POST", "/basket/abc", {"lines": [{"sku": SKUS[0], "units": 1}]})

    truth = lab.break_("dns-failure", innocent=0, delay_s=2.0)
    assert answer() == 200
    eventually(lambda: answer() == 503)
    assert now() >= truth.starts_at
    lab.heal(truth)
    assert answer() == 200
    again = lab.break_("dns-failure", innocent=0, delay_s=600.0)
    lab.heal(again)  # before it began
    assert not [process for process in lab.processes.all() if "dns-failure" in process.name]


def test_a_break_that_is_interrupted_can_be_healed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Exception):
        pass

    def interrupted(service: str, commit: str) -> Change:
        raise Interrupted

    code = git(lab.repository, "rev-parse", "main^{tree}")
    with monkeypatch.context() as patched:
        patched.setattr(lab, "deploy", interrupted)
        with pytest.raises(Interrupted):
            lab.break_("pool-cut", innocent=0)
    assert git(lab.repository, "rev-parse", "main^{tree}") != code
    [truth] = lab.truths()
    assert truth.fault == "pool-cut"
    lab.heal(truth)
    assert git(lab.repository, "rev-parse", "main^{tree}") == code
    assert lab.truths() == ()


def test_what_nothing_runs_any_more_is_removed(lab: Lab) -> None:
    for commit in git(lab.repository, "log", "--format=%H", "-5", "main~1").split():
        lab.deploy("cart", commit)
    lab.deploy_head()
    kept = {folder.name for folder in (lab.state_dir / "releases").iterdir()}
    running = {lab.running_commit(service) for service in SERVICES}
    assert running <= kept
    assert len(kept - running) == 3


def test_a_full_volume_refuses_orders_until_there_is_room(lab: Lab) -> None:
    truth = lab.break_("disk-full", innocent=0)

    def refused() -> bool:
        try:
            order(lab)
        except urllib.error.HTTPError as error:
            return error.code == 500
        return False

    eventually(refused)  # what is still free inside the file is filled first
    lab.heal(truth)
    assert order(lab)["cents"] > 0


def test_a_setting_acts_at_once_and_is_told(lab: Lab) -> None:
    truth = lab.break_("bad-url", innocent=0)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        order(lab)
    undone: tuple[Change, ...] = lab.heal(truth)
    assert [(change.kind, change.service) for change in undone] == [(ChangeKind.config, "payment")]
    assert order(lab)["cents"] > 0


def test_what_cannot_be_done_is_refused_with_a_remedy(lab: Lab) -> None:
    with pytest.raises(InputError, match="no fault 'fire'"):
        lab.break_("fire")
    with pytest.raises(InputError, match="exception-on-branch"):
        lab.break_("n-plus-one", delay_s=5)
    with pytest.raises(InputError, match="choose from frontend"):
        lab.deploy("warehouse", lab.head())
    with pytest.raises(InputError, match="no commit"):
        lab.deploy("cart", "0000000")


def test_a_service_that_cannot_start_says_why_and_the_old_one_goes_on(lab: Lab) -> None:
    head = lab.head()
    (lab.repository / "cart" / "app.py").write_text("raise RuntimeError('no shelf for baskets')\n")
    person = ("-c", "user.name=T", "-c", "user.email=t@shop.example")
    git(lab.repository, *person, "commit", "--quiet", "-am", "break cart")
    try:
        with pytest.raises(ActionError, match="no shelf for baskets"):
            lab.deploy("cart", lab.head())
        assert lab.running_commit("cart") != lab.head()
        assert order(lab)["cents"] > 0
    finally:
        git(lab.repository, "reset", "--quiet", "--hard", head)


def test_two_faults_can_be_in_at_once_and_go_one_by_one(lab: Lab) -> None:
    first, second = lab.break_("bad-url", innocent=0), lab.break_("network-delay", innocent=0)
    assert {truth.fault for truth in lab.truths()} == {"bad-url", "network-delay"}
    lab.heal(first)
    assert lab.truths() == (second,)
    since = now()
    order(lab)
    eventually(lambda: len(calls(lab, since, "checkout", "inventory")))
    assert calls(lab, since, "checkout", "inventory")["duration_ms"].min() > 250
    lab.heal(second)
    lab.heal(second)  # twice is harmless
    assert lab.truths() == ()
