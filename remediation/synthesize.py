"""From evidence to a Proposal. Whoever drafts it, what leaves here has been held to the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from data.domain import Change, Diagnosis, Incident
from data.errors import ProposalError
from data.proposal import Proposal
from remediation import offline


def synthesize(incident: Incident, diagnosis: Diagnosis, changes: Sequence[Change]) -> Proposal:
    """A fix for ``incident``, resting on ``diagnosis`` and undoing one of ``changes`` where one is blamed.

    Raises:
        ProposalError: nothing safe can be proposed; the message says why. A person takes over.
    """
    proposal = offline.draft(incident, diagnosis, changes)
    refuse_unsupported(proposal, diagnosis)
    return proposal


def refuse_unsupported(proposal: Proposal, diagnosis: Diagnosis) -> None:
    """Refuse a proposal that does not say what its cause rests on, or that cites what nobody observed.

    Raises:
        ProposalError: the cause cites no evidence, or some text cites an id this diagnosis does not have.
    """
    known = {item.id for item in diagnosis.evidence}
    invented = sorted({cited for text in _texts(proposal.model_dump()) for cited in citations(text)} - known)
    if invented:
        raise ProposalError(f"evidence is cited that does not exist: {', '.join(invented[:5])}")
    if not any(True for _ in citations(proposal.root_cause_analysis.summary)):
        raise ProposalError("the cause cites no evidence; a person has to look at what was collected")


def citations(text: str) -> Iterator[str]:
    """What stands in square brackets in ``text``."""
    return (match.group(1) for match in re.finditer(r"\[([^\[\]]+)\]", text))


def _texts(value: object) -> Iterator[str]:
    """Every sentence in a proposal, however deep; snippets of code are not sentences and may hold brackets."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _CODE:
                yield from _texts(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _texts(inner)


_CODE = frozenset({"remedy", "code_changes", "configuration_changes"})
