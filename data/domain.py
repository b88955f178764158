"""The nouns of an incident. All frozen; a changed noun is a new noun (``model_copy``).

The story they tell: an :class:`Alert` opens an :class:`Incident`; the telemetry around it becomes
:class:`Evidence`, which supports a :class:`Diagnosis`; a :class:`~data.proposal.Proposal` is drafted
from that; a :class:`Decision` allows or refuses each step; :class:`Feedback` is what a person said of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def as_utc(value: datetime) -> datetime:
    """The same instant in UTC; a naive time is taken to be UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


Utc = Annotated[datetime, AfterValidator(as_utc)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Noun(BaseModel):
    """Base of every noun: immutable, and strict about its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AlertLevel(StrEnum):
    """How loudly the monitor spoke. Vendors' words are mapped to these at intake."""

    error = "error"
    warning = "warning"
    info = "info"


class AlertStatus(StrEnum):
    firing = "firing"
    resolved = "resolved"


class Severity(StrEnum):
    """How bad the incident is. Ordered: ``Severity.critical.rank`` is the highest."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"

    @property
    def rank(self) -> int:
        return {"low": 0, "medium": 1, "high": 2, "critical": 3}[self.value]


# The source of what a review raises, as opposed to a monitor.
ADVICE_SOURCE = "optimize"


class Alert(Noun):
    """One notification from a monitor, normalised.

    ``group`` identifies the problem rather than the notification: everything a monitor sends between
    triggering and recovering carries the same group (Datadog's alert cycle, Alertmanager's fingerprint
    and start). ``id`` identifies the notification itself.
    """

    id: str
    source: str
    service: str
    title: str
    fired_at: Utc
    group: str
    status: AlertStatus = AlertStatus.firing
    level: AlertLevel = AlertLevel.error
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    environment: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    link: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)


class IncidentStatus(StrEnum):
    """Where an incident stands. ``escalated`` means a person has to take it from here."""

    open = "open"
    investigating = "investigating"
    awaiting_approval = "awaiting_approval"
    approved = "approved"
    merged = "merged"
    escalated = "escalated"
    resolved = "resolved"

    @property
    def is_closed(self) -> bool:
        return self is IncidentStatus.resolved


class Incident(Noun):
    """A problem being handled: one or more alerts about what looks like the same thing."""

    id: str
    title: str
    service: str
    status: IncidentStatus
    severity: Severity
    opened_at: Utc
    alerts: tuple[Alert, ...]
    environment: str | None = None
    resolved_at: Utc | None = None

    @property
    def alert(self) -> Alert:
        """The alert that opened the incident."""
        return self.alerts[0]

    @property
    def is_advice(self) -> bool:
        """A way to do better where nothing is wrong: no alert joins it, and no time was disturbed by it."""
        return bool(self.alerts) and self.alert.source == ADVICE_SOURCE


class Look(Noun):
    """A reason to look at an incident anew: ``alert`` joined it after it had been handed to a person without a fix."""

    alert: Alert


class ChangeKind(StrEnum):
    commit = "commit"
    deploy = "deploy"
    flag = "flag"
    config = "config"
    infrastructure = "infrastructure"


class Change(Noun):
    """Something people or machines did to the system: a commit, deploy, flag flip, config or infrastructure event.

    ``commit`` names the commit a deploy carried. ``diff`` is a unified diff or a fragment of one.
    """

    id: str
    kind: ChangeKind
    timestamp: Utc
    service: str | None = None
    summary: str = ""
    author: str | None = None
    files: tuple[str, ...] = ()
    diff: str | None = None
    commit: str | None = None
    version: str | None = None
    instances: tuple[str, ...] = ()
    removed_instances: tuple[str, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)


class EvidenceKind(StrEnum):
    metric = "metric"
    span = "span"
    log = "log"
    topology = "topology"
    change = "change"
    missing = "missing"


class Evidence(Noun):
    """One observation, in a sentence a person can check. ``missing`` evidence says what could not be seen.

    ``id`` is unique within one diagnosis; candidates, changes and proposals cite it.
    """

    id: str
    kind: EvidenceKind
    summary: str
    source: str
    service: str | None = None
    score: float = 0.0
    at: Utc | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class Candidate(Noun):
    """A service that may be the root cause. ``path`` runs from it to the alerting service, callee to caller.

    ``faint`` where nothing seen of it is worth naming: it is ranked all the same, and nothing may rest on it.
    """

    service: str
    probability: Probability
    indicator: str | None = None
    evidence: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    faint: bool = False


class ChangeCandidate(Noun):
    """A change that may have caused the incident, and why we think so."""

    id: str
    probability: Probability
    evidence: tuple[str, ...] = ()


class BlastRadius(Noun):
    """What the incident reaches: the candidate itself and the services that call it, near ones first."""

    services: tuple[str, ...] = ()
    symptomatic: tuple[str, ...] = ()


class ModelUsed(Noun):
    """Which version of the ranker answered: its number in the registry, 0 for the one that ships, and its digest."""

    version: int
    digest: str

    @property
    def name(self) -> str:
        """Names the version in answers and logs."""
        return f"v{self.version}-{self.digest[:12]}"


class Diagnosis(Noun):
    """What we believe about one incident, how sure we are, and what we could not see.

    ``candidates`` (every service with telemetry) and ``changes`` are best first; ``suspects`` are those of the
    candidates that evidence supports, ahead of the others. The probabilities of ``candidates`` sum to at most one:
    what is left belongs to causes outside the services seen. Those of ``changes`` and
    ``no_change_probability`` sum to one, or less where changes could not be seen; ``no_change_evidence`` cites what
    speaks for or against that none did it.
    ``unseen`` are sentences, one for each blind spot. ``cannot_tell`` says why no service can be named as the cause,
    though they are ranked; None where the leading one can. ``model`` says who ranked the candidates.
    """

    candidates: tuple[Candidate, ...]
    changes: tuple[ChangeCandidate, ...]
    no_change_probability: Probability
    severity: Severity
    blast_radius: BlastRadius
    anomaly_score: Probability
    evidence: tuple[Evidence, ...]
    unseen: tuple[str, ...]
    as_of: Utc
    onset: Utc | None = None
    no_change_evidence: tuple[str, ...] = ()
    cannot_tell: str | None = None
    model: ModelUsed | None = None

    @property
    def suspects(self) -> tuple[Candidate, ...]:
        """The candidates of which something was seen that is worth naming; none where nothing supports a cause."""
        return tuple(candidate for candidate in self.candidates if not candidate.faint)

    @property
    def can_tell(self) -> bool:
        """Whether the leading candidate is worth naming; where not, no fix may rest on it."""
        return self.cannot_tell is None

    @property
    def confidence(self) -> float:
        """The probability of the leading candidate; zero when there is none."""
        return self.candidates[0].probability if self.candidates else 0.0

    def cited(self, ids: tuple[str, ...]) -> tuple[Evidence, ...]:
        """The evidence behind ``ids``, in the order given."""
        by_id = {item.id: item for item in self.evidence}
        return tuple(by_id[i] for i in ids if i in by_id)


class Outcome(StrEnum):
    act = "act"
    ask = "ask"
    refuse = "refuse"


class Decision(Noun):
    """Whether a step may be taken, who or what said so, and why. Anything but ``act`` writes nothing."""

    outcome: Outcome
    action: str
    by: str
    explanation: str
    at: Utc = Field(default_factory=now)


class Verdict(StrEnum):
    approved = "approved"
    rejected = "rejected"


class RejectReason(StrEnum):
    """Why a person turned a proposal down: a fixed list, so that it can be learned from."""

    wrong_cause = "wrong_cause"
    wrong_change = "wrong_change"
    unsafe_fix = "unsafe_fix"
    incomplete_fix = "incomplete_fix"
    already_fixed = "already_fixed"
    not_an_incident = "not_an_incident"
    other = "other"


class Feedback(Noun):
    """What a person said of a proposal: the label that retraining learns from."""

    incident_id: str
    proposal_id: str
    verdict: Verdict
    by: str
    at: Utc = Field(default_factory=now)
    reason: RejectReason | None = None
    true_service: str | None = None
    true_change: str | None = None
    comment: str = ""


class PullRequestState(StrEnum):
    open = "open"
    merged = "merged"
    closed = "closed"


class PullRequest(Noun):
    """A proposed change to a repository, as the forge holds it. ``diff`` is a unified diff against ``base``."""

    number: int
    repository: str
    branch: str
    base: str
    head: str
    title: str
    body: str
    state: PullRequestState
    diff: str
    url: str | None = None
    merge_commit: str | None = None
