"""Put a fault in among harmless changes, and take it out again."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from data.domain import Change, now
from data.errors import ActionError, InputError, StoreError
from data.lab.faults import FAULTS, Fault
from data.lab.history import OWNERS
from data.lab.innocent import INNOCENT
from data.lab.lab import SERVICES, Lab
from data.lab.repository import commit_patch, git, patch_applies
from data.lab.truth import Truth, forget_truth, write_truth

_COMMITS = Path(__file__).with_name("commits")
_ROOT = Path(__file__).parents[2]


def break_(lab: Lab, name: str, seed: int, *, innocent: int, delay_s: float, gap_s: float) -> Truth:
    """See :meth:`data.lab.lab.Lab.break_`."""
    fault = _checked(lab, name, delay_s)
    chance = random.Random(f"{name} {seed}")
    turn = chance.randint(0, innocent)
    truth: Truth | None = None
    done: tuple[str, ...] = ()
    for number in range(innocent + 1):
        if number:
            time.sleep(gap_s)
        if number == turn:
            truth = _put_in(lab, fault, seed, delay_s)
        else:
            done = (*done, *_deploy_innocent(lab, chance))
        if truth is not None:
            truth = truth.model_copy(update={"innocent": done})
            write_truth(lab.state_dir, truth)
    assert truth is not None
    return truth


def heal(lab: Lab, truth: Truth, *, code: bool) -> tuple[Change, ...]:
    """See :meth:`data.lab.lab.Lab.heal`."""
    fault = FAULTS[truth.fault]
    before = len(lab.events.read())
    lab.processes.stop([fuse_of(fault.name)])
    if code or not fault.in_code:
        fault.means.remove(lab, fault, truth)
    forget_truth(lab.state_dir, truth)
    return lab.events.read()[before:]


def _put_in(lab: Lab, fault: Fault, seed: int, delay_s: float) -> Truth:
    """Do it, and have on record that it is done before it is: whatever interrupts us, ``heal`` knows what to undo."""
    injected = now()
    truth = Truth(
        id=f"{injected:%Y%m%dT%H%M%S%f}-{fault.name}",
        fault=fault.name,
        seed=seed,
        services=fault.culprits,
        indicators=fault.indicators,
        changes=(),
        innocent=(),
        injected_at=injected,
        starts_at=injected + timedelta(seconds=delay_s),
        base=lab.head(),
    )
    write_truth(lab.state_dir, truth)
    if delay_s and not fault.change_caused:
        _light_fuse(lab, fault, delay_s)
        return truth
    truth = truth.model_copy(update={"changes": tuple(fault.means.inject(lab, fault, delay_s))})
    write_truth(lab.state_dir, truth)
    return truth


def fuse_of(fault: str) -> str:
    """The name of the process that puts a fault in later."""
    return f"{fault}-fuse"


def _light_fuse(lab: Lab, fault: Fault, delay_s: float) -> None:
    command = [sys.executable, "-m", "data.lab.fuse", str(lab.state_dir), fault.name, str(delay_s)]
    # It is a program of ours, not of the shop's, and finds us where we are.
    lab.processes.start(fuse_of(fault.name), command, environment={"PYTHONPATH": str(_ROOT)})


def _checked(lab: Lab, name: str, delay_s: float) -> Fault:
    if name not in FAULTS:
        raise InputError(f"no fault {name!r}; `qai-sre lab faults` lists them", field="fault")
    fault = FAULTS[name]
    if delay_s and not fault.can_wait:
        waiting = ", ".join(sorted(each.name for each in FAULTS.values() if each.can_wait))
        raise InputError(f"{name} begins with its deploy; these can wait: {waiting}", field="delay")
    if not lab.status().is_up:
        raise ActionError("the shop is not running; run `qai-sre lab up`")
    if name in {truth.fault for truth in lab.truths()}:
        raise ActionError(f"{name} is in already; run `qai-sre lab heal {name}`")
    return fault


def _deploy_innocent(lab: Lab, chance: random.Random) -> Sequence[str]:
    """Commit and deploy something harmless; where all of it has been used up, deploy a service once more."""
    names = sorted(INNOCENT)
    chance.shuffle(names)
    for name in names:
        service, message = INNOCENT[name]
        patch = _COMMITS / "innocent" / f"{name}.patch"
        if patch_applies(lab.repository, patch):
            commit = commit_patch(lab.repository, patch, OWNERS[service], now(), message)
            return commit, lab.deploy(service, commit).id
    service = chance.choice(SERVICES)
    return (lab.deploy(service, lab.running_commit(service)).id,)


def revert(repository: Path, commit: str) -> str | None:
    """Revert ``commit`` on the newest; returns the new commit's id, or None where it had been reverted already.

    Raises:
        StoreError: if the revert does not apply cleanly.
    """
    person = ("-c", "user.name=Shop operations", "-c", "user.email=operations@shop.example")
    try:
        git(repository, *person, "revert", "--no-edit", commit)
    except StoreError:
        if (repository / ".git" / "REVERT_HEAD").exists():
            git(repository, "revert", "--abort")
            raise
        return None  # there was nothing to undo
    return git(repository, "rev-parse", "HEAD").strip()
