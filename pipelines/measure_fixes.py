"""Which of the lab's recorded faults get the right fix proposed: by the rules alone, and by way of a language model.

    python -m pipelines.measure_fixes RECORDINGS --out FILE

RECORDINGS is a folder that ``qai-sre lab record`` wrote. The shop's repository at the time of each is built again from
its history and from the diffs of the commits recorded. The language model is a double (:mod:`pipelines.llm_double`)
over the wire, which knows what the prompt tells; the truth is opened only after a proposal is made.

A fix is right where it undoes a guilty change: reverts its commit, puts its setting or flag back, or leaves every file
that the guilty commit touched as it was before it. Where no change is guilty, no fix here is known to be right: it is
said whether one was proposed, and for a service that is to blame. Whether a fix closes an incident is measured on the
running shop (``qai-sre lab drill --approve``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from data.domain import Alert, Change, ChangeKind, Diagnosis, Incident, IncidentStatus
from data.errors import InputError, ProposalError
from data.lab.history import HISTORY
from data.lab.repository import build_repository, commit_patch, git
from data.proposal import ApplyPatch, FlagOff, Proposal, RevertCommit, RevertConfig, RollbackDeploy
from data.sources.bundle import read_alert, read_telemetry
from pipelines import llm_double
from pipelines.investigate import investigate
from remediation.checks import Check, failures
from remediation.git import Git
from remediation.llm.openai_api import OpenAIDrafter
from remediation.patch import plan_changes
from remediation.rehearse import rehearse
from remediation.synthesize import Synthesizer

Ids = Mapping[str, str]


@dataclass(frozen=True)
class Shop:
    """The shop's repository as it was recorded: ``ids`` says what each recorded commit is called in it."""

    path: Path
    ids: Ids

    def renamed(self, change: Change) -> Change:
        """The change as it would have been recorded from this repository."""
        ids = {"id": self.ids.get(change.id, change.id), "commit": self.ids.get(change.commit or "", change.commit)}
        return change.model_copy(update=ids)


def rebuild(path: Path, changes: Sequence[Change]) -> Shop:
    """The shop's repository with every recorded commit, on ``main``.

    Raises:
        InputError: the recording is not of the lab's shop, or a commit of it lacks its diff.
    """
    last = HISTORY.commits[-1]
    commits = sorted((c for c in changes if c.kind is ChangeKind.commit), key=lambda change: change.timestamp)
    subjects = {commit.message.partition("\n")[0] for commit in HISTORY.commits}
    newest = [c for c in commits if c.summary == last.message.partition("\n")[0]]
    if not newest:
        raise InputError("holds no commit of the lab's shop", field="RECORDINGS")
    known = build_repository(path, newest[-1].timestamp + last.before, HISTORY)
    by_subject = {commit.message.partition("\n")[0]: known[commit.slug] for commit in HISTORY.commits}
    ids = {c.id: by_subject[c.summary] for c in commits if c.summary in subjects}
    with TemporaryDirectory(prefix="qai-shop-") as folder:
        for change in (c for c in commits if c.summary not in subjects):
            if not change.diff:
                raise InputError(f"commit {change.id} was recorded without its diff", field="RECORDINGS")
            patch = Path(folder) / f"{change.id}.patch"
            patch.write_text(change.diff, encoding="utf-8")
            author = f"{change.author or 'Unknown'} <unknown@shop.example>"
            ids[change.id] = commit_patch(path, patch, author, change.timestamp, change.summary)
    return Shop(path, ids)


def measure(recordings: Path, answers: str) -> list[dict[str, Any]]:
    """One row a recording: what the rules and the double proposed, and whether that was right."""
    rows = []
    with llm_double.serving(llm_double.ANSWERS[answers]) as url:
        model = Synthesizer((OpenAIDrafter("none", "double", url, timeout_s=60.0),))
        for recording in sorted(path.parent for path in recordings.rglob("alert.json")):
            alert, telemetry = read_alert(recording), read_telemetry(recording)
            with TemporaryDirectory(prefix="qai-shop-") as folder:
                shop = rebuild(Path(folder) / "shop", telemetry.changes)
                changes = [shop.renamed(change) for change in telemetry.changes]
                diagnosis = _renamed(investigate(alert, telemetry), shop)
                incident = _incident(alert, diagnosis)
                drafted = {
                    name: _draft(synthesizer, incident, diagnosis, changes, shop)
                    for name, synthesizer in (("offline", Synthesizer()), ("model", model))
                }
                truth = json.loads((recording / "truth.json").read_text(encoding="utf-8"))
                guilty = {shop.ids.get(i, i) for i in truth["changes"]}
                rows.append(
                    {"fault": truth["kind"], "guilty_change": bool(guilty)}
                    | {name: _judged(draft, guilty, truth["services"], shop) for name, draft in drafted.items()}
                )
                click.echo(json.dumps(rows[-1]), err=True)
    return rows


