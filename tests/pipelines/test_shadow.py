"""Shadow: a challenger answers what is new, unheard, and takes over only if nothing speaks against it."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from data import audit
from data.datasets.synthetic import synthesize
from data.domain import Candidate, Incident, IncidentStatus, ModelUsed, Severity, now
from data.labels import Label
from data.registry import Entry, Registry
from data.settings import Settings
from data.shadow import ShadowAnswer
from data.sources.bundle import read_alert, read_telemetry, write_bundle
from data.store import Store, alert_key
from models.confidence import Confidence
from models.rankers import Ranker
from models.rankers.linear import Linear
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines.casefile import CaseFiles
from pipelines.champion import Loaded
from pipelines.retrain import Learning, review
from pipelines.shadow import _against, _slices
from pipelines.trial import Recipe

PASSED = {"promote": True, "instead_of": 0, "reasons": ["better: made up"], "incidents": [], "figures": []}
UNSURE = Confidence(power=0.5, floor=5.0, unseen=3.0, blind=0.1, most=0.5)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small incident, as its models saw it."""
    made = synthesize((7, 1), services=(5, 6), kind="cpu_hog")
    folder = tmp_path_factory.mktemp("snapshot")
    write_bundle(folder, made.alert, made.telemetry)
    return folder


@pytest.fixture
def learning(store: Store, tmp_path: Path) -> Learning:
    settings = Settings(_env_file=None, state_dir=tmp_path, retrain_shadow=2)  # type: ignore[call-arg]
    registry = Registry(tmp_path / "models", CHAMPION, store.engine)
    return Learning(CaseFiles(store, tmp_path / "incidents"), registry, settings, Recipe())


def on_trial(learning: Learning, ranker: Ranker, kind: str = "prior", **card: object) -> Entry:
    path = learning.settings.state_dir / "r.json"
    dump(path, kind, ranker, UNSURE, {})
    return learning.registry.register(path, by="test", about={**PASSED, **card})


def comes(
    learning: Learning, snapshot: Path, number: int, *, cause: str | None = None, by: Entry | None = None
) -> None:
    """A live incident, diagnosed by the champion; somebody may say afterwards what it was."""
    store, incident_id = learning.files.store, f"INC-{number:05d}"
    alert = read_alert(snapshot).model_copy(update={"id": incident_id, "group": incident_id})
    store.receive([(alert, "")])
    with store.exclusive() as transaction:
        transaction.open(Incident(
            id=incident_id, title="t", service=alert.service, status=IncidentStatus.escalated, severity=Severity.high,
            opened_at=now() + timedelta(minutes=1), alerts=(alert,),
        ))  # fmt: skip
        transaction.attach(alert_key(alert), incident_id)
    shutil.copytree(snapshot, learning.files.snapshot(incident_id))
    entry = by or learning.registry.champion()
    store.put(incident_id, Loaded.of(entry).investigate(alert, read_telemetry(snapshot)))
    if cause is not None:
        store.put(incident_id, Label(incident_id=incident_id, by="ann", services=(cause,)))


def test_a_challenger_waits_until_it_has_answered_enough(learning: Learning, snapshot: Path) -> None:
    entry = on_trial(learning, champion().ranker, json.loads(CHAMPION.read_text())["kind"], figures=[{"part": "new"}])
    assert review(learning).decision == "trying", "nothing has happened yet"
    comes(learning, snapshot, 1)
    first = review(learning)
    assert (first.decision, first.version) == ("trying", entry.version)
    assert first.because == "in shadow it said the same first on 1 of 1 live incidents, 2 are wanted"
    kept = learning.files.store.latest("INC-00001", ShadowAnswer)
    assert kept is not None
    assert (kept.challenger.version, kept.agree) == (1, True)
    comes(learning, snapshot, 2)
    assert review(learning, dry_run=True).decision == "would_promote"
    outcome = review(learning)
    assert (outcome.decision, outcome.version) == ("promoted", 1), outcome.because
    assert learning.registry.champion().version == 1
    last = audit.entries(learning.files.store.engine)[-1]
    assert last.action == "promote_model"
    assert [f["part"] for f in last.detail["figures"]] == ["new", "live"], "with the figures of both"
    assert len(learning.files.store.all("INC-00001", ShadowAnswer)) == 1, "answered once"


def test_one_that_fails_is_refused(learning: Learning, snapshot: Path) -> None:
    on_trial(learning, Linear(1.0, np.ones(3)), "linear")  # where there are many more features
    comes(learning, snapshot, 1)
    outcome = review(learning)
    assert outcome.decision == "refused", outcome.because
    assert "failed on 1 of 1 live incidents" in outcome.because
    assert learning.registry.challenger() is None


def test_one_that_was_held_against_somebody_else_is_refused(learning: Learning, snapshot: Path) -> None:
    on_trial(learning, Prior(3.0), instead_of=7)
    assert review(learning).because == "version 7, which it was held against, is no longer in use"


def test_one_that_a_person_registered_is_left_to_the_person(learning: Learning) -> None:
    on_trial(learning, Prior(3.0), promote=None)
    assert review(learning).decision == "nothing"
    assert learning.registry.challenger() is not None


def answer(**fields: object) -> ShadowAnswer:
    used = ModelUsed(version=1, digest="a")
    said = {"champion_says": "a", "challenger_says": "a", "champion_confidence": 0.6, "challenger_confidence": 0.6}
    return ShadowAnswer.model_validate(
        {"champion": used, "challenger": used, **said, "champion_tells": True, "challenger_tells": True, **fields}
    )


def test_wrong_more_often_where_the_cause_is_known_speaks_against_it() -> None:
    answers = {f"i{n}": answer(challenger_says="b" if n < 8 else "a") for n in range(12)}
    told = {f"i{n}": ("a",) for n in range(12)}
    [against, *_] = _against(answers, _slices(answers, told))
    assert against.startswith("falls on live incidents, labelled: AC@1 1.00 -> 0.33")
    assert not list(_against(answers, _slices(answers, {}))), "to differ is no fault where nobody knows who is right"
    assert not list(_against(answers, _slices(answers, {"i0": ("a",)}))), "one label proves nothing"


def test_leaving_more_unanswered_speaks_against_it() -> None:
    answers = {f"i{n}": answer(challenger_tells=n % 2 == 0) for n in range(20)}
    [against] = _against(answers, _slices(answers, {}))
    assert "answered 1.00 -> 0.50" in against


def test_the_same_candidate_is_the_same_answer() -> None:
    assert answer().agree
    assert not answer(challenger_says=None).agree
    assert Candidate(service="a", probability=0.5).service == answer().champion_says
