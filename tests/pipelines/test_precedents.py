"""What is told of incidents like this one: what it was, what was done, how long it took, all from the record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeCandidate,
    ChangeKind,
    Diagnosis,
    Evidence,
    EvidenceKind,
    Feedback,
    Incident,
    IncidentStatus,
    RejectReason,
    Severity,
    Verdict,
)
from data.excerpt import ChangeExcerpt
from data.labels import Label
from data.proposal import Proposal
from data.settings import Settings
from data.store import Store
from pipelines.casefile import CaseFiles
from pipelines.precedents import LIKE_FROM, facts_about, precedents
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from remediation.llm.scripted import ScriptedDrafter
from remediation.offline import draft
from remediation.policy import load_policy
from remediation.synthesize import Synthesizer

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
COMMIT = "a" * 40
CHANGE = Change(id=COMMIT, kind=ChangeKind.commit, timestamp=AT, service="checkout", summary="Fetch one by one")


def diagnosis(service: str = "checkout") -> Diagnosis:
    seen = Evidence(id="m1", kind=EvidenceKind.metric, summary="p95 rose", source="t", service=service, score=9.0)
    return Diagnosis(
        candidates=(Candidate(service=service, probability=0.8, evidence=("m1",), indicator="p95"),),
        changes=(ChangeCandidate(id=COMMIT, probability=0.9, evidence=("m1",)),),
        no_change_probability=0.1,
        severity=Severity.high,
        blast_radius=BlastRadius(services=(service,)),
        anomaly_score=0.9,
        evidence=(seen,),
        unseen=(),
        as_of=AT,
    )


@pytest.fixture
def opened(store: Store):
    """Opens an incident that fired so many days before AT; ``minutes`` is when its alert recovered, None for never."""

    def make(
        number: int, service: str = "checkout", *, days: float = 1, minutes: float | None = 12, title: str = ""
    ) -> Incident:
        fired = AT - timedelta(days=days)
        alert = Alert(id=f"a{number}", source="t", service=service, title=title or f"{service} is slow", fired_at=fired,
                      group=f"g{number}", metric="p95")  # fmt: skip
        incident = Incident(
            id=f"INC-{number}", title=alert.title, service=service, status=IncidentStatus.investigating,
            severity=Severity.high, opened_at=fired, alerts=(alert,), environment="live",
        )  # fmt: skip
        with store.exclusive() as transaction:
            transaction.open(incident)
        key = store.receive([(alert, "{}")])[0].key
        with store.exclusive() as transaction:
            transaction.attach(key, incident.id)
        store.put(incident.id, diagnosis(service))
        if minutes is not None:
            _resolve(store, incident.id, fired + timedelta(minutes=minutes), alert=key)
        return incident

    return make


def _resolve(store: Store, incident_id: str, at: datetime, **detail: str) -> None:
    """As triage does, at a time of our own."""
    import sqlalchemy as sa

    from data import schema as t

    store.move(incident_id, IncidentStatus.resolved, "recovered", **detail)
    with store.engine.begin() as connection:
        connection.execute(sa.update(t.incidents).where(t.incidents.c.id == incident_id).values(resolved_at=at))


def told(store: Store, incident: Incident):
    return precedents(store, incident, diagnosis())


def test_the_record_of_a_like_incident_is_told(store: Store, opened) -> None:
    past, now = opened(1), opened(2, days=0, minutes=None)
    store.put(past.id, ChangeExcerpt(changes=(CHANGE,)))
    store.put(past.id, draft(past, diagnosis(), [CHANGE]))
    store.put(past.id, Feedback(incident_id=past.id, proposal_id="P", verdict=Verdict.approved, by="ann"))
    (found,) = told(store, now)
    assert found.id == "INC-1"
    assert found.likeness > LIKE_FROM
    assert found.cause == "checkout, by commit “Fetch one by one” (as diagnosed, 80% sure)"
    assert found.fix.startswith("Revert commit aaaaaaaaaaaa")
    assert "approved, and it recovered" in found.fix
    assert found.minutes_to_recover == pytest.approx(12)


def test_what_a_person_found_out_afterwards_is_believed_more(store: Store, opened) -> None:
    past, now = opened(1), opened(2, days=0, minutes=None)
    store.put(past.id, Label(incident_id=past.id, by="ann", services=("inventory",), comment="a lock"))
    assert told(store, now)[0].cause == "inventory (a person looked into it: a lock)"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            Feedback(incident_id="INC-1", proposal_id="P", verdict=Verdict.approved, by="ann"),
            "but the same service alerted again",
        ),
        (
            Feedback(
                incident_id="INC-1",
                proposal_id="P",
                verdict=Verdict.rejected,
                by="ann",
                reason=RejectReason.wrong_cause,
            ),
            "rejected: wrong_cause",
        ),
        (None, "nobody answered"),
    ],
)
def test_what_became_of_its_fix_is_told(store: Store, opened, answer: Feedback | None, says: str) -> None:
    past = opened(1, days=3)
    opened(2, days=2.5)
    now = opened(3, days=0, minutes=None)
    store.put(past.id, draft(past, diagnosis(), [CHANGE]))
    if answer:
        store.put(past.id, answer)
    assert says in next(found for found in told(store, now) if found.id == "INC-1").fix


def test_one_closed_by_hand_has_no_time_to_recover(store: Store, opened) -> None:
    past, now = opened(1, minutes=None), opened(2, days=0, minutes=None)
    _resolve(store, past.id, AT - timedelta(hours=1))
    assert told(store, now)[0].minutes_to_recover is None


def test_what_is_unlike_later_or_elsewhere_is_not_told(store: Store, opened) -> None:
    now = opened(1, days=1, minutes=None)
    opened(2, "recommendation", days=3, title="disk of the night job fills up")
    opened(3, days=0)
    for number in range(4, 8):
        opened(number, f"service{number}", days=number)
    assert [found.id for found in told(store, now)] == []


def test_the_likest_comes_first(store: Store, opened) -> None:
    opened(1, "cart", title="cart is slow")
    opened(2, "checkout")
    now = opened(3, days=0, minutes=None)
    assert told(store, now)[0].id == "INC-2"


def test_open_incidents_and_runbooks_are_told_too(store: Store, opened, tmp_path: Path) -> None:
    now = opened(1, days=0, minutes=None)
    opened(2, "gateway", minutes=None, title="gateway errors")
    (tmp_path / "checkout.md").write_text("# Checkout is slow\nLook at the page size.\n")
    facts = facts_about(store, now, diagnosis(), tmp_path)
    assert "INC-2 about gateway is open" in facts.known_issues[0]
    assert "Look at the page size." in facts.runbooks[0]
    assert "could not be read" in facts_about(store, now, diagnosis(), tmp_path / "gone").runbooks[0]


def test_in_the_flow_a_model_is_told_and_what_it_saw_is_kept(store: Store, opened, tmp_path: Path) -> None:
    past, now = opened(1), opened(2, days=0, minutes=None)
    for incident in (past, now):
        store.put(incident.id, ChangeExcerpt(changes=(CHANGE,)))
    answer = {
        "root_cause_analysis": {"summary": "It is as in INC-1 [m1]."},
        "proposed_solution": {"type": "rollback", "summary": "Undo it"},
    }
    steps = IncidentSteps(
        Settings(_env_file=None, state_dir=tmp_path),  # type: ignore[call-arg]
        CaseFiles(store, tmp_path / "snapshots"),
        Sites(Site(sources=())),
        load_policy(),
        Synthesizer((ScriptedDrafter([json.dumps(answer)]),)),
    )
    assert steps.propose(now.id)
    kept = store.latest(now.id, Proposal)
    assert kept is not None
    assert "INC-1 checkout is slow: cause checkout" in kept.drafting.user
    assert "scripted adds: It is as in INC-1 [m1]." in kept.root_cause_analysis.details
