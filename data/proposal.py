"""The Proposal: a typed, reviewable fix. The schema a synthesiser fills, and nothing it may decide.

``confidence_score`` is copied from the calibrated models; no language model's own word is used for it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from data.domain import Noun, Probability, Utc, now


class SolutionType(StrEnum):
    code_fix = "code_fix"
    config_change = "config_change"
    rollback = "rollback"
    scaling_action = "scaling_action"


class CodeAction(StrEnum):
    replace = "replace"  # type: ignore[assignment]
    insert_before = "insert_before"
    insert_after = "insert_after"
    delete = "delete"
    create_file = "create_file"
    delete_file = "delete_file"

    @classmethod
    def _missing_(cls, value: object) -> CodeAction | None:
        """Two names language models use for the same actions."""
        return {"replace_line": cls.replace, "delete_block": cls.delete}.get(str(value))


class CodeChange(Noun):
    """One edit of one file, as the text to find and the text to put there."""

    file_path: str
    old_content_snippet: str = ""
    new_content_snippet: str = ""
    action: CodeAction = CodeAction.replace


class ConfigurationAction(StrEnum):
    set = "set"
    remove = "remove"
    revert = "revert"


class ConfigurationChange(Noun):
    """One setting: ``path`` is a file or system, ``key`` the setting in it, ``value`` what it becomes."""

    path: str
    key: str
    value: JsonValue = None
    action: ConfigurationAction = ConfigurationAction.set


class RootCauseAnalysis(Noun):
    """The cause in words; every claim cites evidence ids in square brackets."""

    summary: str
    details: str
    confidence_score: Probability
    factors_contributing: tuple[str, ...] = ()


class ProposedSolution(Noun):
    type: SolutionType
    summary: str
    code_changes: tuple[CodeChange, ...] = ()
    configuration_changes: tuple[ConfigurationChange, ...] = ()
    rollback_instructions: str
    verification_steps: tuple[str, ...]
    estimated_impact: str
    risk_assessment: str
    confidence_score: Probability
    references: tuple[str, ...] = ()


class RevertCommit(Noun):
    """Undo one commit with ``git revert``."""

    kind: Literal["revert_commit"] = "revert_commit"
    commit: str


class RevertConfig(Noun):
    """Put a configuration setting back to what it was."""

    kind: Literal["revert_config"] = "revert_config"
    change_id: str
    service: str | None = None


class RollbackDeploy(Noun):
    """Put back the version that ran before a deploy whose commit is not known. For a person: no code carries it out."""

    kind: Literal["rollback_deploy"] = "rollback_deploy"
    change_id: str
    service: str | None = None


class FlagOff(Noun):
    """Return a feature flag to its state before the incident."""

    kind: Literal["flag_off"] = "flag_off"
    flag: str
    service: str | None = None


class Scale(Noun):
    """Add capacity to a service: to so many instances, or so much for each, where that is known."""

    kind: Literal["scale"] = "scale"
    service: str
    reason: str
    replicas: int | None = None
    cpu_cores: float | None = None
    memory_mib: float | None = None


class ScaleDown(Noun):
    """Take capacity from a service; no replicas at all stops it. A kind of its own: a policy that lets us add
    capacity unasked says nothing about taking it away."""

    kind: Literal["scale_down"] = "scale_down"
    service: str
    reason: str
    replicas: int | None = None
    cpu_cores: float | None = None
    memory_mib: float | None = None


class Tune(Noun):
    """Change how a service uses what it has: an index, a query, a pool, a cache. For a person."""

    kind: Literal["tune"] = "tune"
    service: str
    what: Literal["index", "query", "pool", "cache"]
    reason: str


class Restart(Noun):
    """Restart a service's instances one at a time."""

    kind: Literal["restart"] = "restart"
    service: str
    reason: str


class ApplyPatch(Noun):
    """Edit files of one service, by the code and configuration changes of the proposed solution."""

    kind: Literal["apply_patch"] = "apply_patch"
    service: str


Remedy = Annotated[
    RevertCommit | RevertConfig | RollbackDeploy | FlagOff | Scale | ScaleDown | Restart | Tune | ApplyPatch,
    Field(discriminator="kind"),
]


class Rejection(Noun):
    """A draft that was turned down, whose it was, and the rule it broke."""

    synthesizer: str
    reason: str


class ModelCall(Noun):
    """One question to a language model: what it took. ``cost_usd`` is None where the price is not known."""

    synthesizer: str
    model: str
    seconds: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    cost_usd: float | None = None


class SecondOpinion(Noun):
    """What another model said of a patch that was in ``doubt``. Where it does not agree, a person is asked.

    ``synthesizer`` is None where no other could be asked.
    """

    synthesizer: str | None = None
    doubt: str
    agrees: bool
    reason: str


class Drafting(Noun):
    """How a proposal came to be: what the language models saw, redacted, what they took, and what was turned down.

    ``attachments`` names the pictures and audio notes that went along, by kind, size and digest.
    """

    system: str = ""
    user: str = ""
    attachments: tuple[str, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    second_opinion: SecondOpinion | None = None


class Proposal(Noun):
    """A fix for one incident: the analysis, the solution, and the one ``remedy`` that guarded code may carry out."""

    id: str
    incident_id: str
    synthesizer: str
    remedy: Remedy
    root_cause_analysis: RootCauseAnalysis
    proposed_solution: ProposedSolution
    additional_recommendations: tuple[str, ...] = ()
    drafting: Drafting = Drafting()
    created_at: Utc = Field(default_factory=now)
