"""How things go wrong: each mechanism does to the shop what its name says, and takes it back. None writes telemetry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from data.domain import ChangeKind, now
from data.errors import ActionError
from data.lab.files import read_json
from data.lab.history import OWNERS
from data.lab.lab import Lab, free_port
from data.lab.limits import MEMORY_MB, limit_memory, memory_in_use_mb
from data.lab.repository import BRANCH, commit_patch, git, patch_applies
from data.lab.truth import Truth

if TYPE_CHECKING:
    from data.lab.faults import Fault

# What a request under way at this moment may hold, and give back.
_SLACK_MB = 0.5
_COMMITS = Path(__file__).with_name("commits")


class Mechanism(Protocol):
    """Something that can be done to the shop and undone."""

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        """Do it; returns the ids of the changes that now are the cause, none where no change is."""
        ...

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        """Undo it; doing so twice is harmless."""
        ...


@dataclass(frozen=True)
class BadCommit:
    """An ordinary commit with an innocent message, deployed to its service.

    With ``waits_for_spring``, the code path it breaks is only used once customers have spring vouchers.
    """

    service: str
    message: str
    waits_for_spring: bool = False

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        patch = _COMMITS / "bad" / f"{fault.name}.patch"
        if not patch_applies(lab.repository, patch):
            raise ActionError(f"the commit of {fault.name} does not fit the newest code; is it in already?")
        if self.waits_for_spring:
            lab.set_load(spring_from=time.time() + delay_s)
        commit = commit_patch(lab.repository, patch, OWNERS[self.service], now(), self.message)
        return commit, lab.deploy(self.service, commit).id

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        from data.lab.breaking import revert

        lab.set_load(spring_from=None)
        commit = self._commit(lab, truth)
        reverted = revert(lab.repository, commit) if commit else None
        if reverted is not None or lab.differs(self.service, lab.head()):
            lab.deploy(self.service, lab.head())

    def _commit(self, lab: Lab, truth: Truth) -> str | None:
        """What to revert: as recorded, or as found where whoever committed it was interrupted before recording it."""
        if truth.changes or truth.base is None:
            return next(iter(truth.changes), None)
        subject = self.message.partition("\n")[0]
        since = git(lab.repository, "log", "--format=%H %s", f"{truth.base}..{BRANCH}").splitlines()
        return next((sha for sha, _, said in (line.partition(" ") for line in since) if said == subject), None)


@dataclass(frozen=True)
class Setting:
    """A setting or a flag of a running service, changed to ``value``."""

    service: str
    key: str
    value: Any
    kind: ChangeKind = ChangeKind.config

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        return (lab.configure(self.service, self.key, self.value, kind=self.kind).id,)

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        if self.key in read_json(lab.state_dir / "config" / f"{self.service}.json"):
            lab.configure(self.service, self.key, None, kind=self.kind)


@dataclass(frozen=True)
class CpuHog:
    """Processes that spin on one core, and the service moved to that core."""

    service: str
    count: int

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        beside = str(lab.process_of(self.service).pid)
        lab.start_program(fault.name, "hog", ["cpu", "--beside", beside, "--count", str(self.count)])
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.processes.stop([fault.name])
        lab.free_cores(self.service)


@dataclass(frozen=True)
class Throttle:
    """The service may run for ``share`` of every tenth of a second only."""

    service: str
    share: float

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        pid = str(lab.process_of(self.service).pid)
        lab.start_program(fault.name, "hog", ["throttle", "--pid", pid, "--share", str(self.share)])
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.processes.stop([fault.name])


@dataclass(frozen=True)
class MemoryPressure:
    """The service's memory limit is cut to what it holds now, so that nothing large can be allocated."""

    service: str

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        pid = lab.process_of(self.service).pid
        if not limit_memory(pid, memory_in_use_mb(pid) - _SLACK_MB):
            raise ActionError("this system cannot limit another process' memory (Linux can)")
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        limit_memory(lab.process_of(self.service).pid, MEMORY_MB)


@dataclass(frozen=True)
class FullVolume:
    """A forgotten file fills the volume that the service keeps its database on."""

    service: str
    volume_mb: int

    def _file(self, lab: Lab) -> Path:
        return lab.state_dir / "volumes" / self.service / "core.4711"

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        with self._file(lab).open("wb") as file:
            file.truncate(self.volume_mb * 2**20)
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        self._file(lab).unlink(missing_ok=True)


@dataclass(frozen=True)
class IdleConnections:
    """A client that opens requests and never finishes them takes up the service's workers."""

    service: str
    count: int

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        port = lab.url(self.service).rpartition(":")[2]
        lab.start_program(fault.name, "hog", ["connections", "--port", port, "--count", str(self.count)])
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.processes.stop([fault.name])


@dataclass(frozen=True)
class HeldLock:
    """Somebody else's long transaction holds the database's write lock most of the time."""

    service: str
    database: str
    hold_s: float
    pause_s: float

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        path = lab.state_dir / "volumes" / self.service / self.database
        times = ["--hold-s", str(self.hold_s), "--pause-s", str(self.pause_s)]
        lab.start_program(fault.name, "hog", ["lock", "--path", str(path), *times])
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.processes.stop([fault.name])


@dataclass(frozen=True)
class BadLine:
    """Between two services, packets are late or lost: the caller reaches the callee through a proxy that does that."""

    caller: str
    callee: str
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        port = free_port()
        to = lab.url(self.callee).rpartition(":")[2]
        line = ["--delay-s", str(self.delay_s), "--jitter-s", str(self.jitter_s), "--loss", str(self.loss)]
        process = lab.start_program(fault.name, "proxy", ["--listen", str(port), "--to", to, *line])
        lab.await_port(fault.name, port, process)
        lab.point(self.callee, port, caller=self.caller)
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.unpoint(self.callee, caller=self.caller)
        lab.processes.stop([fault.name])


@dataclass(frozen=True)
class NoSuchName:
    """The caller's resolver has lost the callee's name."""

    caller: str
    callee: str

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        lab.point(self.callee, None, caller=self.caller)
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.unpoint(self.callee, caller=self.caller)


@dataclass(frozen=True)
class Provider:
    """The payment company is slow, or fails a share of requests."""

    slower_s: float = 0.0
    failing: float = 0.0

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        lab.start_gateway(slower_s=self.slower_s, failing=self.failing)
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.start_gateway()


@dataclass(frozen=True)
class Surge:
    """Many more customers than usual."""

    multiplier: float

    def inject(self, lab: Lab, fault: Fault, delay_s: float) -> Sequence[str]:
        if not lab.status().load:
            raise ActionError("there are no customers to have more of; run `qai-sre lab load`")
        lab.set_load(multiplier=self.multiplier)
        return ()

    def remove(self, lab: Lab, fault: Fault, truth: Truth) -> None:
        lab.set_load(multiplier=None)
