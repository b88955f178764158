"""Live: too sure of itself is demoted, new labels and drift are reason to retrain, and chance is neither."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data.domain import Alert, BlastRadius, Candidate, Diagnosis, Incident, IncidentStatus, Severity, now
from data.labels import Label
from data.registry import Registry
from data.settings import Settings
from data.store import Store, alert_key
from models.base import Channel
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.examples import Example, save
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines.apart import review_apart
from pipelines.casefile import CaseFiles
from pipelines.drift import input_drift
from pipelines.feedback import Boards, labelled_cases
from pipelines.live import answer_drift, calibration_gap, reason_to_retrain
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
    alert = alert.model_copy(update={"id": incident_id, "group": incident_id})
    store.receive([(alert, "")])
    with store.exclusive() as transaction:
        transaction.open(Incident(id=incident_id, title="t", service="cart", status=IncidentStatus.escalated,
                                  severity=Severity.high, opened_at=at, alerts=(alert,)))  # fmt: skip
        transaction.attach(alert_key(alert), incident_id)
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
    boards, registry = learning.boards, learning.registry
    assert reason_to_retrain(boards, registry, cases, None, enough=6) is None
    assert "5 incidents were labelled" in str(reason_to_retrain(boards, registry, cases, None, enough=5))
    path = learning.settings.state_dir / "r.json"
    dump(path, "prior", Prior(2.0), champion().confidence, {})
    registry.register(path, by="test", about={"incidents": [case.incident.id for case in cases]})
    assert reason_to_retrain(boards, registry, cases, None, enough=5) is None


def test_the_schedule_works_in_a_process_of_its_own(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", retrain_after=7)  # type: ignore[call-arg]
    assert review_apart(settings).startswith("nothing: no reason to retrain: fewer than 7 incidents")
    assert (tmp_path / "state" / "qai.sqlite").exists()
    assert (tmp_path / "state" / "models" / "review.json").exists()
    (tmp_path / "state" / "models" / "registry.json").write_text("{")
    assert "is damaged" in review_apart(settings)


def test_diagnoses_that_look_different_are_drift(store: Store, alert: Alert) -> None:
    for number in range(50):
        late = number >= 25
        handled(
            store, alert, number, sure=(0.3 if late else 0.8) + number % 5 / 50, right=True, minutes=9 if late else -9
        )
    assert "the confidence of the first answer was 0.84, is 0.34" in str(answer_drift(store, now()))
    assert answer_drift(store, now() + timedelta(minutes=60)) is None, "nothing to compare with"


def test_inputs_that_look_different_are_reason_once_there_is_a_label(
    learning: Learning, store: Store, alert: Alert
) -> None:
    """Twenty-five incidents before the newest version and after it; since then, spans show twenty times as much."""
    for number in range(50):
        late = number >= 25
        handled(store, alert, number, sure=0.5, right=True, minutes=9 if late else -9)
        keep_board(learning.boards, f"INC-{number:05d}", np.random.default_rng(number), 20.0 if late else 1.0)
    since = datetime.fromisoformat(learning.registry.entry(1).made_at)
    drifted = input_drift(learning.boards, since)
    assert {d.modality for d in drifted} == {"spans"}, "and metrics, logs and the graph look as they did"
    assert drifted[0].psi > 0.2
    cases = labelled_cases(learning.files)
    reason = str(reason_to_retrain(learning.boards, learning.registry, cases, None, enough=99))
    assert reason.startswith("incidents have come to look different: spans: the strongest sign of own time was")
    assert reason_to_retrain(learning.boards, learning.registry, [], None, enough=99) is None, "nothing to learn from"


def keep_board(boards: Boards, incident_id: str, rng: np.random.Generator, spans: float) -> None:
    """What an incident of four services showed, as kept."""
    signs = rng.exponential(1.0, (4, len(CHANNELS)))
    signs[:, CHANNELS.index(Channel.own_time)] *= spans
    none = np.zeros((4, len(KINDS)))
    board = Board(tuple("abcd"), signs, np.ones_like(signs), none, none, np.zeros(4), np.array([[0, 1]]), 0, 0,
                  np.ones(4, bool))  # fmt: skip
    path = boards.folder / f"{incident_id}.npz"
    save(path, [Example(board, 0, 0, 1.0, 0, np.zeros(4, bool))], system="s", digest=boards.code)
    path.with_suffix(".json").write_text(json.dumps([list("abcd")]))
