from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data.domain import ChangeKind
from data.errors import StoreError
from data.incidents import build_shipped_repository, shipped_incident
from data.lab.repository import git, holds_commit
from data.sources.bundle import read_alert, read_telemetry


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "shop"
    build_shipped_repository(path)
    return path


def test_nothing_is_missing_from_the_shipped_incident() -> None:
    telemetry = read_telemetry(shipped_incident())
    assert telemetry.missing == ()
    assert {"storefront", "checkout", "cart", "catalogue", "inventory", "payment"} == {*telemetry.metrics.services}
    assert not telemetry.spans.empty
    assert not telemetry.logs.empty
    assert ("checkout", "inventory") in telemetry.graph.edges


def test_the_alert_is_raised_by_a_caller_of_the_culprit() -> None:
    alert, telemetry = read_alert(shipped_incident()), read_telemetry(shipped_incident())
    truth = json.loads((shipped_incident() / "truth.json").read_text())
    assert alert.service == "checkout"
    assert alert.service not in truth["services"]
    assert {*truth["services"]} <= {*telemetry.graph.callees(alert.service)}
    assert {*truth["changes"]} <= {change.id for change in telemetry.changes}


def test_an_innocent_deploy_lies_between_the_guilty_one_and_the_alert() -> None:
    alert, telemetry = read_alert(shipped_incident()), read_telemetry(shipped_incident())
    before = [c for c in telemetry.changes if c.kind is ChangeKind.deploy and c.timestamp <= alert.fired_at]
    assert [deploy.service for deploy in before[-2:]] == ["inventory", "checkout"]
    assert alert.fired_at - before[-2].timestamp < timedelta(minutes=5)
    assert len(before) >= 4


def test_every_change_names_a_commit_of_the_repository(repository: Path) -> None:
    changes = read_telemetry(shipped_incident()).changes
    commits = [change.id if change.kind is ChangeKind.commit else change.commit for change in changes]
    assert len(commits) > 10
    assert all(commit and holds_commit(repository, commit) for commit in commits)


def test_the_recorded_diffs_are_those_of_the_repository(repository: Path) -> None:
    for change in read_telemetry(shipped_incident()).changes:
        if change.kind is ChangeKind.commit:
            assert git(repository, "show", "--format=", change.id) == change.diff
            at = git(repository, "show", "--no-patch", "--format=%aI", change.id).strip()
            assert datetime.fromisoformat(at) == change.timestamp


def test_the_guilty_commit_reverts_cleanly(repository: Path) -> None:
    guilty = json.loads((shipped_incident() / "truth.json").read_text())["changes"][0]
    git(repository, "checkout", "--quiet", "-b", "revert")
    git(repository, "-c", "user.name=T", "-c", "user.email=t@shop.example", "revert", "--no-edit", guilty)
    assert git(repository, "status", "--porcelain") == ""


def test_the_repository_is_kept_when_it_is_there_already(repository: Path) -> None:
    git(repository, "tag", "kept")
    build_shipped_repository(repository)
    assert git(repository, "tag").strip() == "kept"


def test_something_else_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(StoreError, match="choose another folder"):
        build_shipped_repository(tmp_path)


def test_it_stays_small() -> None:
    assert sum(path.stat().st_size for path in shipped_incident().iterdir()) < 1_500_000
