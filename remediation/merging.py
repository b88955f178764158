"""How one commit is merged into a branch, and the branch moved on: in temporary worktrees, and never by halves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.errors import ActionError
from remediation.git import Git
from remediation.records import Record
from remediation.text import defang, one_line, paragraph


@dataclass(frozen=True)
class Merging:
    """Merges in the repository of ``git``. Whoever merges holds the forge's lock."""

    git: Git

    def merged_before(self, record: Record, base: str) -> str | None:
        """The merge commit a call that died before it could record it has left, or somebody's own merge."""
        if not self.git.is_ancestor(record.head, base):
            return None
        merges = self.git.run("rev-list", "--merges", "--ancestry-path", "--reverse", f"{record.head}..{base}").split()
        return merges[0] if merges else record.head

    def merge_commit(self, record: Record, base: str, by: str) -> str:
        """The commit that merges a pull request into commit ``base``, referred to by nothing yet."""
        with self.git.worktree(base) as tree:
            self.merge_into(tree, record)
            merged = tree.run("write-tree").strip()
            message = (
                f"Merge pull request {record.number} from {record.branch}\n\n{paragraph(record.title)}\n\n"
                f"Incident: {record.incident_id}\nApproved-by: {defang(one_line(by, 100))}\n"
            )
            return tree.commit_tree(merged, (base, record.head), message)

    def merge_into(self, tree: Git, record: Record) -> None:
        """Merge a pull request into the checkout ``tree``, uncommitted. Raises ActionError where they conflict."""
        result = tree.try_run("merge", "--no-ff", "--no-commit", "--quiet", record.head)
        if not result.ok:
            files = ", ".join(tree.conflicts()) or result.problem
            raise ActionError(f"pull request {record.number} conflicts with {record.base} in {files}; merge it by hand")

    def advance(self, branch: str, old: str, new: str) -> None:
        """Move ``branch`` from ``old`` to its descendant ``new``, and the checkout that has it, if any."""
        checkouts = self._checkouts(branch)
        if not checkouts:
            result = self.git.try_run("update-ref", "-m", "qai-sre: merge", f"refs/heads/{branch}", new, old)
            if not result.ok:
                raise ActionError(f"{branch} moved while merging ({result.problem}); approve again")
            return
        if len(checkouts) > 1:
            raise ActionError(f"{branch} is checked out in more than one place; leave it in one and approve again")
        checkout = Git(checkouts[0])
        dirty = checkout.run("status", "--porcelain", "--untracked-files=no").splitlines()
        if dirty:
            names = ", ".join(line[3:] for line in dirty[:5])
            raise ActionError(
                f"{branch} is checked out in {checkouts[0]} with uncommitted changes ({names}); "
                "commit or stash them, then approve again"
            )
        # Refuses by itself to overwrite an untracked or ignored file, and changes nothing then.
        result = checkout.try_run("merge", "--ff-only", "--no-overwrite-ignore", "--quiet", new)
        if not result.ok:
            why = one_line(result.err, 400) or "git gave no reason"
            raise ActionError(f"the checkout in {checkouts[0]} could not be updated: {why}")

    def _checkouts(self, branch: str) -> list[Path]:
        found, path = [], Path()
        for line in self.git.run("worktree", "list", "--porcelain").splitlines():
            if line.startswith("worktree "):
                path = Path(line.removeprefix("worktree "))
            elif line == f"branch refs/heads/{branch}":
                found.append(path)
        return found
