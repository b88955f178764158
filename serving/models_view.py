"""What there is to say of the ranker's versions: who is in use, how each did, and who decided what when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field

from data import audit
from data.errors import PolicyError
from data.registry import Aliases, Entry, Registry
from data.settings import Settings
from pipelines.reviewed import Reviewed, last_review
from remediation.policy import DEFAULT_POLICY, load_policy_or_refuse

DECISIONS = ("register_model", "try_model", "promote_model", "refuse_model", "rollback_model", "slice_served_worse",
             "slice_served_as_others")  # fmt: skip
MOST_DECISIONS = 100
ADMIN = "admin"


class Figure(BaseModel):
    """Champion and challenger on the same incidents of one slice; ``low`` to ``high`` is the interval of the gain."""

    part: str
    slice: str
    what: str
    incidents: int
    champion: float
    challenger: float
    gain: float
    low: float
    high: float


class Version(BaseModel):
    """One version of the ranker. ``gate`` says whether the gate let it pass; null where it was never asked."""

    version: int
    digest: str
    made_at: str
    alias: str | None
    made_by: str
    labels: int
    gate: bool | None
    reasons: list[str]
    figures: list[Figure]

    @property
    def headline(self) -> list[Figure]:
        """All incidents together, and each system: what to look at first."""
        return [f for f in self.figures if f.slice in ("all", "labelled") or f.slice.startswith("system ")]


class ModelDecision(BaseModel):
    """One entry of the audit log about models."""

    at: datetime
    by: str
    action: str
    subject: str
    because: str
    figures: list[dict[str, Any]] = Field(default_factory=list)


class ModelsOverview(BaseModel):
    """Everything the Models page shows. ``before`` is the version that a roll back would bring back."""

    versions: list[Version]
    champion: int
    challenger: int | None
    before: int | None
    since: datetime | None
    review: Reviewed | None
    decisions: list[ModelDecision]


def overview(registry: Registry, engine: sa.Engine) -> ModelsOverview:
    """The state of the registry, the last review, and the newest decisions first.

    Raises:
        ModelError: the registry is damaged.
    """
    aliases = registry.aliases()
    return ModelsOverview(
        versions=[_version(entry, aliases) for entry in reversed(registry.entries())],
        champion=aliases.champion,
        challenger=aliases.challenger,
        before=aliases.before[-1] if aliases.before else None,
        since=aliases.since,
        review=last_review(registry),
        decisions=[_decision(e) for e in reversed(audit.entries(engine, actions=DECISIONS)[-MOST_DECISIONS:])],
    )


def roll_back(registry: Registry, settings: Settings, by: str, because: str) -> Entry:
    """Put the champion before this one back in use, for somebody who may.

    Raises:
        PolicyError: ``by`` is none of the administrators.
        ModelError: there is none to go back to.
    """
    if not may_administer(settings, by):
        raise PolicyError(f"{by} may not switch models; the policy's role admin says who may")
    return registry.rollback(by, because or "rolled back in Nexus")


def may_administer(settings: Settings, name: str) -> bool:
    """Whether somebody who is signed in may switch models: who holds the role ``admin`` in the policy, or everybody
    where nobody holds it. A policy that cannot be read lets nobody."""
    policy = load_policy_or_refuse(settings.policy or DEFAULT_POLICY)
    holders = policy.roles.get(ADMIN, ())
    return not policy.problem and (not holders or name in holders)


def _version(entry: Entry, aliases: Aliases) -> Version:
    card = entry.about
    alias = {aliases.challenger: "challenger", aliases.champion: "champion"}.get(entry.version)
    return Version(
        version=entry.version,
        digest=entry.digest,
        made_at=entry.made_at,
        alias=alias,
        made_by=str(card.get("made_by", "")),
        labels=len(card.get("incidents", ())),
        gate=card.get("promote"),
        reasons=[str(reason) for reason in card.get("reasons", ())],
        figures=_figures(card.get("figures", ())),
    )


def _figures(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    return [Figure.model_validate(row) for row in rows if "slice" in row]


def _decision(entry: audit.AuditEntry) -> ModelDecision:
    figures = entry.detail.get("figures", [])
    return ModelDecision(
        at=entry.at,
        by=entry.actor,
        action=entry.action,
        subject=entry.subject,
        because=str(entry.detail.get("because", "")),
        figures=figures if isinstance(figures, list) else [figures],
    )
