"""What may be done to the shop, done to a real one: settings, restarts, releases; done once, and taken back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.domain import ChangeKind
from data.errors import ActionError
from data.lab.lab import Lab
from data.lab.repository import git
from data.proposal import FlagOff, Restart, RevertConfig, RollbackDeploy, Scale, Tune
from remediation.actions.lab import LabPlatform

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the lab runs on Linux only")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPlatform]:
    lab = Lab(tmp_path_factory.mktemp("lab") / "state", interval_s=5.0)
    try:
        lab.up()
        yield LabPlatform(lab)
    finally:
        lab.down()


def test_a_setting_is_put_back_once_and_taken_back(platform: LabPlatform) -> None:
    lab = platform.lab
    lab.configure("cart", "max_requests_per_second", 40)
    broken = lab.configure("cart", "max_requests_per_second", 2)
    operation = platform.plan(RevertConfig(change_id=broken.id, service="cart"))
    assert (operation.before, operation.after) == ({"max_requests_per_second": 2}, {"max_requests_per_second": 40})
    platform.rehearse(operation)
    assert lab.setting("cart", "max_requests_per_second") == 2, "planned and rehearsed, not done"
    assert "is 2, not 40" in str(platform.missing(operation))
    [change] = platform.apply(operation)
    assert change.kind is ChangeKind.config
    assert lab.setting("cart", "max_requests_per_second") == 40
    assert platform.missing(operation) is None
    assert platform.apply(operation) == (), "done before, nothing is done"
    platform.apply(operation.reversed())
    assert lab.setting("cart", "max_requests_per_second") == 2


def test_a_flag_somebody_has_set_since_is_left_alone(platform: LabPlatform) -> None:
    flag = platform.lab.configure("recommendation", "personalised", True, kind=ChangeKind.flag)
    operation = platform.plan(FlagOff(flag=flag.id, service="recommendation"))
    assert operation.after == {"personalised": None}
    platform.lab.configure("recommendation", "personalised", "half", kind=ChangeKind.flag)
    for refused in (platform.rehearse, platform.apply):
        with pytest.raises(ActionError, match="has changed since this was planned"):
            refused(operation)
    assert platform.lab.setting("recommendation", "personalised") == "half"


def test_a_restart_is_done_once(platform: LabPlatform) -> None:
    before = platform.lab.instance_of("payment")
    operation = platform.plan(Restart(service="payment", reason="a leak"))
    platform.rehearse(operation)
    assert platform.missing(operation) == f"instance {before} still runs"
    [change] = platform.apply(operation)
    assert change.removed_instances == (before,)
    after = platform.lab.instance_of("payment")
    assert after != before
    assert platform.apply(operation) == ()
    assert platform.lab.instance_of("payment") == after
    assert operation.irreversible is not None


def test_a_release_is_rolled_back_and_forward_again(platform: LabPlatform) -> None:
    lab = platform.lab
    newest, older = lab.head(), git(lab.repository, "rev-parse", "main~3").strip()
    deployed = lab.deploy("checkout", older)
    operation = platform.plan(RollbackDeploy(change_id=deployed.id, service="checkout"))
    assert (operation.before, operation.after) == ({"commit": older}, {"commit": newest})
    platform.rehearse(operation)
    platform.apply(operation)
    assert lab.running_commit("checkout") == newest
    platform.apply(operation.reversed())
    assert lab.running_commit("checkout") == older


def test_what_the_lab_cannot_do_is_refused_with_the_reason(platform: LabPlatform) -> None:
    with pytest.raises(ActionError, match="one instance of each service"):
        platform.plan(Scale(service="cart", reason="demand rose"))
    with pytest.raises(ActionError, match="a person has to do it"):
        platform.plan(Tune(service="inventory", what="index", reason="slow"))
    with pytest.raises(ActionError, match="no event changed a setting"):
        platform.plan(RevertConfig(change_id="config-99", service="cart"))


def test_what_ran_before_the_first_deploy_on_record_is_not_guessed(platform: LabPlatform, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="no deploy has the id"):
        platform.plan(RollbackDeploy(change_id="deploy-nothing", service="cart"))
    with pytest.raises(ActionError, match="qai-sre lab up"):
        LabPlatform(Lab(tmp_path)).plan(Restart(service="cart", reason="r"))
