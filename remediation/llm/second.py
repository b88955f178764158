"""When a model's patch is in doubt, and whether another model's draft bears it out.

A patch is in doubt where the diagnosis it rests on is less likely than not to be right, or where it edits nothing of
what the blamed change touched: then the model reads the incident otherwise than the ranking does. Two drafts agree
when they change some of the same lines or settings. That says where, not what: the gates look at what.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.domain import Change, Diagnosis
from data.proposal import CodeAction, Proposal, SecondOpinion
from remediation.checks.check import Check
from remediation.scope import files_touched
from remediation.text import one_line

DOUBT_BELOW = 0.5


def doubt(proposal: Proposal, diagnosis: Diagnosis, changes: Sequence[Change]) -> str | None:
    """Why another model should be asked, as a clause; None where there is no need."""
    edited = _files(proposal)
    if not edited:
        return None
    sure = proposal.proposed_solution.confidence_score
    if sure < DOUBT_BELOW:
        return f"the cause is less likely than not to be right ({sure:.2f})"
    touched = set(files_touched(diagnosis, changes))
    if touched and not touched & edited:
        return f"the patch edits {_listed(edited)}, but the blamed change touched {_listed(touched)}"
    return None


def compared(first: Proposal, second: Proposal | None, why: str) -> SecondOpinion:
    """What the ``second`` draft says of the ``first``, which is in doubt for the reason ``why``."""
    if second is None:
        return SecondOpinion(doubt=why, agrees=False, reason="no other model gave a draft that passed")
    one, two = _places(first), _places(second)
    if one & two:
        reason = f"{second.synthesizer} changes the same in {_listed({path for path, _ in one & two})}"
        return SecondOpinion(synthesizer=second.synthesizer, doubt=why, agrees=True, reason=reason)
    instead = f"edits {_listed(_files(second))}" if two else "edits nothing"
    reason = f"{second.synthesizer} {instead}, {first.synthesizer} edits {_listed(_files(first))}, at other lines"
    return SecondOpinion(synthesizer=second.synthesizer, doubt=why, agrees=False, reason=reason)


def second_opinion_check(proposal: Proposal) -> tuple[Check, ...]:
    """The second opinion as a badge beside the others; none where none was needed."""
    opinion = proposal.drafting.second_opinion
    if opinion is None:
        return ()
    return (Check(name="second_opinion", passed=opinion.agrees, detail=f"{opinion.doubt}; {opinion.reason}"),)


def _files(proposal: Proposal) -> set[str]:
    return {path for path, _ in _places(proposal)}


def _places(proposal: Proposal) -> set[tuple[str, str]]:
    """File and line, or file and key, of everything a draft changes; a new file is one place."""
    solution = proposal.proposed_solution
    places = {(setting.path, setting.key) for setting in solution.configuration_changes}
    for change in solution.code_changes:
        if change.action is CodeAction.create_file:
            places.add((change.file_path, ""))
            continue
        kept = {line.strip() for line in change.new_content_snippet.splitlines()}
        quoted = [line.strip() for line in change.old_content_snippet.splitlines() if line.strip()]
        # Lines quoted only to find the place are not what is changed, unless nothing else is.
        places |= {(change.file_path, line) for line in ([q for q in quoted if q not in kept] or quoted)}
    return places


def _listed(names: set[str]) -> str:
    return ", ".join(one_line(name, 80) for name in sorted(names)[:4])