@dataclass(frozen=True)
class Draft:
    """A proposal and its checks, or why there is none."""

    proposal: Proposal | None
    checks: tuple[Check, ...] = ()
    why: str = ""


def _draft(
    synthesizer: Synthesizer, incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change], shop: Shop
) -> Draft:
    try:
        return Draft(*rehearse(synthesizer, incident, diagnosis, changes, repository=shop.path, base="main"))
    except ProposalError as refused:
        return Draft(None, why=str(refused))


def _judged(draft: Draft, guilty: set[str], services: Sequence[str], shop: Shop) -> dict[str, Any]:
    proposal = draft.proposal
    if proposal is None:
        return {"verdict": "nothing proposed", "why": draft.why[:200]}
    remedy = proposal.remedy
    if guilty:
        verdict = "right" if _undoes(proposal, guilty, shop) else "wrong"
    else:
        verdict = "for a service to blame" if getattr(remedy, "service", None) in services else "for another service"
    return {
        "verdict": verdict,
        "by": proposal.synthesizer,
        "remedy": remedy.kind,
        "confidence": round(proposal.proposed_solution.confidence_score, 3),
        "required_pass": not failures(draft.checks),
        "failed": [check.name for check in draft.checks if not check.passed],
        "rejected": [rejection.reason[:160] for rejection in proposal.drafting.rejected],
    }


def _undoes(proposal: Proposal, guilty: set[str], shop: Shop) -> bool:
    remedy = proposal.remedy
    if isinstance(remedy, RevertCommit):
        return remedy.commit in guilty
    if isinstance(remedy, RevertConfig | RollbackDeploy):
        return remedy.change_id in guilty
    if isinstance(remedy, FlagOff):
        return remedy.flag in guilty
    return isinstance(remedy, ApplyPatch) and _restores(proposal, guilty, shop)


def _restores(proposal: Proposal, guilty: set[str], shop: Shop) -> bool:
    """Whether the patch leaves every file as reverting the guilty commit does, byte for byte.

    A file that the commit added may stay, for a model may not delete any: with the others restored, nothing uses it.
    """
    commits = [commit for commit in guilty if commit in shop.ids.values()]
    if len(commits) != 1:
        return False
    solution = proposal.proposed_solution
    plan = plan_changes(shop.path, [*solution.code_changes, *solution.configuration_changes])
    with Git(shop.path).worktree(git(shop.path, "rev-parse", "HEAD").strip()) as reverted:
        if not plan.applies or not reverted.try_run("revert", "--no-commit", commits[0]).ok:
            return False
        touched = set(git(shop.path, "show", "--format=", "--name-only", commits[0]).split())
        patched = {path.relative_to(shop.path.resolve()).as_posix(): text for path, text in plan.files.items()}
        kept = {name: reverted.directory / name for name in touched if (reverted.directory / name).is_file()}
        return set(patched) == set(kept) and all(kept[name].read_text() == text for name, text in patched.items())


def _renamed(diagnosis: Diagnosis, shop: Shop) -> Diagnosis:
    changes = tuple(c.model_copy(update={"id": shop.ids.get(c.id, c.id)}) for c in diagnosis.changes)
    return diagnosis.model_copy(update={"changes": changes})


def _incident(alert: Alert, diagnosis: Diagnosis) -> Incident:
    return Incident(
        id="INC-RECORDED", title=alert.title, service=alert.service, status=IncidentStatus.investigating,
        severity=diagnosis.severity, opened_at=alert.fired_at, alerts=(alert,), environment="lab",
    )  # fmt: skip


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts counted, as a Markdown table."""
    lines = ["| drafted by | cause | " + " | ".join(_VERDICTS) + " |", "|---" * (len(_VERDICTS) + 2) + "|"]
    for name in ("offline", "model"):
        for is_change, cause in ((True, "a change"), (False, "no change")):
            counts = Counter(row[name]["verdict"] for row in rows if row["guilty_change"] is is_change)
            lines.append(f"| {name} | {cause} | " + " | ".join(str(counts[verdict]) for verdict in _VERDICTS) + " |")
    return "\n".join(lines)


_VERDICTS = ("right", "wrong", "for a service to blame", "for another service", "nothing proposed")


@click.command()
@click.argument("recordings", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--answers", type=click.Choice(sorted(llm_double.ANSWERS)), default="revert", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the rows here as JSON.")
def main(recordings: Path, answers: str, out: Path | None) -> None:
    """Propose a fix for every recorded fault, by the rules alone and with a double of a language model."""
    rows = measure(recordings, answers)
    if out is not None:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    click.echo(summary(rows))


if __name__ == "__main__":
    main()
