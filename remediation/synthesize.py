"""From evidence to a Proposal. Whoever drafts it, what leaves here has been held to the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from data.domain import Change, Diagnosis, Incident
from data.errors import ProposalError
from data.proposal import ApplyPatch, Drafting, ModelCall, Proposal, Rejection, SecondOpinion
from remediation import offline
from remediation.choice import refuse_untold
from remediation.llm import Drafter, DrafterError, Prompt, Reply
from remediation.llm.answer import parse
from remediation.llm.attachments import named
from remediation.llm.guard import accept
from remediation.llm.prompt import TOKENS, Facts, build
from remediation.llm.second import compared, doubt
from remediation.proof import PROOF, prove
from remediation.redact import Vault
from remediation.scope import files_in_scope
from remediation.text import one_line


@dataclass(frozen=True)
class Synthesizer:
    """The drafters in the order they are asked; the offline one is always last.

    Attributes:
        drafters: language models; none means that the offline draft is the answer.
        tries: how often each is asked; from the second time on it is told what was wrong.
        tokens: how much each is shown at most.
        prices: US dollars for a million tokens asked and answered, by model; others cost an unknown amount.
    """

    drafters: Sequence[Drafter] = ()
    tries: int = 2
    tokens: int = TOKENS
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(
        self,
        incident: Incident,
        diagnosis: Diagnosis,
        changes: Sequence[Change],
        *,
        repository: Path | None = None,
        facts: Facts | None = None,
    ) -> Proposal:
        """A fix for ``incident``, resting on ``diagnosis``. A model's draft where one passes, else the offline one.

        Args:
            repository: a checkout of the code as deployed; without it a model's patch is words only.
            facts: what else a model may be told.

        Raises:
            ProposalError: nothing safe can be proposed; the message says why. A person takes over.
        """
        refuse_untold(diagnosis)
        case = _Case(incident, diagnosis, changes, repository, facts or Facts())
        log = _Log()
        others = iter(self.drafters)
        proposal = self._first(others, case, log)
        if proposal is None:
            proposal = offline.draft(incident, diagnosis, changes)
        elif why := doubt(proposal, diagnosis, changes):
            shown = log.prompt
            log.second_opinion = compared(proposal, self._first(others, case, log), why)
            log.prompt = shown
        refuse_unsupported(proposal, diagnosis)
        return proposal.model_copy(update={"drafting": log.drafting()})

    def _first(self, drafters: Iterator[Drafter], case: _Case, log: _Log) -> Proposal | None:
        """The first draft that passes; what the others broke is told to the next."""
        for drafter in drafters:
            proposal = self._ask(drafter, case, log)
            if proposal is not None:
                return proposal
        return None

    def _ask(self, drafter: Drafter, case: _Case, log: _Log) -> Proposal | None:
        for again in range(self.tries):
            vault = Vault()
            prompt = build(
                case.incident, case.diagnosis, case.told, vault, refused=log.refused, tokens=self.tokens
            )  # fmt: skip
            log.prompt = prompt
            try:
                reply = drafter.draft(prompt)
            except DrafterError as failed:
                log.reject(drafter.name, str(failed))
                return None
            log.calls.append(self._call(drafter.name, reply))
            try:
                return self._passed(drafter.name, reply, case, vault, is_last=again == self.tries - 1)
            except ProposalError as wrong:
                log.refused = vault.redact(str(wrong))
                log.reject(drafter.name, log.refused)
        return None

    def _passed(self, name: str, reply: Reply, case: _Case, vault: Vault, *, is_last: bool) -> Proposal:
        """The proposal a reply makes within the rules and the gates. Raises ProposalError with what it breaks.

        What only a person may judge goes back to the model, too; where that helped nothing, it goes to the person.
        """
        proposal = accept(
            parse(reply.text), case.incident, case.diagnosis, case.changes,
            synthesizer=name, scope=case.scope, repository=case.repository, vault=vault,
        )  # fmt: skip
        if case.repository is not None and isinstance(proposal.remedy, ApplyPatch):
            found = [c for c in prove(case.repository, proposal) if not c.passed]
            hard = [check for check in found if check.name in PROOF]
            if hard or (found and not is_last):
                raise ProposalError("; ".join(f"{check.name}: {check.detail}" for check in hard or found))
        return proposal

    def _call(self, name: str, reply: Reply) -> ModelCall:
        price = self.prices.get(reply.model)
        cost = None
        if price and reply.prompt_tokens is not None and reply.answer_tokens is not None:
            cost = (price[0] * reply.prompt_tokens + price[1] * reply.answer_tokens) / 1e6
        return ModelCall(
            synthesizer=name, model=reply.model, seconds=round(reply.seconds, 3), prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens, cost_usd=cost,
        )  # fmt: skip


@dataclass(frozen=True)
class _Case:
    """What a fix is drafted for, and what may be told and touched."""

    incident: Incident
    diagnosis: Diagnosis
    changes: Sequence[Change]
    repository: Path | None
    facts: Facts

    @cached_property
    def scope(self) -> Mapping[str, str]:
        return files_in_scope(self.repository, self.diagnosis, self.changes) if self.repository else {}

    @cached_property
    def told(self) -> Facts:
        return replace(self.facts, changes=self.changes, files=self.scope)


@dataclass
class _Log:
    """What is kept of how a proposal came to be; ``refused`` is what the last draft broke."""

    prompt: Prompt | None = None
    refused: str = ""
    calls: list[ModelCall] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    second_opinion: SecondOpinion | None = None

    def reject(self, synthesizer: str, reason: str) -> None:
        self.rejected.append(Rejection(synthesizer=synthesizer, reason=one_line(reason, 500)))

    def drafting(self) -> Drafting:
        shown = self.prompt
        return Drafting(
            system=shown.system if shown else "",
            user=shown.user if shown else "",
            attachments=tuple(named(attached) for attached in shown.attachments) if shown else (),
            calls=tuple(self.calls),
            rejected=tuple(self.rejected),
            second_opinion=self.second_opinion,
        )


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


_CODE = frozenset({"remedy", "code_changes", "configuration_changes", "drafting"})
