"""The schedule: durable, at the times that are set, and refused where they make no sense."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from data.errors import ConfigError
from data.settings import Settings, load_settings
from data.store import Store
from pipelines.answers import Answers
from pipelines.casefile import CaseFiles
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from pipelines.worker import Worker
from remediation.policy import DEFAULT_POLICY, load_policy


def worker(settings: Settings, store: Store, learned: threading.Event) -> Worker:
    files, sites, policy = CaseFiles(store, settings.state_dir / "i"), Sites(Site()), load_policy(DEFAULT_POLICY)

    def learn() -> str:
        learned.set()
        return "nothing"

    return Worker(settings, store, IncidentSteps(settings, files, sites, policy), Answers(files, sites, policy), learn)


def is_quiet(event: threading.Event, seconds: float) -> bool:
    """Whether nothing happens for so long; a schedule of every second is never quiet for more than one.

    Asked more than once, since a flow that the process before had begun is finished by the next.
    """
    event.clear()
    return not event.wait(seconds)


def test_it_looks_whether_to_retrain_when_it_is_time(tmp_path: Path, store: Store) -> None:
    learned = threading.Event()
    with worker(load_settings(state_dir=tmp_path, retrain_cron="* * * * * *"), store, learned):
        assert learned.wait(60), "it was never asked"
    with worker(load_settings(state_dir=tmp_path), store, learned):
        assert any(is_quiet(learned, 2.5) for _ in range(5)), "the setting is gone, and so is the schedule"


def test_a_schedule_that_is_none_is_refused(tmp_path: Path, store: Store) -> None:
    settings = load_settings(state_dir=tmp_path, retrain_cron="every night")
    with (
        pytest.raises(ConfigError, match="QAI_RETRAIN_CRON: 'every night'"),
        worker(settings, store, threading.Event()),
    ):
        pass
