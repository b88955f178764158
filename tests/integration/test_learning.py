"""Learning, whole: forty labelled incidents of a new system, through feedback, to a challenger that takes over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import audit
from data.datasets.common import Case
from data.datasets.synthetic.recording import record
from data.datasets.synthetic.series import draw_series
from data.datasets.synthetic.trouble import draw_trouble
from data.datasets.synthetic.world import World, draw_world
from data.domain import Incident, IncidentStatus, Severity
from data.excerpt import Topology
from data.labels import Label
from data.settings import load_settings
from data.sources.bundle import write_bundle
from data.store import alert_key
from pipelines.champion import ChampionInUse
from pipelines.feedback import label
from pipelines.investigate import investigate
from pipelines.retrain import Learning, review
from pipelines.trial import Recipe

KINDS = ("missing_index", "pool_cut", "connection_exhaustion")
COUNT = 40
SMALL = Recipe(made=60, held=60, sizes=((5, 8),))


def incident_of(world: World, number: int) -> Case:
    """Another incident of the same system: it has trouble with its databases, over and over."""
    rng = np.random.default_rng((202, number))
    history, trouble = draw_trouble(rng, world, [KINDS[number % len(KINDS)]])
    series = draw_series(rng, world.shape, world.plant, trouble.state, trouble.effects, world.clock.step_s)
    return record(rng, world, history, trouble, series, number)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    world = draw_world(np.random.default_rng(202), (6, 9))
    return [incident_of(world, number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boards, made once for all tests."""
    return tmp_path_factory.mktemp("boards")


def fed(learning: Learning, cases: Sequence[Case], said: Sequence[Sequence[str]]) -> None:
    """Every case goes through the store with its snapshot, and is labelled by a person."""
    files = learning.files
    for number, (case, services) in enumerate(zip(cases, said, strict=True)):
        incident_id = f"INC-260302-{number:05d}"
        alert = case.alert.model_copy(update={"group": incident_id, "id": incident_id})
        files.store.receive([(alert, "")])
        with files.store.exclusive() as transaction:
            transaction.open(Incident(
                id=incident_id, title=alert.title, service=alert.service, status=IncidentStatus.escalated,
                severity=Severity.high, opened_at=alert.fired_at, alerts=(alert,), environment="new",
            ))  # fmt: skip
            transaction.attach(alert_key(alert), incident_id)
        write_bundle(files.snapshot(incident_id), alert, case.telemetry)
        files.store.put(incident_id, Topology.of(case.telemetry.graph))
        label(files, Label(incident_id=incident_id, by="ann", services=tuple(services)), unseen=True)


def learning_in(folder: Path, boards: Path) -> Learning:
    settings = load_settings(state_dir=folder, retrain_shadow=0)
    learning = replace(Learning.of(settings), recipe=SMALL)
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "boards").symlink_to(boards)
    return learning


@pytest.mark.slow
def test_forty_labels_of_a_new_system_make_a_better_champion(cases: list[Case], kept: Path, tmp_path: Path) -> None:
    learning = learning_in(tmp_path, kept)
    fed(learning, cases, [case.truth().services for case in cases])
    outcome = review(learning)
    assert outcome.decision == "promoted", outcome.because
    new, old = (
        next(f for f in outcome.figures if f["part"] == part and f["what"] == "AC@1") for part in ("new", "old")
    )
    assert new["low"] > 0
    assert new["challenger"] >= new["champion"] + 0.1
    assert old["high"] > 0
    assert learning.registry.champion().version == 1
    assert [e.action for e in audit.entries(learning.files.store.engine)][-2:] == ["register_model", "promote_model"]
    in_use = ChampionInUse(learning.registry)()
    assert in_use is not None
    diagnosis = investigate(cases[0].alert, cases[0].telemetry, model=in_use)
    assert diagnosis != investigate(cases[0].alert, cases[0].telemetry), "the new champion answers"
    assert review(learning).decision == "nothing", "the same labels teach the same"


@pytest.mark.slow
@pytest.mark.parametrize("poison", ["another service each time", "whoever alerts"])
def test_wrong_labels_are_refused(poison: str, cases: list[Case], kept: Path, tmp_path: Path) -> None:
    """Wrong without a pattern, and wrong with one that can be learned."""
    learning = learning_in(tmp_path, kept)
    rng = np.random.default_rng(3)
    said = []
    for case in cases:
        innocent = sorted(set(case.telemetry.services) - set(case.truth().services))
        said.append([case.alert.service if poison == "whoever alerts" else str(rng.choice(innocent))])
    fed(learning, cases, said)
    outcome = review(learning)
    assert outcome.decision == "refused", outcome.because
    assert learning.registry.champion().version == 0
    assert learning.registry.challenger() is None
    last = audit.entries(learning.files.store.engine)[-1]
    assert (last.action, last.detail["because"]) == ("refuse_model", outcome.because)
    assert last.detail["figures"] == list(outcome.figures)
