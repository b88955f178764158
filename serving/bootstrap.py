"""The only place that picks implementations. Nothing is built until :func:`running` is entered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from data.database import connect, migrate
from data.errors import ActionError, ConfigError
from data.settings import Settings
from data.sources import Source
from data.sources.bundle import BundleSource
from data.store import Store
from pipelines.answers import Answers
from pipelines.casefile import CaseFiles
from pipelines.steps import IncidentSteps
from pipelines.worker import Worker
from remediation.forge import LocalForge
from remediation.policy import DEFAULT_POLICY, load_policy
from serving.services import Services


@contextmanager
def running(settings: Settings) -> Iterator[Services]:
    """Everything built from ``settings`` and started; stopped on leaving, with unfinished flows kept.

    Raises:
        ConfigError: a setting names something that is not there or cannot be used.
        PolicyError: the policy file is invalid. Refusing to start beats refusing every action later.
    """
    engine = connect(settings.store_url)
    try:
        migrate(engine)
        store = Store(engine)
        files = CaseFiles(store=store, snapshots=settings.state_dir / "incidents")
        forge, policy = _forge(settings), load_policy(settings.policy or DEFAULT_POLICY)
        steps = IncidentSteps(settings=settings, files=files, sources=_sources(settings), forge=forge, policy=policy)
        answers = Answers(files=files, forge=forge, policy=policy)
        with Worker(settings, store, steps, answers) as worker:
            yield Services(settings=settings, store=store, responder=worker)
    finally:
        engine.dispose()


def _sources(settings: Settings) -> list[Source]:
    if settings.bundle is None:
        return []
    if not (settings.bundle / "alert.json").is_file():
        raise ConfigError(f"QAI_BUNDLE: {settings.bundle} holds no alert.json; name the folder of a recorded incident")
    return [BundleSource(settings.bundle, replay=settings.bundle_replay)]


def _forge(settings: Settings) -> LocalForge | None:
    if settings.repository is None:
        return None
    try:
        forge = LocalForge(settings.repository)
        forge.branch_head(settings.base_branch)
    except ActionError as error:
        raise ConfigError(f"QAI_REPOSITORY: {error}") from error
    return forge
