"""What may be done without a person, what a person is asked, and what is refused. Read from YAML; fail closed.

Rules are tried in order and the first that matches decides. No matching rule means no. A protected path, or a
spent budget, turns ``act`` into ``ask``: a rule can be made stricter by what is at stake, never laxer.
"""

from __future__ import annotations

import fnmatch
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.domain import Decision, Noun, Outcome, Probability, Severity
from data.errors import PolicyError
from remediation.protected import PROTECTED_PATHS, protected_files

DEFAULT_POLICY = Path(__file__).parent / "policies" / "default.yaml"


class ActionKind(StrEnum):
    """What a rule can speak of."""

    open_pull_request = "open_pull_request"
    merge = "merge"
    deploy = "deploy"
    revert_config = "revert_config"
    rollback_deploy = "rollback_deploy"
    flag_off = "flag_off"
    scale = "scale"
    scale_down = "scale_down"
    restart = "restart"
    tune = "tune"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approvers(_Part):
    """Who may say yes: a person named here, or one with a role named here. ``*`` means anybody signed in."""

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def include(self, person: str, roles: tuple[str, ...] = ()) -> bool:
        return "*" in self.people or person in self.people or bool(set(roles) & set(self.roles))


class Budget(_Part):
    """How much may be done without a person; beyond it, a person is asked."""

    actions_per_hour: int = Field(default=6, ge=0)


class Rule(_Part):
    """One rule. A condition left out holds for everything; ``services`` and ``environments`` are shell patterns."""

    name: str = Field(min_length=1, max_length=80)
    actions: tuple[ActionKind, ...] = Field(min_length=1)
    outcome: Outcome
    environments: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    severities: tuple[Severity, ...] | None = None
    min_confidence: Probability = 0.0
    approvers: Approvers = Approvers()

    @field_validator("environments", "services", "severities")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("an empty list matches nothing; leave the key out to match everything")
        return value


