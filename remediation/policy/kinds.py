"""What a policy can speak of, and what it is asked."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from data.domain import Noun, Probability, Severity, Utc, now
from remediation.policy.records import TrackRecord


class ActionKind(StrEnum):
    """What a rule can speak of."""

    open_pull_request = "open_pull_request"
    merge = "merge"
    deploy = "deploy"
    undo = "undo"
    revert_config = "revert_config"
    rollback_deploy = "rollback_deploy"
    flag_off = "flag_off"
    scale = "scale"
    scale_down = "scale_down"
    restart = "restart"
    tune = "tune"


# What windows, freezes and ceilings are about where they name no actions. A pull request changes nothing that runs, a
# deploy brings out what was decided on when it was merged, and taking back what did harm should not have to wait.
CHANGING = frozenset(ActionKind) - {ActionKind.open_pull_request, ActionKind.deploy, ActionKind.undo}


class ActionRequest(Noun):
    """What somebody wants to do, and everything the answer may depend on: the same request gets the same answer.

    Attributes:
        paths: the files it would touch.
        recent_actions: how many of the last hour count against the budget.
        reach: how many services it reaches, its own among them; None where it is not known who calls it.
        users: the share of users it reaches, in [0, 1]; None where that is not known.
        record: how actions of this kind on this service turned out before.
        at: the instant it is asked for.
    """

    action: ActionKind
    service: str
    confidence: Probability
    severity: Severity
    environment: str | None = None
    paths: tuple[str, ...] = ()
    recent_actions: int = Field(default=0, ge=0)
    reach: int | None = Field(default=None, ge=1)
    users: Probability | None = None
    record: TrackRecord = TrackRecord()
    at: Utc = Field(default_factory=now)
