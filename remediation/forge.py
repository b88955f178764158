"""Pull requests in a git repository on this machine, without a server.

A pull request is three refs: its branch, ``refs/pull/N/head`` (what was proposed) and ``refs/qai/pull/N`` (its
record: a commit whose tree holds ``pull.json``, one commit for each change of state). So it survives a restart,
is shared by whoever shares the repository, and keeps its own history. All work is done in temporary worktrees:
a checkout of the user's is touched once, by :meth:`LocalForge.merge`, when the base branch is checked out and clean.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.domain import PullRequest, PullRequestState, RejectReason, Verdict, now
from data.errors import ActionError, PolicyError
from remediation.checks.check import Check
from remediation.git import Git, branch_name
from remediation.merging import Merging
from remediation.records import HEADS, CheckRuns, Record, Records, Review
from remediation.text import one_line

_LOCK_NAME = "qai-sre.lock"


class LocalForge:
    """The pull requests of one local repository, bare or not. Safe to use from several threads and processes.

    Args:
        repository: the repository itself (the folder with ``.git``, or a bare one), not a folder inside it.

    Raises:
        ActionError: ``repository`` is not the top of a git repository.
    """

    def __init__(self, repository: Path) -> None:
        self.repository = repository.resolve()
        self.git = Git(self.repository)
        self._common = _common_directory(self.git)
        self._records = Records(self.git)
        self._merging = Merging(self.git)

    def branch_head(self, branch: str) -> str:
        """The commit a branch points to.

        Raises:
            ActionError: there is no such branch.
        """
        head = self.git.commit(f"refs/heads/{branch_name(branch)}")
        if head is None:
            raise ActionError(
                f"{self.repository} has no branch {branch!r}; name the branch that pull requests go to (base_branch)"
            )
        return head

    def open(
        self,
        branch: str,
        base: str,
        title: str,
        body: str,
        *,
        head: str,
        incident_id: str,
        checks: tuple[Check, ...] = (),
    ) -> PullRequest:
        """Open a pull request for commit ``head`` as ``branch``; opened before, it is returned as it is.

        ``checks`` are what the gates said of it, on the commit it parts from the base branch at.

        Raises:
            ActionError: ``branch`` exists and is not this pull request's, or the incident has another one open.
        """
        branch_name(branch)
        with self._exclusive():
            for known in self._records.of(incident_id):
                if known.branch == branch:
                    return self._pull_request(known)
                if known.state is PullRequestState.open:
                    raise ActionError(
                        f"incident {incident_id} already has pull request {known.number} open; close it first"
                    )
            if self.git.commit(f"refs/heads/{branch}") is not None:
                raise ActionError(f"branch {branch} exists and belongs to no pull request of ours; rename or delete it")
            # Where the two parted, not today's tip: the diff shows what is proposed and nothing else.
            base_commit = self.git.run("merge-base", self.branch_head(base), head).strip()
            record = Record(
                number=self._records.next_number(),
                incident_id=incident_id,
                branch=branch,
                base=base,
                base_commit=base_commit,
                head=head,
                title=one_line(title),
                body=body,
                state=PullRequestState.open,
                opened_at=now(),
                runs=(CheckRuns(base=base_commit, checks=checks, at=now()),) if checks else (),
            )
            refs = (f"refs/heads/{branch}", f"{HEADS}{record.number}/head")
            self._records.write(record, [f"create {ref} {head}" for ref in refs])
            return self._pull_request(record)

    def get(self, number: int) -> PullRequest:
        """The pull request with this number.

        Raises:
            ActionError: there is none.
        """
        return self._pull_request(self._records.read(number))

    def find(self, incident_id: str) -> tuple[PullRequest, ...]:
        """The pull requests opened for an incident, oldest first."""
        return tuple(self._pull_request(record) for record in self._records.of(incident_id))

    def record(self, number: int) -> Record:
        """Everything kept of a pull request. Raises ActionError as :meth:`get` does."""
        return self._records.read(number)

    def review(self, number: int, verdict: Verdict, by: str) -> Review:
        """Record a person's answer. The first one stands; giving the same answer again changes nothing.

        Raises:
            PolicyError: somebody answered already, or the pull request is no longer open.
        """
        with self._exclusive():
            record = self._records.read(number)
            if record.review is not None:
                if (record.review.verdict, record.review.by) == (verdict, by):
                    return record.review
                raise PolicyError(f"pull request {number} was already {record.review.verdict} by {record.review.by}")
            if record.state is not PullRequestState.open:
                raise PolicyError(f"pull request {number} is already {record.state}")
            review = Review(verdict=verdict, by=by, at=now())
            self._records.write(record.model_copy(update={"review": review}))
            return review

    def record_checks(self, number: int, base: str, checks: tuple[Check, ...]) -> None:
        """Keep what the gates said of a pull request as merged into commit ``base``."""
        with self._exclusive():
            record = self._records.read(number)
            runs = (*record.runs, CheckRuns(base=base, checks=checks, at=now()))
            self._records.write(record.model_copy(update={"runs": runs}))

    @contextmanager
    def merged_with(self, number: int, base: str) -> Iterator[Git]:
        """A temporary checkout of commit ``base`` with a pull request merged into it and not committed.

        Raises:
            ActionError: they conflict.
        """
        record = self._records.read(number)
        with self.git.worktree(base) as tree:
            self._merging.merge_into(tree, record)
            yield tree

    def merge(self, number: int, by: str, *, onto: str | None = None) -> PullRequest:
        """Merge into the base branch with a merge commit that names who approved. Merged before, nothing happens.

        Args:
            onto: the commit the base branch has to stand at, as it was checked; None for wherever it stands.

        Raises:
            ActionError: the pull request is closed, rejected or changed since it was opened, it conflicts with
                the base branch, or the base branch has moved from ``onto`` or is checked out with uncommitted changes.
                Nothing is changed then.
        """
        with self._exclusive():
            record = self._records.read(number)
            if record.state is PullRequestState.merged:
                return self._pull_request(record)
            self._refuse_unless_as_reviewed(record)
            base = self.branch_head(record.base)
            merge_commit = self._merging.merged_before(record, base)
            if merge_commit is None:
                if onto not in (None, base):
                    raise ActionError(f"{record.base} moved while the checks ran; approve again")
                merge_commit = self._merging.merge_commit(record, base, by)
                self._merging.advance(record.base, base, merge_commit)
            merged = record.model_copy(update={"state": PullRequestState.merged, "merge_commit": merge_commit})
            self._records.write(merged)
            return self._pull_request(merged)

    def close(self, number: int, reason: RejectReason | str) -> PullRequest:
        """Close without merging. The branch and ``refs/pull/N/head`` stay for whoever wants to look.

        Raises:
            ActionError: it has been merged.
        """
        with self._exclusive():
            record = self._records.read(number)
            if record.state is PullRequestState.merged:
                raise ActionError(f"pull request {number} is merged; to undo it, revert commit {record.merge_commit}")
            if record.state is PullRequestState.open:
                closed = {"state": PullRequestState.closed, "closed_because": one_line(str(reason))}
                record = record.model_copy(update=closed)
                self._records.write(record)
            return self._pull_request(record)

    # -- merging --------------------------------------------------------------------------------------

    def _refuse_unless_as_reviewed(self, record: Record) -> None:
        """A pull request is merged as it was shown to whoever approved it, or not at all."""
        if record.state is PullRequestState.closed:
            raise ActionError(f"pull request {record.number} is closed: {record.closed_because}")
        if record.review is not None and record.review.verdict is Verdict.rejected:
            raise ActionError(f"pull request {record.number} was rejected by {record.review.by}")
        tip = self.git.commit(f"refs/heads/{record.branch}")
        if tip not in (None, record.head):
            raise ActionError(
                f"branch {record.branch} has moved since pull request {record.number} was opened; "
                f"merge it by hand, or move the branch back to {record.head[:12]}"
            )

    # -- the repository -------------------------------------------------------------------------------

    def _pull_request(self, record: Record) -> PullRequest:
        return PullRequest(
            number=record.number,
            repository=str(self.repository),
            branch=record.branch,
            base=record.base,
            head=record.head,
            title=record.title,
            body=record.body,
            state=record.state,
            diff=self.git.diff(record.base_commit, record.head),
            merge_commit=record.merge_commit,
        )

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One writer at a time, over threads and processes: a lock on a file beside the objects."""
        try:
            lock = (self._common / _LOCK_NAME).open("w")
        except OSError as failed:
            raise ActionError(f"{self._common} cannot be written to: {failed.strerror}; check its owner") from failed
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _common_directory(git: Git) -> Path:
    """Where the repository keeps its objects; refuses a folder that merely lies inside a repository."""
    if not git.directory.is_dir():
        raise ActionError(f"{git.directory} does not exist; name a git repository")
    result = git.try_run("rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir", "--is-bare-repository")
    if not result.ok:
        raise ActionError(f"{git.directory} is not a git repository that can be used: {result.problem}")
    common, own, bare = result.out.splitlines()
    top = own if bare == "true" else git.run("rev-parse", "--show-toplevel").rstrip("\n")
    if Path(top).resolve() != git.directory:
        raise ActionError(f"{git.directory} lies inside the repository {top}; name that one, if it is meant")
    return Path(common)
