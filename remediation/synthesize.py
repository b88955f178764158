"""From evidence to a Proposal. Whoever drafts it, what leaves here has been held to the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.domain import Change, Diagnosis, Incident
from data.errors import ProposalError
from data.proposal import Drafting, ModelCall, Proposal, Rejection
from remediation import offline
from remediation.choice import refuse_untold
from remediation.llm import Drafter, DrafterError, Prompt, Reply
from remediation.llm.answer import parse
from remediation.llm.guard import accept
from remediation.llm.prompt import TOKENS, Facts, build
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
        log = _Log()
        for drafter in self.drafters:
            proposal = self._ask(drafter, incident, diagnosis, changes, repository, facts or Facts(), log)
            if proposal is not None:
                refuse_unsupported(proposal, diagnosis)
                return proposal.model_copy(update={"drafting": log.drafting()})
        proposal = offline.draft(incident, diagnosis, changes)
        refuse_unsupported(proposal, diagnosis)
        return proposal.model_copy(update={"drafting": log.drafting()})

    def _ask(
        self,
        drafter: Drafter,
        incident: Incident,
        diagnosis: Diagnosis,
        changes: Sequence[Change],
        repository: Path | None,
        facts: Facts,
        log: _Log,
    ) -> Proposal | None:
        scope = files_in_scope(repository, diagnosis, changes) if repository else {}
        told = replace(facts, changes=changes, files=scope)
        refused = ""
        for _ in range(self.tries):
            vault = Vault()
            prompt = build(incident, diagnosis, told, vault, refused=refused, tokens=self.tokens)
            log.prompt = prompt
            try:
                reply = drafter.draft(prompt)
            except DrafterError as failed:
                log.rejected.append(Rejection(synthesizer=drafter.name, reason=str(failed)))
                return None
            log.calls.append(self._call(drafter.name, reply))
            try:
                return accept(
                    parse(reply.text), incident, diagnosis, changes,
                    synthesizer=drafter.name, scope=scope, repository=repository, vault=vault,
                )  # fmt: skip
            except ProposalError as wrong:
                refused = str(wrong)
                log.rejected.append(Rejection(synthesizer=drafter.name, reason=one_line(vault.redact(refused), 500)))
        return None

    def _call(self, name: str, reply: Reply) -> ModelCall:
        price = self.prices.get(reply.model)
        cost = None
        if price and reply.prompt_tokens is not None and reply.answer_tokens is not None:
            cost = (price[0] * reply.prompt_tokens + price[1] * reply.answer_tokens) / 1e6
        return ModelCall(
            synthesizer=name, model=reply.model, seconds=round(reply.seconds, 3), prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.answer_tokens, cost_usd=cost,
        )  # fmt: skip


@dataclass
class _Log:
    """What is kept of how a proposal came to be."""

    prompt: Prompt | None = None
    calls: list[ModelCall] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def drafting(self) -> Drafting:
        return Drafting(
            system=self.prompt.system if self.prompt else "",
            user=self.prompt.user if self.prompt else "",
            calls=tuple(self.calls),
            rejected=tuple(self.rejected),
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
