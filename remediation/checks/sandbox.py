"""The repository's own tests, in a box: no network, a cleared environment, its own processes, bounded resources.

bubblewrap (https://github.com/containers/bubblewrap) makes the box. Without it tests are not run at all: a patch is
code nobody has approved, and code nobody has approved does not run on the host.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from remediation.checks.changed import ChangeSet
from remediation.checks.check import Check, Skipped

TIMEOUT_S = 300.0
UNFINISHED = "did not finish within"
_MEMORY_BYTES = 2 * 1024**3
_FILE_BYTES = 256 * 1024**2
_PROCESSES = 512
_NO_PROGRAM = 127


@dataclass(frozen=True)
class Ran:
    """How a command in the box ended: its exit code, the last line it wrote, and a module it did not find."""

    code: int
    last: str
    lacks: str | None = None


def run_tests(
    checkout: Path,
    command: Sequence[str] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    change: ChangeSet | None = None,
) -> Check | Skipped | None:
    """Whether the tests of the copy at ``checkout`` pass; the folder may be written to by them.

    Args:
        checkout: a copy made for this, with the change in it.
        command: how its tests are run; None to find out. None is returned where it has none.
        timeout_s: how long they may take; what is not done by then did not pass.
        change: what was changed in the copy: a module that is not installed and that its added lines name is its fault.
    """
    tests = tuple(command) if command else test_command(checkout)
    if tests is None:
        return None
    ran = run_boxed(checkout, tests, timeout_s)
    if isinstance(ran, str):
        return Skipped(name="tests", why=ran)
    if ran.lacks and not (change and _is_named(ran.lacks, change)):
        return Skipped(name="tests", why=f"what the tests need is not installed here: {ran.lacks}")
    return Check(name="tests", passed=ran.code == 0, detail=ran.last)


def _is_named(lacks: str, change: ChangeSet) -> bool:
    name = re.escape(lacks.rpartition(" ")[2])
    return any(re.search(rf"\b{name}\b", line) for file in change.files for _, line in file.added)


def run_boxed(checkout: Path, command: Sequence[str], timeout_s: float = TIMEOUT_S) -> Ran | str:
    """``command`` run in the box on ``checkout``; a sentence where there is no box."""
    problem = unavailable()
    if problem:
        return problem
    try:
        done = subprocess.run(
            [*box(checkout), *command], capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Ran(124, f"{command[0]} {UNFINISHED} {timeout_s:.0f} s")
    output = done.stdout + "\n" + done.stderr
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1][:200] if lines else f"exit code {done.returncode}"
    lacks = last if done.returncode == _NO_PROGRAM else _missing_module(checkout, output) if done.returncode else None
    return Ran(done.returncode, last, lacks)


def _missing_module(checkout: Path, output: str) -> str | None:
    """What is not installed, where that is why tests did not run; a module of the repository's own is its fault."""
    for name in re.findall(r"No module named '?([A-Za-z_]\w*)", output):
        if not (checkout / name).exists() and not (checkout / f"{name}.py").exists():
            return f"no module named {name}"
    return None


def run_tests_in_a_copy(
    repository: Path, command: Sequence[str] | None = None, *, change: ChangeSet | None = None
) -> Check | Skipped | None:
    """As :func:`run_tests`, on a copy of a working tree: the tree itself stays as it is."""
    with scratch_copy(repository) as copy:
        return run_tests(copy, command, change=change)


@contextmanager
def scratch_copy(tree: Path) -> Iterator[Path]:
    """A copy of a working tree to write to, without git's own folder and what was installed into it."""
    with TemporaryDirectory(prefix="qai-copy-") as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(tree, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "node_modules"))
        yield copy


def test_command(checkout: Path) -> tuple[str, ...] | None:
    """How this repository runs its tests without a network; None where that cannot be told."""
    if any(checkout.glob("test_*.py")) or any((checkout / "tests").rglob("test_*.py")):
        return (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
    if (checkout / "go.mod").is_file():
        return ("go", "test", "./...")
    if (checkout / "Cargo.toml").is_file():
        return ("cargo", "test", "--offline", "--quiet")
    return None


def unavailable() -> str | None:
    """Why there is no box on this machine; None where there is one."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed, and unapproved code is not run without it; install bubblewrap"
    probe = subprocess.run([*box(Path("/tmp")), "true"], capture_output=True, text=True, check=False, timeout=20)
    return None if probe.returncode == 0 else f"bubblewrap cannot make a sandbox here: {probe.stderr.strip()[:150]}"


def box(checkout: Path) -> tuple[str, ...]:
    """The command that runs what follows it inside the box: everything read-only but the copy and a fresh /tmp."""
    limits = (f"--as={_MEMORY_BYTES}", f"--fsize={_FILE_BYTES}", f"--nproc={_PROCESSES}", f"--cpu={int(TIMEOUT_S)}")
    # The interpreter may live in a home folder: its own prefix is shown, the rest of the home is not.
    prefixes = dict.fromkeys(str(Path(p).resolve()) for p in (sys.prefix, sys.base_prefix))
    shown = [part for prefix in prefixes for part in ("--ro-bind", prefix, prefix)]
    if sys.prefix not in prefixes:
        shown += ["--ro-bind", sys.prefix, sys.prefix]
    system = [part for top in ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
              for part in ("--ro-bind-try", top, top)]  # fmt: skip
    return (
        "prlimit", *limits,
        "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
        *system, "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", *shown,
        "--bind", str(checkout), "/repository", "--chdir", "/repository",
        "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/tmp",
        "--setenv", "PYTHONDONTWRITEBYTECODE", "1", "--setenv", "PYTHONPATH", "/repository",
        "--",
    )  # fmt: skip
