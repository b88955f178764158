"""Feedback becomes labelled cases: what is believed how far, and with what the models saw."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from data import audit
from data.datasets.synthetic import synthesize
from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeKind,
    Diagnosis,
    Feedback,
    Incident,
    IncidentStatus,
    Noun,
    RejectReason,
    Severity,
    Verdict,
)
from data.errors import InputError, StoreError
from data.excerpt import ChangeExcerpt, Topology, TopologyNode
from data.labels import Label, Origin
from data.sources.bundle import write_bundle
from data.store import Store, alert_key
from pipelines.casefile import CaseFiles
from pipelines.feedback import Boards, LabelledCase, label, labelled_cases

ID = "INC-260302-AAAAA"


@pytest.fixture
def files(store: Store, tmp_path: Path) -> CaseFiles:
    return CaseFiles(store, tmp_path / "incidents")


def opened(store: Store, alert: Alert, incident_id: str = ID, *, later: timedelta = timedelta(0)) -> None:
    alert = alert.model_copy(update={"id": incident_id, "group": incident_id, "fired_at": alert.fired_at + later})
    store.receive([(alert, "")])
    incident = Incident(
        id=incident_id, title="t", service=alert.service, status=IncidentStatus.open, severity=Severity.high,
        opened_at=alert.fired_at, alerts=(alert,), environment="prod",
    )  # fmt: skip
    with store.exclusive() as transaction:
        transaction.open(incident)
        transaction.attach(alert_key(alert), incident_id)


def diagnosed(store: Store, alert: Alert, service: str = "cart") -> None:
    store.put(ID, Diagnosis(
        candidates=(Candidate(service=service, probability=0.7),), changes=(), no_change_probability=0.5,
        severity=Severity.high, blast_radius=BlastRadius(), anomaly_score=0.5, evidence=(), unseen=(),
        as_of=alert.fired_at,
    ))  # fmt: skip
    store.put(ID, Topology(nodes=tuple(TopologyNode(id=s) for s in ("cart", "db", "checkout")), edges=()))
    changed = Change(id="c1", kind=ChangeKind.deploy, timestamp=alert.fired_at, service="db")
    store.put(ID, ChangeExcerpt(changes=(changed,)))


def answer(verdict: Verdict, **fields: object) -> Feedback:
    return Feedback(incident_id=ID, proposal_id="p", verdict=verdict, by="ann", **fields)  # type: ignore[arg-type]


def only(files: CaseFiles) -> LabelledCase:
    [case] = labelled_cases(files)
    return case


WRONG = RejectReason.wrong_cause


@pytest.mark.parametrize(
    ("said", "services", "origin", "weight", "right"),
    [
        (answer(Verdict.approved), ("cart",), Origin.approved, 0.2, None),
        (answer(Verdict.rejected, reason=WRONG, true_service="db"), ("db",), Origin.corrected, 1.0, False),
        (answer(Verdict.rejected, reason=WRONG, true_change="c1"), ("db",), Origin.corrected, 1.0, False),
        (answer(Verdict.rejected, reason=WRONG), (), Origin.rejected, 0.0, False),
        (answer(Verdict.rejected, reason=RejectReason.unsafe_fix), (), Origin.rejected, 0.0, None),
        (answer(Verdict.rejected, reason=RejectReason.not_an_incident), (), Origin.corrected, 1.0, False),
        (Label(incident_id=ID, by="bob", services=("cart", "db")), ("cart", "db"), Origin.post_hoc, 1.0, True),
        (Label(incident_id=ID, by="bob", nothing_wrong=True), (), Origin.post_hoc, 1.0, False),
    ],
)
def test_each_answer_is_believed_as_far_as_it_goes(
    said: Noun, services: tuple[str, ...], origin: Origin, weight: float, right: bool | None, files: CaseFiles,
    store: Store, alert: Alert,
) -> None:  # fmt: skip
    opened(store, alert)
    diagnosed(store, alert)
    store.put(ID, said)
    case = only(files)
    assert (case.services, case.origin, case.weight, case.was_right) == (services, origin, weight, right)
    assert case.is_weak == (origin in (Origin.approved, Origin.rejected, Origin.recovered))
    assert case.system == "prod"


def test_a_recovery_confirms_what_was_approved_unless_it_comes_back(
    files: CaseFiles, store: Store, alert: Alert
) -> None:
    opened(store, alert)
    diagnosed(store, alert)
    store.put(ID, answer(Verdict.approved))
    store.move(ID, IncidentStatus.merged, "merged")
    store.move(ID, IncidentStatus.resolved, "recovered")
    case = only(files)
    assert (case.origin, case.services, case.weight, case.was_right) == (Origin.recovered, ("cart",), 0.5, True)
    over = store.incident(ID).resolved_at
    assert over is not None
    opened(store, alert, "INC-260302-BBBBB", later=over - alert.fired_at + timedelta(hours=1))
    case = only(files)
    assert case.recurred
    assert (case.origin, case.services, case.weight) == (Origin.rejected, (), 0.0)


def test_what_a_person_says_later_outranks_what_was_done(files: CaseFiles, store: Store, alert: Alert) -> None:
    opened(store, alert)
    diagnosed(store, alert)
    store.put(ID, answer(Verdict.approved))
    label(files, Label(incident_id=ID, by="bob", services=("db",), changes=("c1",)))
    case = only(files)
    assert (case.services, case.changes, case.by, case.is_weak) == (("db",), ("c1",), "bob", False)
    [entry] = audit.entries(store.engine)
    assert (entry.actor, entry.action, entry.subject, entry.detail["services"]) == ("bob", "label", ID, ["db"])
    assert store.events(ID)[-1].kind == "labelled"


def test_a_label_names_what_was_seen(files: CaseFiles, store: Store, alert: Alert) -> None:
    opened(store, alert)
    diagnosed(store, alert)
    with pytest.raises(InputError, match=r"'chekout' was not seen.*cart, checkout, db"):
        label(files, Label(incident_id=ID, by="bob", services=("chekout",)))
    with pytest.raises(InputError, match="no change of this incident"):
        label(files, Label(incident_id=ID, by="bob", services=("db",), changes=("c9",)))
    with pytest.raises(StoreError):
        label(files, Label(incident_id="INC-0", by="bob", services=("db",)))
    assert labelled_cases(files) == []
    label(files, Label(incident_id=ID, by="bob", services=("dns",)), unseen=True)
    assert only(files).services == ("dns",)
    with pytest.raises(ValueError, match="name the services"):
        Label(incident_id=ID, by="bob")


def test_boards_are_made_once_from_what_the_models_saw(files: CaseFiles, store: Store, tmp_path: Path) -> None:
    made = synthesize((7, 1), services=(5, 6), kind="cpu_hog")
    opened(store, made.alert)
    boards = Boards(files, tmp_path / "boards")
    store.put(ID, Label(incident_id=ID, by="bob", services=made.truth().services))
    assert boards.of(only(files), 3) == [], "the snapshot is gone"
    write_bundle(files.snapshot(ID), made.alert, made.telemetry)
    examples = boards.of(only(files), 3)
    assert {example.case for example in examples} == {3}
    assert all(example.guilty.sum() == 1 for example in examples)
    kept = (tmp_path / "boards" / f"{ID}.npz").stat().st_mtime_ns
    assert len(Boards(files, tmp_path / "boards").of(only(files), 0)) == len(examples)
    assert (tmp_path / "boards" / f"{ID}.npz").stat().st_mtime_ns == kept
    store.put(ID, Label(incident_id=ID, by="bob", nothing_wrong=True))
    assert not any(example.guilty.any() for example in boards.of(only(files), 0)), "another label, the same board"
    assert (tmp_path / "boards" / f"{ID}.npz").stat().st_mtime_ns == kept
    store.put(ID, Label(incident_id=ID, by="bob", services=("elsewhere",)))
    assert all(example.lost for example in boards.of(only(files), 0))
