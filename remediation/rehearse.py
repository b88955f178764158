"""A proposal and its checks, worked out on a throw-away checkout: nothing anybody can see is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data.domain import Change, Diagnosis, Incident
from data.errors import ActionError, InputError, ProposalError
from data.proposal import Proposal
from remediation.checks import Check
from remediation.execute import needs_a_person, plan_fix
from remediation.forge import LocalForge
from remediation.git import Git
from remediation.llm.prompt import Facts
from remediation.synthesize import Synthesizer


def rehearse(
    synthesizer: Synthesizer,
    incident: Incident,
    diagnosis: Diagnosis,
    changes: Sequence[Change],
    *,
    repository: Path | None = None,
    base: str = "HEAD",
    facts: Facts | None = None,
) -> tuple[Proposal, tuple[Check, ...]]:
    """The proposal, and what the gates say of the change it would make.

    Args:
        repository: the git repository that is deployed; without it nothing can be placed, which the checks say.
        base: the deployed revision of it.

    Raises:
        ProposalError: nothing safe can be proposed.
        InputError: the repository or revision is none.
    """
    if repository is None:
        proposal = synthesizer(incident, diagnosis, changes, facts=facts)
        return proposal, (Check(name="placed", passed=False, detail="no repository was given to place the fix in"),)
    with _copy(repository, base) as copy:
        proposal = synthesizer(incident, diagnosis, changes, repository=copy, facts=facts)
        return proposal, _checks(copy, incident, diagnosis, proposal, changes)


def _checks(
    copy: Path, incident: Incident, diagnosis: Diagnosis, proposal: Proposal, changes: Sequence[Change]
) -> tuple[Check, ...]:
    by_hand = needs_a_person(proposal, changes)
    if by_hand:
        return (Check(name="placed", passed=False, detail=by_hand),)
    try:
        plan = plan_fix(LocalForge(copy), "rehearsal", incident, diagnosis, proposal, changes)
    except (ProposalError, ActionError) as refused:
        return (Check(name="placed", passed=False, detail=str(refused)),)
    assert plan is not None
    placed = Check(name="placed", passed=True, detail=f"{len(plan.files)} file(s) change: {', '.join(plan.files[:5])}")
    return (placed, *plan.checks)


@contextmanager
def _copy(repository: Path, base: str) -> Iterator[Path]:
    """A clone that shares nothing with the repository but its history, on a branch of its own."""
    from tempfile import TemporaryDirectory

    git = Git(repository)
    commit = None if base.startswith("-") else git.commit(base)
    if commit is None:
        raise InputError(f"{base!r} is no revision of a git repository at {repository}", field="--repo")
    with TemporaryDirectory(prefix="qai-propose-") as folder:
        target = Path(folder) / "repository"
        Git(Path(folder)).run("init", "--quiet", str(target))
        copy = Git(target)
        # A local path is a transport of its own, which our git otherwise forbids.
        fetched = Git(target, env=(("GIT_ALLOW_PROTOCOL", "file"),))
        fetched.run("fetch", "--quiet", str(repository.resolve()), commit)
        copy.run("checkout", "--quiet", "-b", "rehearsal", commit)
        yield target
