"""The lab's whole interface: start the shop, send customers, deploy, configure, break, heal, stop."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import socket
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.domain import Change, ChangeKind, now
from data.errors import ActionError, InputError, StoreError
from data.lab.events import EventLog
from data.lab.files import read_json, write_json
from data.lab.history import HISTORY
from data.lab.limits import MEMORY_MB, limit_memory
from data.lab.processes import Process, Processes
from data.lab.repository import BRANCH, build_repository, git, git_bytes

if TYPE_CHECKING:
    from data.lab.truth import Truth
    from data.sources.lab import LabSource

SERVICES = ("frontend", "checkout", "cart", "catalogue", "inventory", "payment", "recommendation")
# The payment company's side: it runs, but like any third party it shares no telemetry with us.
GATEWAY = "gateway"
LOAD = "load"
_PROGRAMS = Path(__file__).with_name("programs")
_START_DEADLINE_S = 30.0
# Requests that found the old instance's address are let through to it before it is stopped.
_DRAIN_S = 0.3
# Releases kept although nothing runs them.
_IDLE_RELEASES = 3

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ServiceStatus:
    """One service: the commit it runs and where it listens. ``pid`` is None while it is not running."""

    name: str
    pid: int | None
    port: int | None
    commit: str | None
    instance: str | None


@dataclass(frozen=True)
class Status:
    """What of the lab is running."""

    services: tuple[ServiceStatus, ...]
    gateway: bool
    load: bool

    @property
    def is_up(self) -> bool:
        return self.gateway and all(service.pid is not None for service in self.services)


class Lab:
    """A shop in ``state_dir``, shared by every process that opens the same folder.

    The shop outlives whoever started it, until :meth:`down`. Changes to it are made by one caller at a time.

    Args:
        state_dir: where the repository, releases, databases, telemetry and process records live.
        interval_s: how often services sample their metrics; counts for services started from now on.
    """

    def __init__(self, state_dir: Path, *, interval_s: float = 5.0) -> None:
        self.state_dir = state_dir.resolve()
        self.repository = self.state_dir / "repository"
        self.events = EventLog(self.state_dir / "events.ndjson")
        self.processes = Processes(self.state_dir / "processes", str(self.state_dir))
        self._interval_s = interval_s

    # Running

    def up(self, progress: Progress = lambda said: None) -> Status:
        """Start what is not running yet, each service from the commit it last ran, at first from the newest.

        Raises:
            ActionError: with the last thing a service wrote, when it does not come up.
            ConfigError: if git is not installed.
        """
        with self._exclusive():
            if not (self.repository / ".git").exists():
                progress("writing the shop's repository")
                build_repository(self.repository, now(), HISTORY)
            if self.processes.get(GATEWAY) is None:
                self.start_gateway()
            missing = [each.name for each in self.status().services if each.pid is None]
            if missing:
                progress(f"starting {', '.join(missing)}")
                head = self.head()
                started = {
                    name: self._launch(name, self._running().get(name, {}).get("commit") or head) for name in missing
                }
                try:
                    for name, launched in started.items():
                        self._await(name, launched)
                except BaseException:
                    self.processes.stop([launched["instance"] for launched in started.values()])
                    raise
        return self.status()

    def down(self) -> int:
        """Stop everything, also what a crash left behind; returns how many processes there were."""
        with self._exclusive():
            return self.processes.stop_all()

    def status(self) -> Status:
        """What is running now."""
        living = {process.name: process for process in self.processes.all()}
        services = []
        for name in SERVICES:
            known = self._running().get(name, {})
            process = living.get(known.get("instance", ""))
            pid = process.pid if process else None
            services.append(ServiceStatus(name, pid, known.get("port"), known.get("commit"), known.get("instance")))
        return Status(tuple(services), GATEWAY in living, LOAD in living)

    def url(self, service: str) -> str:
        """Where ``service`` listens."""
        port = read_json(self._addresses("all")).get(service)
        if port is None:
            raise StoreError(f"{service} has not been started; run `qai-sre lab up`")
        return f"http://127.0.0.1:{port}"

    def source(self) -> LabSource:
        """The shop's telemetry and change events, as any vendor's source gives them."""
        from data.sources.lab import LabSource

        return LabSource(self.state_dir)

    # Customers

    def start_load(
        self, *, sessions_per_s: float | None = None, day_length_s: float | None = None, seed: int | None = None
    ) -> None:
        """Send customers, or change how many: ``sessions_per_s`` on average over a day of ``day_length_s`` seconds.

        About four requests make a session. A day shorter than 24 hours compresses its ups and downs. What is not
        given stays as it was: at first 3.5 sessions a second, days of 24 hours, seed 0.
        """
        given = {"sessions_per_s": sessions_per_s, "day_length_s": day_length_s, "seed": seed}
        changed = {key: value for key, value in given.items() if value is not None}
        with self._exclusive():
            self.set_load(**changed)
            if self.processes.get(LOAD) is not None:
                if not {"day_length_s", "seed"} & set(changed):
                    return
                self.processes.stop([LOAD])
            control = read_json(self._load_file)
            arguments = ["--addresses", str(self._addresses("all")), "--control", str(self._load_file)]
            arguments += [
                "--day-length-s",
                str(control.get("day_length_s", 86_400.0)),
                "--seed",
                str(int(control.get("seed", 0))),
            ]
            self.start_program(LOAD, "load", arguments)

    def stop_load(self) -> None:
        """Send nobody any more."""
        self.processes.stop([LOAD])

    def set_load(self, **values: float | None) -> None:
        """Set keys of the load's control file; None removes one."""
        content = read_json(self._load_file) | values
        write_json(self._load_file, {key: value for key, value in content.items() if value is not None})

    # Changes

    def head(self) -> str:
        """The newest commit of the shop's main branch."""
        return git(self.repository, "rev-parse", BRANCH).strip()

    def deploy(self, service: str, commit: str) -> Change:
        """Restart ``service`` from ``commit``: the new instance answers before the old one is stopped.

        Raises:
            InputError: for a service or a commit the shop does not have.
            ActionError: when the new instance does not come up; the old one then goes on.
        """
        if service not in SERVICES:
            raise InputError(f"no service {service!r}; choose from {', '.join(SERVICES)}", field="service")
        sha = self.require_commit(commit)
        with self._exclusive():
            old, before = (self._running().get(service, {}).get(known) for known in ("instance", "commit"))
            at = now()
            launched = self._launch(service, sha)
            self._await(service, launched)
            if old is not None:
                time.sleep(_DRAIN_S)
                self.processes.stop([old])
            self._prune_releases()
            return self.events.append(
                Change(
                    id=f"deploy-{launched['instance']}",
                    kind=ChangeKind.deploy,
                    timestamp=at,
                    service=service,
                    summary=f"Deploy {service} at {sha[:7]}",
                    commit=sha,
                    version=sha[:7],
                    instances=(launched["instance"],),
                    removed_instances=(old,) if old else (),
                    extra={"before": before} if before else {},
                )
            )

    def require_commit(self, commit: str) -> str:
        """The full id of a commit. Raises InputError where the shop's repository has none such."""
        try:
            return git(self.repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").strip()
        except StoreError as error:
            raise InputError(f"the shop's repository has no commit {commit!r}", field="commit") from error

    def deploy_head(self, before_each: Callable[[str], None] = lambda service: None) -> tuple[Change, ...]:
        """Deploy the newest commit to every service whose code differs from what it runs.

        ``before_each`` is called with a service's name right before that is touched; raising, it halts there.
        """
        head, done = self.head(), []
        for name in SERVICES:
            if self.differs(name, head):
                before_each(name)
                done.append(self.deploy(name, head))
        return tuple(done)

    def configure(self, service: str, key: str, value: Any, *, kind: ChangeKind = ChangeKind.config) -> Change:
        """Set one of a service's settings while it runs; None goes back to what its code ships with."""
        path = self._config(service)
        with self._exclusive():
            content = read_json(path)
            write_json(path, {k: v for k, v in (content | {key: value}).items() if v is not None})
            before, after = ("the shipped value" if v is None else v for v in (content.get(key), value))
            return self.events.append(
                Change(
                    id=self.events.next_id(kind.value),
                    kind=kind,
                    timestamp=now(),
                    service=service,
                    summary=f"Set {key} of {service} to {after} (was {before})",
                    extra={"key": key, "before": content.get(key), "after": value},
                )
            )

    def undo(self, change_id: str) -> Change:
        """Put the setting that a config or flag event changed back to what it was before.

        Raises:
            InputError: if no event of a setting has that id.
        """
        change = self.setting_changed_by(change_id)
        return self.configure(str(change.service), change.extra["key"], change.extra["before"], kind=change.kind)

    def setting_changed_by(self, change_id: str) -> Change:
        """The config or flag event with that id. Raises InputError where there is none."""
        change = next((c for c in self.events.read() if c.id == change_id and "key" in c.extra), None)
        if change is None or change.service is None:
            raise InputError(f"no event changed a setting under the id {change_id!r}", field="change")
        return change

    def deploy_called(self, change_id: str) -> Change:
        """The deploy event with that id. Raises InputError where there is none."""
        change = next((c for c in self.events.read() if c.id == change_id and c.kind is ChangeKind.deploy), None)
        if change is None:
            raise InputError(f"no deploy has the id {change_id!r}", field="change")
        return change

    def setting(self, service: str, key: str) -> Any:
        """What a setting of a service is now; None where it is what the code ships with."""
        return read_json(self._config(service)).get(key)

    def instance_of(self, service: str) -> str:
        """The running instance of a service. Raises ActionError where it is not running."""
        return self.process_of(service).name

    def restart(self, service: str) -> Change:
        """Replace a service's instance by a new one of the same commit."""
        commit = self._running().get(service, {}).get("commit")
        return self.deploy(service, commit or self.head())

    # Faults

    def break_(
        self, fault: str, seed: int = 0, *, innocent: int = 2, delay_s: float = 0.0, gap_s: float = 4.0
    ) -> Truth:
        """Put in one fault of :data:`data.lab.faults.FAULTS`; call again for a second one at the same time.

        Args:
            fault: its name.
            seed: picks the innocent deploys, and on which side of the fault they fall.
            innocent: how many harmless commits are deployed around the fault.
            delay_s: for a fault that can (``Fault.can_wait``), how long until its effect begins.
            gap_s: seconds between two of these changes.

        Returns:
            What was done, which nothing that diagnoses may read. It is also kept in the folder ``truth``.

        Raises:
            InputError: for a fault there is none of, or a delay it cannot have.
            ActionError: if the shop is not running, or the fault is in already.
        """
        from data.lab.breaking import break_

        return break_(self, fault, seed, innocent=innocent, delay_s=delay_s, gap_s=gap_s)

    def heal(self, truth: Truth, *, code: bool = True) -> tuple[Change, ...]:
        """Undo a fault. A bad commit is reverted and deployed unless that was done already or ``code`` is false.

        Returns:
            The change events this made.
        """
        from data.lab.breaking import heal

        return heal(self, truth, code=code)

    def truths(self) -> tuple[Truth, ...]:
        """The faults that are in now. For scoring only."""
        from data.lab.truth import read_truths

        return read_truths(self.state_dir)

    # For mechanisms

    def start_program(self, name: str, program: str, arguments: Sequence[str]) -> Process:
        """Start one of ``programs/`` as a process of the lab."""
        return self.processes.start(name, [sys.executable, str(_PROGRAMS / f"{program}.py"), *arguments])

    def start_gateway(self, *, slower_s: float = 0.0, failing: float = 0.0) -> None:
        """Start the payment company's side, in place of the one that runs, if any."""
        self.processes.stop([GATEWAY])
        port = read_json(self._addresses("all")).get(GATEWAY) or free_port()
        arguments = ["--port", str(port), "--slower-s", str(slower_s), "--failing", str(failing)]
        process = self.start_program(GATEWAY, "gateway", arguments)
        self.await_port(GATEWAY, port, process)
        self.point(GATEWAY, port)

    def point(self, service: str, port: int | None, *, caller: str = "all") -> None:
        """Have ``caller`` (at first everybody) find ``service`` at ``port``; None means no such name."""
        write_json(self._addresses(caller), read_json(self._addresses(caller)) | {service: port})

    def unpoint(self, service: str, *, caller: str) -> None:
        """Let ``caller`` find ``service`` as everybody does."""
        content = read_json(self._addresses(caller))
        content.pop(service, None)
        write_json(self._addresses(caller), content)

    def process_of(self, service: str) -> Process:
        """The running process of a service.

        Raises:
            ActionError: if it is not running.
        """
        instance = self._running().get(service, {}).get("instance", "")
        process = self.processes.get(instance)
        if process is None:
            raise ActionError(f"{service} is not running; run `qai-sre lab up`")
        return process

    def running_commit(self, service: str) -> str:
        """The commit a service runs."""
        commit = self._running().get(service, {}).get("commit")
        return str(commit) if commit else self.head()

    def differs(self, service: str, commit: str) -> bool:
        """Whether ``commit`` holds other code for a service than it runs."""
        paths = ("--", service, "common")
        return bool(git(self.repository, "diff", "--name-only", self.running_commit(service), commit, *paths))

    def free_cores(self, service: str) -> None:
        """Let a service run on every core again."""
        pid = self.process_of(service).pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), range(os.cpu_count() or 1))

    # Inside

    @property
    def _load_file(self) -> Path:
        return self.state_dir / "load.json"

    def _config(self, service: str) -> Path:
        return self.state_dir / "config" / f"{service}.json"

    def _addresses(self, caller: str) -> Path:
        name = caller if caller == "all" else f"from-{caller}"
        return self.state_dir / "addresses" / f"{name}.json"

    def _running(self) -> dict[str, dict[str, Any]]:
        return read_json(self.state_dir / "running.json")

    def _launch(self, service: str, commit: str) -> dict[str, Any]:
        """Start a new instance, and tell what :attr:`running.json` will say of it."""
        number = int(self._running().get(service, {}).get("number", 0)) + 1
        while self.processes.get(f"{service}-{number}") is not None:
            number += 1
        launched: dict[str, Any] = {
            "instance": f"{service}-{number}",
            "number": number,
            "port": free_port(),
            "commit": commit,
        }
        self.processes.start(
            launched["instance"],
            [sys.executable, "-m", f"{service}.app"],
            cwd=self._release(commit),
            environment={
                "SHOP_SERVICE": service,
                "SHOP_INSTANCE": launched["instance"],
                "SHOP_PORT": str(launched["port"]),
                "SHOP_STATE": str(self.state_dir),
                "SHOP_METRIC_INTERVAL_S": str(self._interval_s),
                # So that memory goes back to the system when it is freed, and a limit on it means something.
                "MALLOC_ARENA_MAX": "2",
                "MALLOC_MMAP_THRESHOLD_": "131072",
            },
        )
        return launched

    def _await(self, service: str, launched: dict[str, Any]) -> None:
        process = self.processes.get(launched["instance"])
        self.await_port(launched["instance"], launched["port"], process)
        assert process is not None
        limit_memory(process.pid, MEMORY_MB)
        write_json(self.state_dir / "running.json", self._running() | {service: launched})
        self.point(service, launched["port"])

    def await_port(self, name: str, port: int, process: Process | None) -> None:
        """Wait until a process that was just started listens; else stop it and raise ActionError."""
        deadline = time.monotonic() + _START_DEADLINE_S
        while process is not None and process.is_alive and time.monotonic() < deadline:
            if accepts(port):
                return
            time.sleep(0.03)
        said = process.said() if process is not None else "it ended at once"
        self.processes.stop([name])
        raise ActionError(f"{name} did not start: {said}")

    def _release(self, commit: str) -> Path:
        """The files of ``commit``, as they are deployed."""
        folder = self.state_dir / "releases" / commit
        if not folder.exists():
            new = folder.with_name(f".{commit}")
            with tarfile.open(fileobj=io.BytesIO(git_bytes(self.repository, "archive", "--format=tar", commit))) as tar:
                tar.extractall(new, filter="data")
            new.replace(folder)
        return folder

    def _prune_releases(self) -> None:
        """Remove the files of commits that nothing runs, but for the last few: a roll-back is then quick."""
        running = {known.get("commit") for known in self._running().values()}
        idle = [folder for folder in (self.state_dir / "releases").iterdir() if folder.name not in running]
        for folder in sorted(idle, key=lambda each: each.stat().st_mtime)[:-_IDLE_RELEASES]:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with (self.state_dir / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def free_port() -> int:
    """A port that is free at this moment."""
    with ExitStack() as stack:
        one = stack.enter_context(socket.socket())
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
