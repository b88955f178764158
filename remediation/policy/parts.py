"""What the parts of a policy file share: strictness about their keys, and what they are about."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.domain import Outcome, Severity
from remediation.policy.kinds import CHANGING, ActionKind, ActionRequest

_STRICTNESS = {Outcome.act: 0, Outcome.ask: 1, Outcome.refuse: 2}


class Part(BaseModel):
    """A piece of a policy file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scope(Part):
    """What a part is about. A condition left out holds for everything; services and environments are shell patterns."""

    actions: tuple[ActionKind, ...] | None = Field(default=None, min_length=1)
    environments: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    severities: tuple[Severity, ...] | None = None

    @field_validator("environments", "services", "severities")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("an empty list matches nothing; leave the key out to match everything")
        return value

    def obstacles(self, request: ActionRequest) -> list[str]:
        """Why this is not about ``request``, the action first; empty when it is."""
        if self.actions is not None and request.action not in self.actions:
            return ["it is about other actions"]
        found = []
        if self.environments is not None and not matches(request.environment, self.environments):
            found.append(f"environment {request.environment or 'unknown'} is not among {', '.join(self.environments)}")
        if self.services is not None and not matches(request.service, self.services):
            found.append(f"service {request.service} is not among {', '.join(self.services)}")
        if self.severities is not None and request.severity not in self.severities:
            found.append(f"severity {request.severity} is not among {', '.join(self.severities)}")
        return found


class Restriction(Scope):
    """A scope of what makes an answer stricter.

    Without ``actions`` it is about :data:`~remediation.policy.kinds.CHANGING`. An environment that is not known is
    taken for any: nobody should get round a freeze by leaving it out.
    """

    def covers(self, request: ActionRequest) -> bool:
        if self.actions is None and request.action not in CHANGING:
            return False
        if self.environments is not None and request.environment is None:
            return not self.model_copy(update={"environments": None}).obstacles(request)
        return not self.obstacles(request)


def matches(value: str | None, patterns: Iterable[str]) -> bool:
    """Whether a known value matches one of some shell patterns."""
    return value is not None and any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def strictness(outcome: Outcome) -> int:
    """Greater is stricter: act, ask, refuse."""
    return _STRICTNESS[outcome]
