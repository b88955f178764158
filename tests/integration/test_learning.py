"""Learning, whole: forty labelled incidents of a new system, through feedback, to a challenger that takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from data import audit
from data.datasets.common import Case
from data.datasets.synthetic.recording import record
from data.datasets.synthetic.series import draw_series
from data.datasets.synthetic.trouble import draw_trouble
from data.datasets.synthetic.world import World, draw_world
from data.domain import Alert, Diagnosis, Incident, IncidentStatus, Severity, now
from data.excerpt import Topology
from data.labels import Label
from data.settings import load_settings
from data.shadow import ShadowAnswer
from data.sources.bundle import write_bundle
from data.store import alert_key
from data.telemetry import Telemetry
from pipelines.answers import Answers
from pipelines.champion import champion_below
from pipelines.feedback import label, labelled_cases
from pipelines.prepare import prepare
from pipelines.retrain import Learning, Outcome, review
from pipelines.schedule import Job
from pipelines.scoring.telemetry import write_message
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from pipelines.trial import Recipe, made_sources
from pipelines.worker import Worker
from remediation.policy import DEFAULT_POLICY, load_policy
from serving.commands.score import SERVICE, free_port
from serving.investigators import RemoteInvestigator
from serving.scoring.process import scoring_process

KINDS = ("missing_index", "pool_cut", "connection_exhaustion")
COUNT, LIVE = 40, 4
SMALL = Recipe(made=30, held=45, sizes=((5, 8),))
TOKEN = "a token that is long enough"
PATIENCE_S = 180.0


def incident_of(world: World, number: int) -> Case:
    """Another incident of the same system: it has trouble with its databases, over and over."""
    rng = np.random.default_rng((202, number))
    history, trouble = draw_trouble(rng, world, [KINDS[number % len(KINDS)]])
    series = draw_series(rng, world.shape, world.plant, trouble.state, trouble.effects, world.clock.step_s)
    return record(rng, world, history, trouble, series, number)


@pytest.fixture(scope="module")
def everything() -> list[Case]:
    world = draw_world(np.random.default_rng(202), (6, 9))
    return [incident_of(world, number) for number in range(COUNT + LIVE)]


@pytest.fixture(scope="module")
def cases(everything: list[Case]) -> list[Case]:
    return everything[:COUNT]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, cases: list[Case]) -> Path:
    """Boards of made and of labelled incidents, made once for all tests, on two cores."""
    folder = tmp_path_factory.mktemp("boards")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        made = [pool.submit(prepare, *source) for source in made_sources(folder, SMALL)]
        learning = learning_in(tmp_path_factory.mktemp("feeding"), folder)
        fed(learning, cases, [case.truth().services for case in cases])
        for number, case in enumerate(labelled_cases(learning.files)):
            learning.boards.of(case, number)
        for one in made:
            one.result()
    return folder


def opened(learning: Learning, case: Case, incident_id: str, at: Any = None) -> Alert:
    """A case goes through the store, with its snapshot."""
    store = learning.files.store
    alert = case.alert.model_copy(update={"group": incident_id, "id": incident_id})
    store.receive([(alert, "")])
    with store.exclusive() as transaction:
        transaction.open(Incident(
            id=incident_id, title=alert.title, service=alert.service, status=IncidentStatus.escalated,
            severity=Severity.high, opened_at=at or alert.fired_at, alerts=(alert,), environment="new",
        ))  # fmt: skip
        transaction.attach(alert_key(alert), incident_id)
    write_bundle(learning.files.snapshot(incident_id), alert, case.telemetry)
    store.put(incident_id, Topology.of(case.telemetry.graph))
    return alert


def fed(learning: Learning, cases: Sequence[Case], said: Sequence[Sequence[str]]) -> None:
    """Every case is labelled by a person."""
    for number, (case, services) in enumerate(zip(cases, said, strict=True)):
        incident_id = f"INC-260302-{number:05d}"
        opened(learning, case, incident_id)
        label(learning.files, Label(incident_id=incident_id, by="ann", services=tuple(services)), unseen=True)


def learning_in(folder: Path, boards: Path) -> Learning:
    settings = load_settings(state_dir=folder, retrain_shadow=LIVE, retrain_cron="* * * * * *")
    learning = replace(Learning.of(settings), recipe=SMALL)
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "boards").symlink_to(boards)
    return learning


@contextmanager
def on_schedule(learning: Learning) -> Iterator[list[Outcome]]:
    """The durable schedule at work, a round a second; yields what the rounds came to."""
    outcomes: list[Outcome] = []

    def learn() -> list[str]:
        outcomes.append(review(learning))
        return [outcomes[-1].decision]

    files, sites, policy = learning.files, Sites(Site()), load_policy(DEFAULT_POLICY)
    steps, answers = IncidentSteps(learning.settings, files, sites, policy), Answers(files, sites, policy)
    job = Job("retrain", "QAI_RETRAIN_CRON", learning.settings.retrain_cron, learn)
    with Worker(learning.settings, files.store, steps, answers, [job]):
        yield outcomes


@dataclass
class Client:
    """Somebody who keeps asking the scoring service what caused an incident, and never stops to think."""

    url: str
    case: Case
    answers: list[tuple[int, str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Client:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        telemetry = {**write_message(self.case.telemetry), "spans": [], "logs": []}
        question = {"alert": self.case.alert.model_dump(mode="json"), "telemetry": telemetry}
        with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60.0, trust_env=False) as client:
            while not self._stop.wait(0.2):
                try:
                    answer = client.post(f"{self.url}/rank_causes", json=question)
                    self.answers.append((answer.status_code, answer.json().get("model", answer.text)))
                except httpx.HTTPError as error:
                    self.answers.append((0, repr(error)))


def came_to(decision: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The rounds that came to a decision."""
    return [outcome for outcome in outcomes if outcome.decision == decision]


