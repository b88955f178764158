"""Live: too sure of itself is demoted, new labels and drift are reason to retrain, and chance is neither."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from data.domain import Alert, BlastRadius, Candidate, Diagnosis, Incident, IncidentStatus, Severity, now
from data.labels import Label
from data.registry import Registry
from data.settings import Settings
from data.store import Store
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines.apart import review_apart
from pipelines.casefile import CaseFiles
from pipelines.feedback import labelled_cases
from pipelines.live import calibration_gap, drift, reason_to_retrain
from pipelines.retrain import Learning, review
from pipelines.trial import Recipe


@pytest.fixture
def learning(store: Store, tmp_path: Path) -> Learning:
    settings = Settings(_env_file=None, state_dir=tmp_path)  # type: ignore[call-arg]
    registry = Registry(tmp_path / "models", CHAMPION, store.engine)
    dump(tmp_path / "r.json", "prior", Prior(3.0), champion().confidence, {})
    registry.register(tmp_path / "r.json", by="test", about={"incidents": []})
    return Learning(CaseFiles(store, tmp_path / "incidents"), registry, settings, Recipe())


def handled(store: Store, alert: Alert, number: int, *, sure: float, right: bool, minutes: int = 1) -> None:
    """An incident opened so many minutes from now, diagnosed with a confidence, and labelled."""
    incident_id = f"INC-{number:05d}"
    at = now() + timedelta(minutes=minutes)
    store.receive([(alert.model_copy(update={"id": incident_id, "group": incident_id}), "")])
    with store.exclusive() as transaction:
        transaction.open(Incident(id=incident_id, title="t", service="cart", status=IncidentStatus.escalated,
                                  severity=Severity.high, opened_at=at, alerts=(alert,)))  # fmt: skip
    store.put(incident_id, Diagnosis(
        candidates=(Candidate(service="cart", probability=sure),), changes=(), no_change_probability=0.5,
        severity=Severity.high, blast_radius=BlastRadius(), anomaly_score=0.5, evidence=(), unseen=(), as_of=at,
    ))  # fmt: skip
    store.put(incident_id, Label(incident_id=incident_id, by="ann", services=("cart" if right else "db",)))


def test_a_champion_that_turns_out_too_sure_is_demoted(learning: Learning, store: Store, alert: Alert) -> None:
    for number in range(12):
        handled(store, alert, number, sure=0.8, right=number % 5 > 0, minutes=-60)
    learning.registry.promote(1, "test", "tried")
    for number in range(12, 26):
        handled(store, alert, number, sure=0.9, right=number % 4 == 0)
    dry = review(learning, dry_run=True)
    assert (dry.decision, learning.registry.champion().version) == ("would_demote", 1)
    outcome = review(learning)
    assert (outcome.decision, outcome.version) == ("demoted", 0)
    assert "surer than right on 14 diagnoses" in outcome.because
    assert outcome.figures[0]["before"] == pytest.approx(-0.05, abs=0.03)
    assert learning.registry.champion().version == 0


def test_being_as_sure_as_right_is_no_reason(learning: Learning, store: Store, alert: Alert) -> None:
    learning.registry.promote(1, "test", "tried")
    for number in range(14):
        handled(store, alert, number, sure=0.7, right=number % 10 < 7)
    gap = calibration_gap(learning.registry, labelled_cases(learning.files))
    assert gap is not None
    assert not gap.is_worse
    assert review(learning).decision == "nothing"


def test_too_few_answers_prove_nothing(learning: Learning, store: Store, alert: Alert) -> None:
    for number in range(9):
        handled(store, alert, number, sure=0.9, right=False)
    assert calibration_gap(learning.registry, labelled_cases(learning.files)) is None


def test_enough_new_labels_are_reason_and_the_known_are_not(learning: Learning, store: Store, alert: Alert) -> None:
    for number in range(5):
        handled(store, alert, number, sure=0.5, right=True)
    cases = labelled_cases(learning.files)
    files, registry = learning.files, learning.registry
    assert reason_to_retrain(files, registry, cases, None, enough=6) is None
    assert "5 incidents were labelled" in str(reason_to_retrain(files, registry, cases, None, enough=5))
    path = learning.settings.state_dir / "r.json"
    dump(path, "prior", Prior(2.0), champion().confidence, {})
    registry.register(path, by="test", about={"incidents": [case.incident.id for case in cases]})
    assert reason_to_retrain(files, registry, cases, None, enough=5) is None


def test_the_schedule_works_in_a_process_of_its_own(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", retrain_after=7)  # type: ignore[call-arg]
    assert review_apart(settings).startswith("nothing: no reason to retrain: fewer than 7 incidents")
    assert (tmp_path / "state" / "qai.sqlite").exists()
    (tmp_path / "state" / "models").mkdir()
    (tmp_path / "state" / "models" / "registry.json").write_text("{")
    assert "is damaged" in review_apart(settings)


def test_incidents_that_look_different_are_drift(store: Store, alert: Alert) -> None:
    for number in range(50):
        late = number >= 25
        handled(
            store, alert, number, sure=(0.3 if late else 0.8) + number % 5 / 50, right=True, minutes=9 if late else -9
        )
    assert "the confidence of the first answer was 0.84, is 0.34" in str(drift(store, now()))
    assert drift(store, now() + timedelta(minutes=60)) is None, "nothing to compare with"
