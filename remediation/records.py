"""What a repository remembers of its pull requests: ``refs/qai/pull/N``, a chain of commits holding ``pull.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data.domain import Noun, PullRequestState, Utc, Verdict
from data.errors import ActionError
from remediation.checks.check import Check
from remediation.git import Git
from remediation.text import one_line

HEADS = "refs/pull/"
_RECORDS = "refs/qai/pull/"


class Review(Noun):
    """The one answer a pull request gets."""

    verdict: Verdict
    by: str
    at: Utc


class CheckRuns(Noun):
    """What the gates said of a pull request as merged into commit ``base`` of its base branch."""

    base: str
    checks: tuple[Check, ...]
    at: Utc


class Record(Noun):
    """What the repository keeps of a pull request, beyond its commits. ``runs`` are in the order they were made."""

    number: int
    incident_id: str
    branch: str
    base: str
    base_commit: str
    head: str
    title: str
    body: str
    state: PullRequestState
    opened_at: Utc
    review: Review | None = None
    runs: tuple[CheckRuns, ...] = ()
    merge_commit: str | None = None
    closed_because: str | None = None


@dataclass(frozen=True)
class Records:
    """The records of one repository. Whoever writes holds the forge's lock."""

    git: Git

    def read(self, number: int) -> Record:
        """Everything kept of a pull request.

        Raises:
            ActionError: there is none with this number, or its record cannot be read.
        """
        result = self.git.try_run("cat-file", "blob", f"{_RECORDS}{int(number)}:pull.json")
        if not result.ok:
            raise ActionError(f"{self.git.directory} has no pull request {number}")
        try:
            return Record.model_validate_json(result.out)
        except ValueError as broken:
            raise ActionError(
                f"the record of pull request {number} ({_RECORDS}{number}) cannot be read: {one_line(str(broken))}"
            ) from broken

    def of(self, incident_id: str) -> Iterator[Record]:
        """The incident's pull requests, oldest first, searched by the ``Incident:`` trailer of their records.

        Raises:
            ActionError: ``incident_id`` could not stand in a trailer.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", incident_id):
            raise ActionError(f"{incident_id[:80]!r} is not an incident id: use letters, digits, '.', '_', ':' and '-'")
        fields = "--format=%(refname) %(contents:trailers:key=Incident,valueonly,separator=%20)"
        listed = self.git.run("for-each-ref", fields, _RECORDS).splitlines()
        pairs = [line.partition(" ")[::2] for line in listed if line.strip()]
        names = [name.removeprefix(_RECORDS) for name, value in pairs if value.strip() == incident_id]
        return (self.read(number) for number in sorted(int(name) for name in names if name.isdecimal()))

    def write(self, record: Record, creating: Sequence[str] = ()) -> None:
        """Store a record, and whatever refs come with it, all or nothing."""
        ref = f"{_RECORDS}{record.number}"
        text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
        blob = self.git.run("hash-object", "-w", "--stdin", stdin=text).strip()
        tree = self.git.run("mktree", stdin=f"100644 blob {blob}\tpull.json\n").strip()
        previous = self.git.commit(ref)
        what = record.review.verdict if record.review and record.state is PullRequestState.open else record.state
        message = f"Pull request {record.number}: {what}\n\nIncident: {record.incident_id}\n"
        commit = self.git.commit_tree(tree, (previous,) if previous else (), message)
        own = f"update {ref} {commit} {previous}" if previous else f"create {ref} {commit}"
        lines = [*creating, own]
        self.git.run("update-ref", "--stdin", stdin="\n".join(lines) + "\n")

    def next_number(self) -> int:
        """A number no pull request has, here or fetched from another forge."""
        names = self.git.run("for-each-ref", "--format=%(refname)", HEADS, _RECORDS).splitlines()
        numbers = [int(m.group(1)) for name in names if (m := re.match(r"refs/(?:qai/)?pull/(\d+)(?:/|$)", name))]
        return max(numbers, default=0) + 1