def until(so: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end, f"{what}: not so within {PATIENCE_S:g} s"
        time.sleep(0.05)


@contextmanager
def mlflow_ui(state: Path) -> Iterator[httpx.Client]:
    """MLflow as `make mlflow` opens it, on a free port."""
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.tracking", "--port", str(port)],
        env={**os.environ, "QAI_STATE_DIR": str(state)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30.0) as client:
            yield client
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.HTTPError:
        return False


def comes_live(learning: Learning, cases: Sequence[Case], url: str) -> None:
    """Incidents that nobody has seen before, diagnosed by the service that runs."""

    def not_here(_: Alert, __: Telemetry) -> Diagnosis:
        raise AssertionError("the service was to be asked")

    ask = RemoteInvestigator(url, SecretStr(TOKEN), otherwise=not_here)
    for number, case in enumerate(cases):
        incident_id = f"INC-261124-{number:05d}"
        alert = opened(learning, case, incident_id, at=now())
        learning.files.store.put(incident_id, ask(alert, case.telemetry))


@pytest.mark.slow
@pytest.mark.timeout(900)  # two services, forty incidents investigated and learned from, and a trial on live ones
def test_forty_labels_of_a_new_system_make_a_better_champion(
    everything: list[Case], cases: list[Case], kept: Path, tmp_path: Path
) -> None:
    """Labels, the schedule, the gate, a trial in shadow, and a service that swaps while it is asked."""
    pytest.importorskip("bentoml")
    pytest.importorskip("mlflow")
    learning = learning_in(tmp_path, kept)
    store = learning.files.store
    service = {"QAI_SCORING_TOKEN": TOKEN, "QAI_STATE_DIR": str(tmp_path), "BENTOML_HOME": str(tmp_path / "bentoml")}
    with ExitStack() as open_still, scoring_process(SERVICE, service) as url, Client(url, cases[0]) as client:
        fed(learning, cases, [case.truth().services for case in cases])
        with on_schedule(learning) as outcomes:
            until(lambda: came_to("trying", outcomes), "a challenger is learned")
            mlflow = open_still.enter_context(mlflow_ui(tmp_path))  # it takes its time to come up
            until(lambda: client.answers[-1:] and client.answers[-1][0] == 200, "the service answers meanwhile")
            comes_live(learning, everything[COUNT:], url)
            until(lambda: came_to("promoted", outcomes), "it takes over")
        before = len(client.answers)
        until(lambda: any(model.startswith("v1-") for _, model in client.answers[before:]), "the service swaps")
        until(lambda: is_up(mlflow), "MLflow is up")
        [outcome] = came_to("trying", outcomes)[:1]
        new, old = (
            next(f for f in outcome.figures if f["part"] == part and f["what"] == "AC@1") for part in ("new", "old")
        )
        compared_in(mlflow, new["champion"], new["challenger"])
    assert {status for status, _ in client.answers} == {200}, "not one request failed"
    assert {model[:3] for _, model in client.answers} == {"v0-", "v1-"}

    assert new["low"] > 0
    assert new["challenger"] >= new["champion"] + 0.1
    assert old["high"] > 0
    for example in outcome.card["examples"]:
        assert sum(example["because"].values()) + example["rest"] == pytest.approx(example["score"], abs=0.01)
    assert "gained" in {example["kind"] for example in outcome.card["examples"]}
    decisions = [e for e in audit.entries(store.engine) if e.action.endswith("_model")]
    assert [e.action for e in decisions] == ["register_model", "try_model", "promote_model"]
    assert {f["part"] for f in decisions[-1].detail["figures"]} == {"new", "old", "live"}
    shadows = [store.latest(f"INC-261124-{number:05d}", ShadowAnswer) for number in range(LIVE)]
    assert [(s.champion.version, s.challenger.version) for s in shadows if s and s.champion] == [(0, 1)] * LIVE
    assert champion_below(tmp_path).version == 1
    assert review(learning).decision == "nothing", "the same labels teach the same"


def compared_in(mlflow: httpx.Client, champion: float, challenger: float) -> None:
    """The page is there, and what it shows: champion beside challenger, what was decided, and who has which name."""
    assert "<html" in mlflow.get("/").text
    named = mlflow.get("/api/2.0/mlflow/registered-models/alias", params={"name": "ranker", "alias": "champion"})
    version = named.json()["model_version"]
    run = mlflow.get("/api/2.0/mlflow/runs/get", params={"run_id": version["run_id"]}).json()["run"]
    figures = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert figures["new/all/AC_at_1/champion"] == champion
    assert figures["new/all/AC_at_1/challenger"] == challenger
    assert {name.split("/")[0] for name in figures} == {"new", "old", "live"}
    assert {tag["key"]: tag["value"] for tag in run["data"]["tags"]}["decision"] == "promoted"
    files = mlflow.get("/api/2.0/mlflow/artifacts/list", params={"run_id": version["run_id"]}).json()["files"]
    assert {"model_card.md", "reliability.png"} <= {one["path"] for one in files}


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
