"""Real git repositories and a diagnosis to work with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeCandidate,
    ChangeKind,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Incident,
    IncidentStatus,
    Severity,
)

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Repo:
    """A git repository on disk, driven as a user would drive it."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self("init", "-q", "-b", "main", *(["--bare"] if bare else []))

    def __call__(self, *args: str) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        env |= {
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        done = subprocess.run(["git", *args], cwd=self.path, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """Commit files given as ``name=content``; ``__`` in a name is ``/``, a trailing part after ``_`` its suffix."""
        return self.commit_files(
            message, {name.replace("__", "/").replace("_py", ".py"): c for name, c in files.items()}
        )

    def commit_files(self, message: str, files: dict[str, str]) -> str:
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
            self("add", "-f", "--", name)
        self("commit", "-q", "-m", message)
        return self("rev-parse", "HEAD")

    def snapshot(self) -> dict[str, object]:
        """What a user would notice: files, index, HEAD and the base branch."""
        files = {
            str(p.relative_to(self.path)): p.read_bytes()
            for p in sorted(self.path.rglob("*"))
            if p.is_file() and ".git" not in p.relative_to(self.path).parts
        }
        return {
            "files": files,
            "status": self("status", "--porcelain"),
            "index": self("ls-files", "--stage"),
            "head": self("rev-parse", "HEAD"),
            "symbolic": self("symbolic-ref", "-q", "HEAD"),
            "main": self("rev-parse", "refs/heads/main"),
            "worktrees": self("worktree", "list"),
        }


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Three commits: a service, a fault in it, and something unrelated after."""
    made = Repo(tmp_path / "shop with spaces")
    made.commit("Add checkout", checkout__cart_py="PAGE = 20\n\n\ndef total(items):\n    return sum(items)\n")
    made.commit(
        "Fetch each item on its own", checkout__cart_py="PAGE = 1\n\n\ndef total(items):\n    return sum(items)\n"
    )
    made.commit("Add a readme", README="hello\n")
    return made


@pytest.fixture
def culprit(repo: Repo) -> str:
    return repo("rev-parse", "HEAD~1")


@pytest.fixture
def incident() -> Incident:
    alert = Alert(
        id="a1",
        source="test",
        service="frontend",
        title="frontend p99 above 800 ms",
        fired_at=AT,
        group="g1",
        metric="latency_p99",
        threshold=800,
    )
    return Incident(
        id="INC-260504-ABCDE",
        title=alert.title,
        service="frontend",
        status=IncidentStatus.investigating,
        severity=Severity.high,
        opened_at=AT,
        alerts=(alert,),
        environment="production",
    )


@pytest.fixture
def diagnosis_for() -> Callable[..., Diagnosis]:
    """Builds a diagnosis: ``checkout`` is blamed, and of the changes the first."""

    def make(
        *change_ids: str,
        no_change: float = 0.1,
        evidence: tuple[Evidence, ...] = (),
        candidates: tuple[Candidate, ...] | None = None,
        unseen: tuple[str, ...] = ("No logs of inventory were found.",),
    ) -> Diagnosis:
        seen = (
            Evidence(
                id="m1",
                kind=EvidenceKind.metric,
                summary="latency_p99 of checkout rose from 120 to 940",
                source="bundle",
                service="checkout",
                score=9.0,
                detail={"metric": "latency_p99", "base": 120.0, "now": 940.0, "unit": "ms"},
            ),
            *(
                Evidence(id=f"c{n}", kind=EvidenceKind.change, summary=f"{i[:12]} came just before", source="bundle")
                for n, i in enumerate(change_ids, 1)
            ),
            *evidence,
        )
        shares = [(1 - no_change) * share for share in _shares(len(change_ids))]
        return Diagnosis(
            candidates=candidates
            if candidates is not None
            else (
                Candidate(service="checkout", probability=0.7, evidence=("m1",), path=("checkout", "frontend")),
                Candidate(service="inventory", probability=0.2),
            ),
            changes=tuple(
                ChangeCandidate(id=i, probability=p, evidence=(f"c{n}",))
                for n, (i, p) in enumerate(zip(change_ids, shares, strict=True), 1)
            ),
            no_change_probability=no_change if change_ids else 1.0,
            severity=Severity.high,
            blast_radius=BlastRadius(services=("frontend",), symptomatic=("frontend",)),
            anomaly_score=0.9,
            evidence=seen,
            unseen=unseen,
            as_of=AT,
            onset=AT,
        )

    return make


def _shares(count: int) -> list[float]:
    """Halving shares that sum to one: 1; 2/3, 1/3; 4/7, 2/7, 1/7."""
    total = 2**count - 1
    return [2**n / total for n in range(count - 1, -1, -1)]


@pytest.fixture
def change_of() -> Callable[..., Change]:
    def make(id_: str, kind: ChangeKind = ChangeKind.commit, **more: object) -> Change:
        fields: dict[str, object] = {"service": "checkout", "summary": "Fetch each item on its own", **more}
        return Change.model_validate({"id": id_, "kind": kind, "timestamp": AT, **fields})

    return make


@pytest.fixture(scope="session")
def model_server() -> ModuleType:
    """The module of the scripted server: ``with model_server.serving(answer, ...) as script``."""
    spec = importlib.util.spec_from_file_location("llm_server", Path(__file__).parent / "llm_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
