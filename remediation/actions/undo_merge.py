"""Take a merged pull request back: git reverts its merge, and a second pull request carries that at once.

What results has run before and was taken out by us, so it passes no gates again; that it applies without conflict is
all that is asked.
"""

from __future__ import annotations

from data.domain import PullRequest, PullRequestState
from data.errors import ActionError
from remediation.forge import LocalForge
from remediation.records import Record
from remediation.text import defang, one_line, paragraph, plain


def undo_merge(forge: LocalForge, number: int, *, by: str, because: str) -> PullRequest:
    """Revert the merge of pull request ``number``; taken back before, the same answer.

    Raises:
        ActionError: it is not merged, or what it changed has been changed again since.
    """
    record = forge.record(number)
    if record.state is not PullRequestState.merged or record.merge_commit is None:
        raise ActionError(f"pull request {number} is {record.state}, so there is no merge to take back")
    branch = f"{record.branch}-taken-back"
    known = next((p for p in forge.find(record.incident_id) if p.branch == branch), None)
    opened = known or _opened(forge, record, branch, because)
    return forge.merge(opened.number, by)


def _opened(forge: LocalForge, record: Record, branch: str, because: str) -> PullRequest:
    git, base_commit, merge = forge.git, forge.branch_head(record.base), str(record.merge_commit)
    parents = git.run("rev-list", "--parents", "-n", "1", merge).split()[1:]
    mainline = ("-m", "1") if len(parents) > 1 else ()
    with git.worktree(base_commit) as checkout:
        result = checkout.try_run("revert", "--no-commit", "--no-edit", *mainline, merge)
        if not result.ok:
            files = ", ".join(checkout.conflicts()) or result.problem
            raise ActionError(
                f"taking back pull request {record.number} conflicts with later changes in {files}; "
                f"revert {merge[:12]} by hand"
            )
        tree = checkout.run("write-tree").strip()
    if tree == git.run("rev-parse", f"{base_commit}^{{tree}}").strip():
        raise ActionError(f"what pull request {record.number} changed is not on {record.base} any more")
    title = f"Take back pull request {record.number}: {plain(record.title, 100)}"
    trailers = f"Incident: {record.incident_id}\nReverts: {merge}"
    message = "\n\n".join(
        [defang(one_line(title)), f"This reverts the merge {merge}.", paragraph(plain(because, 2000)), trailers]
    )
    head = git.commit_tree(tree, (base_commit,), message + "\n")
    body = f"Pull request {record.number} was merged and is taken back.\n\n{paragraph(plain(because, 2000))}\n"
    return forge.open(branch, record.base, title, body, head=head, incident_id=record.incident_id)
