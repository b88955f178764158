"""A fix that is merged, deployed and watched, in a real repository and a store: well again, no better, or worse.

The shop below is a source and a deployer in one: how slow it is depends on the file it was last deployed with, as its
telemetry tells it. Time is looked ahead at, never waited for.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import audit
from data.action import Applied, Operation, Recovery, RecoveryOutcome, TakenBack, TakingBack
from data.brake import Brake
from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeCandidate,
    ChangeKind,
    Decision,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Feedback,
    Incident,
    IncidentStatus,
    Outcome,
    Severity,
    Verdict,
    now,
)
from data.errors import ActionError, SourceDenied
from data.excerpt import ChangeExcerpt, Topology
from data.proposal import Remedy, RollbackDeploy
from data.settings import Settings, load_settings
from data.sources import Request
from data.store import Store, alert_key
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from pipelines.act import Acting
from pipelines.casefile import CaseFiles
from pipelines.recovery import RecoveryWatch
from pipelines.sites import Site, Sites
from pipelines.undo import HALTED, Undoing
from remediation.execute import propose_fix
from remediation.forge import LocalForge
from remediation.policy import DEFAULT_POLICY, Policy, load_policy

LATENCY = "http_server_request_duration_p95_ms"
LIMITS = "checkout/limits.json"
# Page size as it was, and as the bad commit left it.
GOOD, BAD = 20, 1
# What each service's latency is: usually, while the bad commit is deployed, and once the good one is again.
Latencies = dict[str, tuple[float, float, float]]
HELPS: Latencies = {"checkout": (100, 500, 100), "inventory": (20, 20, 20)}
IS_NO_USE: Latencies = {"checkout": (100, 500, 500), "inventory": (20, 20, 20)}
HARMS: Latencies = {"checkout": (100, 500, 450), "inventory": (20, 20, 400)}


@dataclass
class Shop:
    """What runs is what was last deployed; it began as it is an hour ago, and broke ten minutes ago."""

    repository: Path
    latencies: Latencies
    broke: datetime
    name: str = "shop"
    deployed: list[tuple[datetime, int]] = field(default_factory=list)
    refuses: bool = False
    blind: bool = False

    def deploy(self, before_each: Callable[[str], None]) -> tuple[Change, ...]:
        before_each("checkout")
        if self.refuses:
            raise ActionError("checkout did not start: address in use")
        size = json.loads(git(self.repository, "show", f"main:{LIMITS}"))["page"]
        self.deployed.append((now(), size))
        return (Change(id="d", kind=ChangeKind.deploy, timestamp=now(), service="checkout", summary="Deploy checkout"),)

    def collect(self, request: Request) -> Telemetry:
        if self.blind:
            raise SourceDenied("the key expired")
        at = np.arange(request.start.timestamp(), request.as_of.timestamp(), 5.0)
        sizes = [(self.broke, BAD), *self.deployed]
        phase = np.zeros(len(at), dtype=int)
        for since, size in sizes:
            phase[at >= since.timestamp()] = 1 if size == BAD else 2
        noise = np.random.default_rng(3).standard_normal(5000)[(at // 5).astype(int) % 5000]
        columns = [np.array(levels)[phase] * (1 + 0.04 * noise) for levels in self.latencies.values()]
        keys = tuple(SeriesKey(service, LATENCY, "", "ms") for service in self.latencies)
        return Telemetry(
            metrics=Metrics((at * 1e6).astype("int64").astype("datetime64[us]"), keys, np.stack(columns, 1))
        )


def git(repository: Path, *args: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *identity, *args], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def yes(incident_id: str) -> Feedback:
    """What a person who approves leaves behind."""
    return Feedback(incident_id=incident_id, proposal_id="p", verdict=Verdict.approved, by="grace")


@dataclass
class Case:
    """An incident whose fix waits for approval, and what carries it out and looks at it."""

    incident_id: str
    acting: Acting
    undoing: Undoing
    watch: RecoveryWatch
    shop: Shop
    store: Store

    def approve(self, stop_before_deploy: bool = False) -> None:
        """As a person does, and the flow that follows."""
        decision = Decision(outcome=Outcome.act, action="merge", by="grace", explanation="yes")
        waits, approved = IncidentStatus.awaiting_approval, IncidentStatus.approved
        assert self.store.claim(self.incident_id, waits, approved, decision, yes(self.incident_id))
        assert self.acting.act(self.incident_id)
        if stop_before_deploy:
            self.acting.brake.stop("ann", "drill")
        self.acting.deploy(self.incident_id)

    def look(self, **after: float) -> list[RecoveryOutcome]:
        """What can be said so long after now."""
        return [recovery.outcome for recovery in self.watch.look(now() + timedelta(**after))]

    @property
    def page(self) -> int:
        return int(json.loads(git(self.shop.repository, "show", f"main:{LIMITS}"))["page"])

    @property
    def said(self) -> str:
        return " / ".join(event.message for event in self.store.events(self.incident_id))


@pytest.fixture
def case_of(tmp_path: Path, store: Store) -> Callable[..., Case]:
    def make(latencies: Latencies, policy: Policy | None = None) -> Case:
        repository, broke = tmp_path / "shop", now() - timedelta(minutes=10)
        (repository / "checkout").mkdir(parents=True)
        git(repository, "init", "-q", "-b", "main")
        for size, message in ((GOOD, "Add checkout"), (BAD, "Fetch each item on its own")):
            (repository / LIMITS).write_text(json.dumps({"page": size}) + "\n")
            git(repository, "add", "-A")
            git(repository, "commit", "-q", "-m", message)
        culprit = git(repository, "rev-parse", "HEAD")
        shop = Shop(repository, latencies, broke)
        settings = load_settings(state_dir=tmp_path / "state", verify_minutes=10)
        files = CaseFiles(store, tmp_path / "snapshots")
        sites = Sites(Site(), {"lab": Site([shop], LocalForge(repository), "main", None, shop)})
        acting = Acting(settings, files, sites, policy or load_policy(DEFAULT_POLICY))
        undoing = Undoing(settings, files, sites, acting.policy)
        incident = opened(store, broke)
        diagnosis = diagnosis_of(culprit, broke)
        change = Change(id=culprit, kind=ChangeKind.commit, timestamp=broke, service="checkout", summary="Fetch each")
        for artifact in (
            Topology.of(ServiceGraph([("frontend", "checkout"), ("checkout", "inventory")])),
            ChangeExcerpt(changes=(change,)),
            diagnosis,
            propose_fix(incident, diagnosis, [change]),
        ):
            store.put(incident.id, artifact)
        assert acting.ask(incident.id), "the fix waits for approval"
        watch = RecoveryWatch(settings, files, sites, undoing.take_back, undoing.go_on)
        return Case(incident.id, acting, undoing, watch, shop, store)

    return make


def opened(store: Store, broke: datetime) -> Incident:
    alert = Alert(
        id="a1", source="watch", service="checkout", title="checkout is slow", group="g1", metric=LATENCY,
        fired_at=broke + timedelta(minutes=1), environment="lab",
    )  # fmt: skip
    incident = Incident(
        id="INC-260504-ABCDE", title=alert.title, service="checkout", status=IncidentStatus.investigating,
        severity=Severity.high, opened_at=alert.fired_at, alerts=(alert,), environment="lab",
    )  # fmt: skip
    store.receive([(alert, "")])
    with store.exclusive() as transaction:
        transaction.open(incident)
        transaction.attach(alert_key(alert), incident.id)
    return incident


def diagnosis_of(culprit: str, broke: datetime) -> Diagnosis:
    detail = {"metric": LATENCY, "base": 100.0, "now": 500.0, "unit": "ms"}
    rose = Evidence(
        id="m1", kind=EvidenceKind.metric, summary="it rose", source="shop", service="checkout", detail=detail
    )
    return Diagnosis(
        candidates=(Candidate(service="checkout", probability=0.9, evidence=("m1",)),),
        changes=(ChangeCandidate(id=culprit, probability=0.9),),
        no_change_probability=0.1,
        severity=Severity.high,
        blast_radius=BlastRadius(services=("frontend",), symptomatic=("frontend",)),
        anomaly_score=0.9,
        evidence=(rose,),
        unseen=(),
        as_of=broke + timedelta(minutes=2),
        onset=broke,
    )


def test_a_fix_that_helps_is_verified_and_stays(case_of: Callable[..., Case]) -> None:
    case = case_of(HELPS)
    case.approve()
    assert case.look(seconds=10) == [], "too early to say"
    assert case.look(seconds=50) == [RecoveryOutcome.recovered]
    assert case.look(minutes=30) == [], "said once"
    assert case.page == GOOD
    assert case.store.latest(case.incident_id, TakenBack) is None
    assert "(usually" in case.said


def test_a_fix_that_does_harm_is_taken_back_and_a_person_is_told(case_of: Callable[..., Case]) -> None:
    case = case_of(HARMS)
    case.approve()
    assert case.page == GOOD
    assert case.look(seconds=50) == [], "a restart may look like that"
    assert case.look(seconds=100) == [RecoveryOutcome.worse]
    assert case.page == BAD, "the merge is reverted"
    assert [size for _, size in case.shop.deployed] == [GOOD, BAD], "and that is deployed"
    taken = case.store.latest(case.incident_id, TakenBack)
    assert taken is not None
    assert (taken.problem, taken.by) == (None, "undo-what-did-not-help")
    assert case.store.incident(case.incident_id).status is IncidentStatus.escalated
    assert f"{LATENCY} of inventory is" in case.said.rpartition("a person has to take over")[2]
    message = git(case.shop.repository, "log", "-1", "--format=%B", "main")
    assert "Approved-by: undo-what-did-not-help" in message
    assert [e.action for e in audit.entries(case.store.engine)][-2:] == ["undo", "deploy"]
    case.undoing.take_back(case.incident_id)
    assert len(case.shop.deployed) == 2, "done once, however often it is asked"


def test_a_fix_that_is_no_use_is_taken_back_when_the_time_is_over(case_of: Callable[..., Case]) -> None:
    case = case_of(IS_NO_USE)
    case.approve()
    assert case.look(minutes=5) == []
    assert case.look(minutes=11) == [RecoveryOutcome.not_recovered]
    assert case.page == BAD
    assert re.search(r"of checkout is (4[5-9]|5[0-5])\d ms", case.said), "500 ms, give or take its noise"


def test_what_cannot_be_seen_is_said_and_not_taken_back(case_of: Callable[..., Case]) -> None:
    case = case_of(HELPS)
    case.approve()
    case.shop.blind = True
    assert case.look(minutes=5) == []
    assert case.look(minutes=11) == [RecoveryOutcome.unverified]
    assert case.page == GOOD
    assert "the key expired" in case.said


def test_what_could_not_be_deployed_is_not_left_merged(case_of: Callable[..., Case]) -> None:
    case = case_of(HELPS)
    case.shop.refuses = True
    case.approve()
    failed = case.store.latest(case.incident_id, Recovery)
    assert failed is not None
    assert failed.outcome is RecoveryOutcome.failed
    case.shop.refuses = False
    case.undoing.take_back(case.incident_id)
    assert case.page == BAD
    assert "did not start" in case.said


def test_an_emergency_stop_halts_the_undoing_until_it_is_lifted(case_of: Callable[..., Case]) -> None:
    case = case_of(HARMS)
    case.approve()
    brake = Brake.of(case.store.engine, case.acting.settings.state_dir)
    brake.stop("ann", "drill")
    assert case.look(seconds=100) == [RecoveryOutcome.worse]
    assert case.page == GOOD
    assert case.undoing.is_stopped(case.incident_id)
    assert HALTED in [event.kind for event in case.store.events(case.incident_id)]
    brake.resume("ann")
    case.undoing.take_back(case.incident_id)
    assert case.page == BAD


def test_a_stop_between_merge_and_deploy_leaves_the_deploy_to_a_person(case_of: Callable[..., Case]) -> None:
    case = case_of(HELPS)
    case.approve(stop_before_deploy=True)
    assert (case.page, case.shop.deployed) == (GOOD, [])
    assert case.store.latest(case.incident_id, TakingBack) is None, "nobody said that the fix is bad"
    assert "yours to deploy" in case.said


def test_without_a_rule_for_it_nothing_is_undone_and_a_person_is_told(case_of: Callable[..., Case]) -> None:
    default = load_policy(DEFAULT_POLICY)
    rules = tuple(rule for rule in default.rules if "undo" not in rule.actions)
    case = case_of(HARMS, default.model_copy(update={"rules": rules}))
    case.approve()
    assert case.look(seconds=100) == [RecoveryOutcome.worse]
    assert case.page == GOOD
    taken = case.store.latest(case.incident_id, TakenBack)
    assert taken is not None
    assert "No matching rule means no" in str(taken.problem)
    assert case.store.incident(case.incident_id).status is IncidentStatus.escalated


def test_an_incident_that_began_meanwhile_is_not_put_down_to_the_fix(case_of: Callable[..., Case]) -> None:
    case = case_of(HARMS)
    case.approve()
    later = Alert(
        id="b", source="watch", service="inventory", title="slow", group="g2",
        fired_at=now() + timedelta(seconds=20), environment="lab",
    )  # fmt: skip
    case.store.receive([(later, "")])
    with case.store.exclusive() as transaction:
        other = Incident(
            id="INC-260504-OTHER", title="slow", service="inventory", status=IncidentStatus.investigating,
            severity=Severity.high, opened_at=later.fired_at, alerts=(later,), environment="lab",
        )  # fmt: skip
        transaction.open(other)
        transaction.attach(alert_key(later), other.id)
    assert case.look(seconds=100) == []
    assert case.page == GOOD


def test_a_conflicting_later_change_leaves_the_undoing_to_a_person(case_of: Callable[..., Case]) -> None:
    case = case_of(HARMS)
    case.approve()
    (case.shop.repository / LIMITS).write_text(json.dumps({"page": 7}) + "\n")
    git(case.shop.repository, "commit", "-q", "-am", "Try seven")
    assert case.look(seconds=100) == [RecoveryOutcome.worse]
    assert case.page == 7
    taken = case.store.latest(case.incident_id, TakenBack)
    assert taken is not None
    assert "conflicts with later changes" in str(taken.problem)


def test_a_merge_that_others_deploy_is_not_undone_for_want_of_recovery(case_of: Callable[..., Case]) -> None:
    case = case_of(IS_NO_USE)
    sites = Sites(Site(), {"lab": Site([case.shop], LocalForge(case.shop.repository), "main")})
    case.acting = Acting(case.acting.settings, case.acting.files, sites, case.acting.policy)
    case.undoing = Undoing(case.acting.settings, case.acting.files, sites, case.acting.policy)
    case.watch = RecoveryWatch(case.watch.settings, case.watch.files, sites, case.undoing.take_back, case.undoing.go_on)
    case.approve()
    applied = case.store.latest(case.incident_id, Applied)
    assert applied is not None
    assert applied.in_effect is None
    assert case.look(minutes=11) == [RecoveryOutcome.not_recovered]
    assert case.page == GOOD
    assert case.store.incident(case.incident_id).status is IncidentStatus.escalated


def test_what_the_policy_lets_happen_is_done_without_a_person_and_told(case_of: Callable[..., Case]) -> None:
    default = load_policy(DEFAULT_POLICY)
    rules = tuple(
        rule.model_copy(update={"outcome": Outcome.act}) if "merge" in rule.actions else rule for rule in default.rules
    )
    case = case_of(HELPS, default.model_copy(update={"rules": rules}))
    assert case.store.incident(case.incident_id).status is IncidentStatus.approved
    assert case.acting.act(case.incident_id)
    case.acting.deploy(case.incident_id)
    assert case.page == GOOD
    assert "without asking" in case.said
    applied = case.store.latest(case.incident_id, Applied)
    assert applied is not None
    assert applied.by == "merge-needs-a-person"


@dataclass
class Rollout:
    """A platform that tries a release on one replica; what the shop feels of that is ``on_part``."""

    shop: Shop
    on_part: int
    done: list[str] = field(default_factory=list)

    def plan(self, remedy: Remedy) -> Operation:
        return Operation(
            kind="rollback_deploy", service="checkout", target="checkout", summary="Roll checkout back",
            before={"release": 2}, after={"release": 1}, canary="one replica",
        )  # fmt: skip

    def rehearse(self, operation: Operation) -> None:
        self.done.append("rehearsed")

    def apply(self, operation: Operation) -> tuple[Change, ...]:
        self.done.append("tried" if operation.canary else f"release {operation.after['release']}")
        self.shop.deployed.append((now(), self.on_part if operation.canary else BAD))
        return ()

    def go_on(self, operation: Operation) -> tuple[Change, ...]:
        self.done.append("went on")
        self.shop.deployed.append((now(), GOOD))
        return ()

    def missing(self, operation: Operation) -> str | None:
        return None


@pytest.fixture
def rollout_of(case_of: Callable[..., Case]) -> Callable[..., tuple[Case, Rollout]]:
    def make(latencies: Latencies, on_part: int) -> tuple[Case, Rollout]:
        case = case_of(latencies)
        platform = Rollout(case.shop, on_part)
        sites = Sites(Site(), {"lab": Site([case.shop], None, "main", platform)})
        case.acting = Acting(case.acting.settings, case.acting.files, sites, case.acting.policy)
        case.undoing = Undoing(case.acting.settings, case.acting.files, sites, case.acting.policy)
        case.watch = RecoveryWatch(
            case.watch.settings, case.watch.files, sites, case.undoing.take_back, case.undoing.go_on
        )
        operation = platform.plan(RollbackDeploy(change_id="d"))
        platform.apply(operation)
        applied = Applied(
            action=operation.kind, service="checkout", by="grace", summary="rolled back", in_effect=now(),
            operation=operation,
        )  # fmt: skip
        case.store.put(case.incident_id, applied)
        case.store.put(case.incident_id, yes(case.incident_id))
        return case, platform

    return make


def test_what_does_no_harm_on_a_part_is_done_everywhere(rollout_of: Callable[..., tuple[Case, Rollout]]) -> None:
    case, platform = rollout_of(HELPS, on_part=BAD)
    assert case.look(seconds=100) == []
    assert platform.done == ["tried"], "not long enough"
    assert case.look(seconds=130) == []
    assert platform.done == ["tried", "went on"]
    assert case.look(seconds=50) == [RecoveryOutcome.recovered], "the clock begins anew"


def test_what_does_harm_on_a_part_goes_no_further(rollout_of: Callable[..., tuple[Case, Rollout]]) -> None:
    case, platform = rollout_of(HARMS, on_part=GOOD)
    assert case.look(seconds=130) == [RecoveryOutcome.worse]
    assert platform.done == ["tried", "release 2"]
    assert "tried on a part" in case.said


def test_what_is_to_be_taken_back_is_taken_back_after_a_restart(
    settings: Settings, start: Any, run_git: Callable[..., str], until: Callable[..., None]
) -> None:
    repository = settings.repository
    with start(settings) as nexus:
        nexus.post()
        incident, store = nexus.until(IncidentStatus.awaiting_approval), nexus.services.store
        before = run_git(repository, "rev-parse", "main^{tree}")
        nexus.client.post(f"/api/v1/incidents/{incident.id}/approve")
        until(lambda: store.latest(incident.id, Applied) is not None)
        assert run_git(repository, "rev-parse", "main^{tree}") != before
        applied = store.latest(incident.id, Applied)
        store.put(incident.id, applied.model_copy(update={"in_effect": now()}))
        store.put(incident.id, TakingBack(because="it did harm"))
    with start(settings) as nexus:
        until(lambda: nexus.services.store.latest(incident.id, TakenBack) is not None)
        assert nexus.services.store.latest(incident.id, TakenBack).problem is None
        nexus.until(IncidentStatus.escalated)
    assert run_git(repository, "rev-parse", "main^{tree}") == before
