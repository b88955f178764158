from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.lab.breaking import revert
from data.lab.faults import FAULTS, FaultKind
from data.lab.history import ANNA, HISTORY
from data.lab.innocent import INNOCENT
from data.lab.lab import GATEWAY, SERVICES
from data.lab.mechanisms import BadCommit
from data.lab.repository import build_repository, commit_patch, git, patch_applies

AT = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
COMMITS = HISTORY.patches.parent
HARMLESS = [COMMITS / "innocent" / f"{slug}.patch" for slug in sorted(INNOCENT)]
CODE = [fault.name for fault in FAULTS.values() if fault.in_code]


def test_there_are_faults_of_every_kind() -> None:
    assert len(FAULTS) >= 16
    assert {fault.kind for fault in FAULTS.values()} == {*FaultKind}
    assert all(FAULTS[name].name == name for name in FAULTS)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_says_what_there_is_to_know(name: str) -> None:
    fault = FAULTS[name]
    assert {*fault.culprits} <= {*SERVICES, GATEWAY}
    assert fault.indicators
    assert fault.as_json()["change_caused"] == (fault.kind in {FaultKind.code, FaultKind.config})


@pytest.fixture(scope="module")
def half_way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds every other harmless commit."""
    shop = tmp_path_factory.mktemp("half-way") / "shop"
    build_repository(shop, AT, HISTORY)
    for patch in HARMLESS[::2]:
        commit_patch(shop, patch, ANNA, AT, "harmless")
    return shop


@pytest.mark.parametrize("name", CODE)
def test_a_bad_commit_reverts_cleanly_among_all_harmless_ones(name: str, half_way: Path, tmp_path: Path) -> None:
    """Half of the harmless commits come before it, half after; taking it out leaves those and nothing else."""
    shop = tmp_path / "shop"
    git(tmp_path, "clone", "--quiet", str(half_way), str(shop))
    bad = commit_patch(shop, COMMITS / "bad" / f"{name}.patch", ANNA, AT, "bad")
    for patch in HARMLESS[1::2]:
        commit_patch(shop, patch, ANNA, AT, "harmless")
    means = FAULTS[name].means
    assert isinstance(means, BadCommit)
    assert {f.partition("/")[0] for f in git(shop, "show", "--format=", "--name-only", bad).split()} == {means.service}
    assert revert(shop, bad) is not None
    assert git(shop, "diff", "--stat", bad, "HEAD", "--", *_touched(shop, bad)) != ""
    for patch in HARMLESS:
        assert not patch_applies(shop, patch)
    assert revert(shop, bad) is None  # a second time there is nothing left to do
    assert git(shop, "status", "--porcelain") == ""
    assert patch_applies(shop, COMMITS / "bad" / f"{name}.patch")


@pytest.mark.parametrize("name", CODE)
def test_a_message_does_not_give_it_away(name: str) -> None:
    means = FAULTS[name].means
    assert isinstance(means, BadCommit)
    assert name not in means.message
    assert not {"bug", "slow down", "break", "leak", "n+1", "storm"} & {*means.message.lower().split()}


def _touched(shop: Path, commit: str) -> list[str]:
    return git(shop, "show", "--format=", "--name-only", commit).split()
