"""What a model wrote, held to the evidence, the files in scope and the gates. Deterministic: no model is asked.

The cause, its probability and the remedy's scope come from the diagnosis; the model adds words that cite, and a
patch that code has checked. Whatever breaks a rule is refused with the rule, so that the model can try again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from data.domain import Change, Diagnosis, Incident
from data.errors import ProposalError
from data.proposal import (
    ApplyPatch,
    CodeAction,
    CodeChange,
    ConfigurationChange,
    Proposal,
    ProposedSolution,
    SolutionType,
)
from remediation import offline
from remediation.checks.destructive import dangers_in
from remediation.checks.people import is_test_path
from remediation.llm.answer import Answer
from remediation.llm.patch_rules import refuse_unsafe_changes
from remediation.redact import Vault
from remediation.scope import blamed_service
from remediation.text import one_line

_LINK: Final = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.|\bdata:|\bjavascript:)\S*|\b\S+@\S+\.\S+", re.IGNORECASE
)
_SENTENCE: Final = re.compile(r"(?<=[.!?\]])\s+(?=[A-Z0-9])")
_CITED: Final = re.compile(r"\[([^\[\]]+)\]")
_MAX_TEXT = 2000


def accept(
    answer: Answer,
    incident: Incident,
    diagnosis: Diagnosis,
    changes: Sequence[Change],
    *,
    synthesizer: str,
    scope: Mapping[str, str],
    repository: Path | None,
    vault: Vault,
) -> Proposal:
    """The proposal that ``answer`` makes within the rules.

    Args:
        scope: the files that may be changed, found by code; empty where none may.
        repository: a checkout to place the changes in; None where there is none, and then they are words only.
        vault: puts back what was redacted, in snippets of code alone.

    Raises:
        ProposalError: naming the rule that the answer breaks.
    """
    _refuse_unsafe_words(answer)
    known = {item.id for item in diagnosis.evidence}
    code, settings = _restored(answer, vault)
    if code or settings:
        refuse_unsafe_changes(code, settings, scope, repository)
    base = _foundation(incident, diagnosis, changes, patched=bool(code or settings) and repository is not None)
    claims = _claims(answer.root_cause_analysis.summary, known)
    if not claims:
        raise ProposalError("the analysis cites no evidence: end each sentence with the ids it rests on, such as [m1]")
    details = [*claims, *_claims(answer.root_cause_analysis.details, known)]
    analysis = base.root_cause_analysis.model_copy(
        update={"details": "\n".join([f"{synthesizer} adds: {' '.join(details)}", base.root_cause_analysis.details])}
    )
    return base.model_copy(
        update={
            "id": base.id if base.remedy.kind != "apply_patch" else _patch_id(base.id, code, settings),
            "synthesizer": synthesizer,
            "root_cause_analysis": analysis,
            "proposed_solution": _solution(base.proposed_solution, answer, code, settings, base.remedy.kind),
            "additional_recommendations": (
                *base.additional_recommendations,
                *(_plain(text) for text in answer.additional_recommendations[:5]),
            ),
        }
    )


def _foundation(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change], *, patched: bool) -> Proposal:
    """The offline draft: its cause, probability and remedy stand; a checked patch takes the remedy's place."""
    service = blamed_service(diagnosis)
    try:
        draft = offline.draft(incident, diagnosis, changes)
    except ProposalError:
        if not patched or service is None:
            raise
        return offline.patch_draft(incident, diagnosis, changes, service)
    if not patched or service is None:
        return draft
    return draft.model_copy(update={"remedy": ApplyPatch(service=service)})


def _solution(
    base: ProposedSolution,
    answer: Answer,
    code: Sequence[CodeChange],
    settings: Sequence[ConfigurationChange],
    remedy: str,
) -> ProposedSolution:
    said = answer.proposed_solution
    update: dict[str, object] = {
        "code_changes": tuple(code),
        "verification_steps": (*base.verification_steps, *(_plain(step) for step in said.verification_steps[:6])),
        "risk_assessment": " ".join(filter(None, (base.risk_assessment, _plain(said.risk_assessment)))),
    }
    if settings:
        update["configuration_changes"] = tuple(settings)
    if remedy == "apply_patch":
        update["type"] = SolutionType.code_fix if code else SolutionType.config_change
        update["summary"] = _plain(said.summary)
        update["rollback_instructions"] = "Revert the merge commit of this pull request."
    return base.model_copy(update=update)


def _refuse_unsafe_words(answer: Answer) -> None:
    for text in _texts(answer):
        odd = [c for c in text if unicodedata.category(c) in {"Cf", "Cc", "Co", "Cn", "Cs"} and c not in "\n\t\r"]
        if odd:
            raise ProposalError(f"a text holds an invisible character (U+{ord(odd[0]):04X})")
        folded = unicodedata.normalize("NFKC", text)
        danger = next(dangers_in(folded), None)
        if danger:
            raise ProposalError(f"a text asks for something that {danger}; leave it out")


def _texts(answer: Answer) -> Iterator[str]:
    analysis, solution = answer.root_cause_analysis, answer.proposed_solution
    yield from (analysis.summary, analysis.details, *analysis.factors_contributing)
    yield from (solution.summary, solution.rollback_instructions, solution.estimated_impact, solution.risk_assessment)
    yield from (*solution.verification_steps, *solution.references, *answer.additional_recommendations)


def _claims(text: str, known: set[str]) -> list[str]:
    """The sentences that cite evidence; the others are dropped.

    Raises:
        ProposalError: an id is cited that nobody observed.
    """
    kept: list[str] = []
    for sentence in _SENTENCE.split(_plain(text)):
        cited = _CITED.findall(sentence)
        invented = [i for group in cited for i in re.split(r"[,;\s]+", group.strip()) if i and i not in known]
        if invented:
            raise ProposalError(f"evidence is cited that does not exist: {', '.join(sorted(invented)[:5])}")
        if cited:
            # One id a bracket, as everywhere else.
            kept.append(_CITED.sub(lambda m: "".join(f"[{i}]" for i in re.split(r"[,;\s]+", m[1].strip())), sentence))
    return kept


def _plain(text: str) -> str:
    """One line without links: a link carries data away when somebody opens it."""
    return _LINK.sub("(link removed)", one_line(text, _MAX_TEXT))


def _restored(answer: Answer, vault: Vault) -> tuple[list[CodeChange], list[ConfigurationChange]]:
    solution = answer.proposed_solution
    code = [
        change.model_copy(
            update={
                "old_content_snippet": vault.restore(change.old_content_snippet),
                "new_content_snippet": vault.restore(change.new_content_snippet),
            }
        )
        for change in solution.code_changes
    ]
    test = solution.regression_test
    if test.file_path:
        content = vault.restore(test.content)
        if not is_test_path(test.file_path):
            raise ProposalError("the regression test is not where tests are; name a file such as tests/test_NAME.py")
        created = CodeAction.create_file
        code.append(CodeChange(file_path=test.file_path, new_content_snippet=content, action=created))
    return code, list(solution.configuration_changes)


def _patch_id(base: str, code: Sequence[CodeChange], settings: Sequence[ConfigurationChange]) -> str:
    import hashlib

    basis = base + "".join(change.model_dump_json() for change in (*code, *settings))
    return "PROP-" + hashlib.sha256(basis.encode()).hexdigest()[:12]
