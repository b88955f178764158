"""Git as a subprocess, with an environment of our own: no hooks, no user configuration, no network, no prompt.

Commands are argument lists, never a shell's text, and whatever comes from outside (a commit id, a branch
name) goes through :func:`commit_id` or :func:`branch_name` first, so that it cannot be taken for an option.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.errors import ActionError

IDENTITY = ("QAI SRE", "qai-sre@localhost")
TIMEOUT_S = 120.0

_SETTINGS = {
    "core.hooksPath": os.devnull,  # a repository's hooks are somebody else's code
    "core.fsmonitor": "false",  # names a program to run, too
    "core.quotePath": "false",
    "commit.gpgSign": "false",
    "rerere.enabled": "false",  # would resolve a conflict from memory, unseen
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "merge.autoStash": "false",
    "merge.verifySignatures": "false",
}


@dataclass(frozen=True)
class Result:
    """What one git command answered."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def problem(self) -> str:
        """The first line git complained with."""
        lines = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[0].strip() if lines else f"exit code {self.code}"


@dataclass(frozen=True)
class Git:
    """One directory git is run in: a repository, or a worktree of one."""

    directory: Path
    env: tuple[tuple[str, str], ...] = ()

    def try_run(self, *args: str, stdin: str = "") -> Result:
        """Run ``git ARGS`` and report how it went.

        Raises:
            ActionError: git is not installed, or did not finish in time.
        """
        settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        command = ["git", *settings, "-C", str(self.directory), *args]
        try:
            done = subprocess.run(
                command,
                input=stdin.encode("utf-8", "replace"),
                capture_output=True,
                env=_environment() | dict(self.env),
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as missing:
            raise ActionError("git was not found; install git 2.34 or newer and make sure it is on PATH") from missing
        except subprocess.TimeoutExpired as late:
            raise ActionError(f"git {args[0]} in {self.directory} did not finish within {TIMEOUT_S:.0f} s") from late
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def run(self, *args: str, stdin: str = "") -> str:
        """The output of ``git ARGS``.

        Raises:
            ActionError: git said no; the message holds its first line.
        """
        result = self.try_run(*args, stdin=stdin)
        if not result.ok:
            raise ActionError(f"git {args[0]} failed in {self.directory}: {result.problem}")
        return result.out

    def commit(self, revision: str) -> str | None:
        """The full id of the commit ``revision`` names, or None. ``revision`` must be validated or our own."""
        result = self.try_run("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        return result.out.strip() if result.ok else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether commit ``older`` is in the history of commit ``newer`` (a commit is in its own)."""
        return self.try_run("merge-base", "--is-ancestor", older, newer).ok

    def commit_tree(self, tree: str, parents: tuple[str, ...], message: str) -> str:
        """Write a commit object, referred to by nothing yet, and return its id."""
        options = [part for parent in parents for part in ("-p", parent)]
        return self.run("commit-tree", tree, *options, stdin=message).strip()

    def diff(self, old: str, new: str) -> str:
        """Unified diff between two commits. Renames are shown in full: a reviewer sees every line."""
        return self.run("diff", *_PLAIN_DIFF, old, new, "--")

    def changed_files(self, old: str, new: str) -> tuple[str, ...]:
        """The files that differ between two commits, in git's own order."""
        return _split(self.run("diff", *_PLAIN_DIFF, "--name-only", "-z", old, new, "--"))

    def conflicts(self) -> tuple[str, ...]:
        """The files left unmerged in this worktree."""
        return _split(self.run("diff", "--name-only", "--diff-filter=U", "-z"))

    @contextmanager
    def worktree(self, commit: str) -> Iterator[Git]:
        """A temporary checkout of ``commit``, detached: work done in it touches nobody else's files."""
        # Leftovers git could not remove are not worth failing for: the system clears its temporary folder.
        with tempfile.TemporaryDirectory(prefix="qai-sre-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "worktree"
            self.run("worktree", "add", "--detach", "--quiet", str(path), commit)
            try:
                yield Git(path, self.env)
            finally:
                self.try_run("worktree", "remove", "--force", "--force", str(path))


def commit_id(text: str) -> str:
    """``text`` as a commit id: 7 to 64 hexadecimal digits and nothing else.

    Raises:
        ActionError: it is anything else, such as an option, a range or a branch name.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", text):
        raise ActionError(f"{text[:80]!r} is not a commit id: 7 to 64 hexadecimal digits are expected")
    return text.lower()


def branch_name(text: str) -> str:
    """``text`` as the name of a branch, by git's rules and without characters a shell or a page would mind.

    Raises:
        ActionError: it is not one.
    """
    parts = text.split("/")
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}", text)
    if not plain or ".." in text or any(not p or p.startswith((".", "-")) or p.endswith((".", ".lock")) for p in parts):
        raise ActionError(f"{text[:80]!r} is not a branch name: use letters, digits, '.', '_', '-', '+' and '/'")
    return text


_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/")


def _split(output: str) -> tuple[str, ...]:
    return tuple(name for name in output.split("\0") if name)


def _environment() -> dict[str, str]:
    """Nothing of the caller's environment but where programs are: GIT_DIR and its kin would redirect us."""
    name, email = IDENTITY
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_EDITOR": "true",
        "GIT_PAGER": "cat",
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
    }
