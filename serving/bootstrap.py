"""The only place that picks implementations. Nothing is built until :func:`running` is entered."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.database import connect, migrate
from data.domain import now
from data.errors import ActionError, ConfigError, PolicyError
from data.lab.repository import BRANCH
from data.settings import Settings
from data.sources import Source
from data.sources.bundle import BundleSource
from data.store import Store
from pipelines.answers import Answers
from pipelines.casefile import CaseFiles
from pipelines.champion import ChampionInUse
from pipelines.registered import registry_of
from pipelines.schedule import regularly
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from pipelines.watch import Watch
from pipelines.worker import Worker
from remediation.actions import Platform
from remediation.forge import LocalForge
from remediation.policy import DEFAULT_POLICY, Policy, load_policy
from serving.drafters import synthesizer
from serving.investigators import investigator
from serving.jobs import jobs
from serving.services import Services

LAB_ENVIRONMENT = "lab"


@contextmanager
def running(settings: Settings) -> Iterator[Services]:
    """Everything built from ``settings`` and started; stopped on leaving, with unfinished flows kept.

    Raises:
        ConfigError: a setting names something that is not there or cannot be used.
            Refusing to start on an invalid policy beats refusing every action later.
    """
    with _alone(settings.state_dir):
        yield from _running(settings)


def _running(settings: Settings) -> Iterator[Services]:
    engine = connect(settings.store_url)
    try:
        migrate(engine)
        store = Store(engine)
        files = CaseFiles(store=store, snapshots=settings.state_dir / "incidents")
        sites, policy = build_sites(settings), _policy(settings)
        steps = IncidentSteps(
            settings=settings,
            files=files,
            sites=sites,
            policy=policy,
            synthesizer=synthesizer(settings),
            investigator=investigator(settings, ChampionInUse(registry_of(settings, engine))),
        )
        answers = Answers(files=files, sites=sites, policy=policy)

        with (
            Worker(settings, store, steps, answers, jobs(settings, files, sites)) as worker,
            _watching(settings, sites, store, worker),
        ):
            yield Services(settings=settings, store=store, responder=worker)
    finally:
        engine.dispose()


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder: two processes on one would each take up the other's unfinished flows."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"QAI_STATE_DIR: another qai-sre runs on {state_dir}; stop it, or name another folder"
            ) from error
        yield


def _policy(settings: Settings) -> Policy:
    try:
        return load_policy(settings.policy or DEFAULT_POLICY)
    except PolicyError as error:
        raise ConfigError(f"QAI_POLICY: {error}") from error


def build_sites(settings: Settings) -> Sites:
    """The configured environment, and the lab's where there is one."""
    forge = _forge(settings.repository, settings.base_branch)
    default = Site(_bundle(settings), forge, settings.base_branch, _kubernetes(settings))
    if settings.lab is None:
        return Sites(default)
    from data.lab.lab import Lab
    from remediation.actions.lab import LabPlatform

    lab = Lab(settings.lab)
    platform = LabPlatform(lab)
    site = Site([lab.source()], _forge(lab.repository, BRANCH), BRANCH, platform, platform)
    return Sites(default, {LAB_ENVIRONMENT: site})


@contextmanager
def _watching(settings: Settings, sites: Sites, store: Store, worker: Worker) -> Iterator[None]:
    """Keep watch over the lab meanwhile, if that is set."""
    if settings.watch_s is None or LAB_ENVIRONMENT not in sites.by_environment:
        yield
        return
    watch = Watch(
        sources=sites.by_environment[LAB_ENVIRONMENT].sources,
        store=store,
        handle=worker.handle,
        environment=LAB_ENVIRONMENT,
        deadline_s=settings.source_deadline_s,
    )
    with regularly(lambda: watch.look(now()), settings.watch_s, name="watch", patience_s=settings.source_deadline_s):
        yield


def _bundle(settings: Settings) -> list[Source]:
    if settings.bundle is None:
        return []
    if not (settings.bundle / "alert.json").is_file():
        raise ConfigError(f"QAI_BUNDLE: {settings.bundle} holds no alert.json; name the folder of a recorded incident")
    return [BundleSource(settings.bundle, replay=settings.bundle_replay)]


def _kubernetes(settings: Settings) -> Platform | None:
    if settings.kubernetes_namespace is None:
        return None
    from remediation.actions.cluster import Cluster
    from remediation.actions.kubernetes import KubernetesPlatform

    return KubernetesPlatform(Cluster.connect(settings.kubernetes_namespace, settings.kubernetes_context))


def _forge(repository: Path | None, base_branch: str) -> LocalForge | None:
    if repository is None:
        return None
    try:
        forge = LocalForge(repository)
        forge.branch_head(base_branch)
    except ActionError as error:
        raise ConfigError(f"QAI_REPOSITORY: {error}") from error
    return forge