class Policy(_Part):
    """All the rules.

    ``protected_paths`` come on top of :data:`~remediation.protected.PROTECTED_PATHS`. ``problem`` is set where a
    policy could not be read: such a policy refuses everything.
    """

    version: Literal[1]
    rules: tuple[Rule, ...]
    budget: Budget = Budget()
    protected_paths: tuple[str, ...] = ()
    problem: str | None = Field(default=None, exclude=True)

    @field_validator("rules")
    @classmethod
    def _names_are_unique(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rule names must differ, for a decision names its rule; used twice: {', '.join(twice)}")
        return rules


class ActionRequest(Noun):
    """What somebody wants to do. ``paths`` are the files it would touch; ``recent_actions`` those of the last hour."""

    action: ActionKind
    service: str
    confidence: Probability
    severity: Severity
    environment: str | None = None
    paths: tuple[str, ...] = ()
    recent_actions: int = Field(default=0, ge=0)


def decide(policy: Policy, request: ActionRequest) -> Decision:
    """Whether ``request`` may be carried out, is to be put to a person, or is refused."""
    rule = matching_rule(policy, request)
    if rule is None:
        return _decision(Outcome.refuse, request, "no rule", policy.problem or _why_none(policy, request))
    what = f"rule {rule.name!r} says {rule.outcome}: {request.action} for {request.service}"
    if rule.outcome is not Outcome.act:
        return _decision(rule.outcome, request, rule.name, f"{what}.")
    guarded = protected_files(request.paths, (*PROTECTED_PATHS, *policy.protected_paths))
    if guarded:
        why = f"{what}, but it touches protected paths ({', '.join(guarded[:5])}), so a person is asked."
        return _decision(Outcome.ask, request, rule.name, why)
    if request.recent_actions >= policy.budget.actions_per_hour:
        spent = f"{request.recent_actions} of {policy.budget.actions_per_hour} actions an hour are spent"
        return _decision(Outcome.ask, request, rule.name, f"{what}, but {spent}, so a person is asked.")
    sure = f"with confidence {request.confidence:.2f}, at least {rule.min_confidence:.2f} being required"
    return _decision(Outcome.act, request, rule.name, f"{what}, {sure}.")


def matching_rule(policy: Policy, request: ActionRequest) -> Rule | None:
    """The rule that decides on ``request``; None where there is none, or where the policy could not be read."""
    if policy.problem is not None:
        return None
    return next((rule for rule in policy.rules if not _obstacles(rule, request)), None)


def load_policy(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy file.

    Raises:
        PolicyError: the file is missing, is not YAML, or has a key or value that means nothing; each is named.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as failed:
        raise PolicyError(f"policy {path} cannot be read: {failed.strerror or failed}") from failed
    except (yaml.YAMLError, ValueError, RecursionError) as failed:
        raise PolicyError(f"policy {path} is not valid YAML: {' '.join(str(failed).split())}") from failed
    if not isinstance(raw, dict):
        raise PolicyError(f"policy {path} must be a mapping with 'version' and 'rules'")
    if "problem" in raw:
        raise PolicyError(f"policy {path}: problem: not a key that can be set; remove it")
    try:
        return Policy.model_validate(raw)
    except ValidationError as failed:
        problems = "; ".join(_problem(error) for error in failed.errors())
        raise PolicyError(f"policy {path}: {problems}") from failed


def load_policy_or_refuse(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy file; one that cannot be read becomes a policy that refuses everything and says why."""
    try:
        return load_policy(path)
    except PolicyError as failed:
        return Policy(version=1, rules=(), problem=f"Refused because the policy cannot be used: {failed}")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a repeated key is an error: the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            # A key that is itself a list or mapping is refused by the loader this one extends.
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is given twice", mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _obstacles(rule: Rule, request: ActionRequest) -> list[str]:
    """Why ``rule`` does not apply to ``request``, the action first; empty when it does."""
    if request.action not in rule.actions:
        return ["it is about other actions"]
    found = []
    if rule.environments is not None and not _matches(request.environment, rule.environments):
        found.append(f"environment {request.environment or 'unknown'} is not among {', '.join(rule.environments)}")
    if rule.services is not None and not _matches(request.service, rule.services):
        found.append(f"service {request.service} is not among {', '.join(rule.services)}")
    if rule.severities is not None and request.severity not in rule.severities:
        found.append(f"severity {request.severity} is not among {', '.join(rule.severities)}")
    if request.confidence < rule.min_confidence:
        found.append(f"confidence {request.confidence:.2f} is below {rule.min_confidence:.2f}")
    return found


def _matches(value: str | None, patterns: tuple[str, ...]) -> bool:
    return value is not None and any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def _why_none(policy: Policy, request: ActionRequest) -> str:
    near = [
        f"{rule.name!r} does not apply because {' and '.join(_obstacles(rule, request))}"
        for rule in policy.rules
        if request.action in rule.actions
    ]
    said = "; ".join(near) if near else "no rule speaks of this action"
    return f"No rule allows {request.action} for {request.service}: {said}. No matching rule means no."


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the policy"
    if error["type"] == "extra_forbidden":
        model = Rule if "rules" in where else Policy
        if error["loc"][-2:-1] in (("approvers",), ("budget",)):
            model = Approvers if error["loc"][-2] == "approvers" else Budget  # type: ignore[assignment]
        known = ", ".join(name for name in model.model_fields if name != "problem")
        return f"{where}: not a known key; remove it, or use one of {known}"
    if error["type"] == "missing":
        return f"{where}: missing; add it"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}, not {error['input']!r:.60}"


def _decision(outcome: Outcome, request: ActionRequest, by: str, explanation: str) -> Decision:
    text = explanation[:1].upper() + explanation[1:]
    return Decision(outcome=outcome, action=str(request.action), by=by, explanation=text)
