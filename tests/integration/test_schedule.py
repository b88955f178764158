"""The schedule: durable, at the times that are set, and refused where they make no sense."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from data.domain import IncidentStatus, Severity
from data.errors import ConfigError
from data.proposal import Proposal
from data.settings import Settings, load_settings
from data.sources import Request
from data.store import Store
from data.telemetry import Metrics, SeriesKey, Telemetry
from pipelines.answers import Answers
from pipelines.casefile import CaseFiles
from pipelines.schedule import Job
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from pipelines.worker import Worker
from remediation.policy import DEFAULT_POLICY, load_policy
from serving.jobs import jobs

EVERY_SECOND = "* * * * * *"
PATIENCE_S = 60


def worker(settings: Settings, store: Store, sites: Sites, work: Sequence[Job]) -> Worker:
    files, policy = CaseFiles(store, settings.state_dir / "i"), load_policy(DEFAULT_POLICY)
    return Worker(settings, store, IncidentSteps(settings, files, sites, policy), Answers(files, sites, policy), work)


def learning(cron: str | None, learned: threading.Event) -> list[Job]:
    def learn() -> list[str]:
        learned.set()
        return ["nothing"]

    return [Job("retrain", "QAI_RETRAIN_CRON", cron, learn)]


def is_quiet(event: threading.Event, seconds: float) -> bool:
    """Whether nothing happens for so long; a schedule of every second is never quiet for more than one.

    Asked more than once, since a flow that the process before had begun is finished by the next.
    """
    event.clear()
    return not event.wait(seconds)


def is_so_at_last(found: Callable[[], object]) -> bool:
    """Whether something comes true before patience ends."""
    end = time.monotonic() + PATIENCE_S
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_it_looks_whether_to_retrain_when_it_is_time(tmp_path: Path, store: Store) -> None:
    learned, settings = threading.Event(), load_settings(state_dir=tmp_path)
    with worker(settings, store, Sites(Site()), learning(EVERY_SECOND, learned)):
        assert learned.wait(PATIENCE_S), "it was never asked"
    with worker(settings, store, Sites(Site()), learning(None, learned)):
        assert any(is_quiet(learned, 2.5) for _ in range(5)), "the setting is gone, and so is the schedule"


@pytest.mark.parametrize("name", ["retrain", "predict", "optimize"])
def test_a_schedule_that_is_none_is_refused(tmp_path: Path, store: Store, name: str) -> None:
    settings = load_settings(state_dir=tmp_path, **{f"{name}_cron": "every night"})
    files = CaseFiles(store, tmp_path / "i")
    with (
        pytest.raises(ConfigError, match=f"QAI_{name.upper()}_CRON: 'every night'"),
        worker(settings, store, Sites(Site()), jobs(settings, files, Sites(Site()))),
    ):
        pass


class Recorded:
    """A source of one service's metrics, a row a minute, up to whenever it is asked."""

    name = "recorded"

    def __init__(self, hours: int, *columns: tuple[SeriesKey, np.ndarray]) -> None:
        self.rows = 60 * hours
        self.columns = columns

    def collect(self, request: Request) -> Telemetry:
        last = int(request.as_of.timestamp())
        times = (np.arange(last - 60 * (self.rows - 1), last + 1, 60) * 10**6).astype("datetime64[us]")
        keys = tuple(key for key, _ in self.columns)
        return Telemetry(metrics=Metrics(times, keys, np.stack([values for _, values in self.columns], axis=1)))


def test_what_is_foretold_when_it_is_time_opens_one_incident(tmp_path: Path, store: Store) -> None:
    filling = np.linspace(60, 93, 300) + np.random.default_rng(0).normal(0, 0.3, 300)
    source = Recorded(5, (SeriesKey("db", "disk_used", unit="%"), filling))
    settings = load_settings(state_dir=tmp_path, predict_cron=EVERY_SECOND, predict_horizon_minutes=60)
    sites = Sites(Site([source]))
    with worker(settings, store, sites, jobs(settings, CaseFiles(store, tmp_path / "i"), sites)):
        assert is_so_at_last(lambda: [i for i in store.incidents() if i.status is not IncidentStatus.open])
    (incident,) = store.incidents()
    assert incident.alert.tags == {"proactive": "true"}
    assert "db disk_used is likely" in incident.title


def test_advice_comes_when_it_is_time_and_waits_for_a_person(tmp_path: Path, store: Store) -> None:
    minutes = 60 * 24 * 8
    day = np.sin(2 * np.pi * np.arange(minutes) / 1440)
    used = 0.4 + 0.1 * day + np.random.default_rng(0).normal(0, 0.01, minutes)
    source = Recorded(
        24 * 8,
        (SeriesKey("search", "container_cpu_usage_cores"), used),
        (SeriesKey("search", "cpu_limit_cores"), np.full(minutes, 8.0)),
        (SeriesKey("search", "http_requests_per_second"), 50 + 10 * day),
    )
    settings = load_settings(state_dir=tmp_path, optimize_cron=EVERY_SECOND)
    sites = Sites(Site([source]))
    with worker(settings, store, sites, jobs(settings, CaseFiles(store, tmp_path / "i"), sites)):
        assert is_so_at_last(lambda: [i for i in store.incidents() if i.status is IncidentStatus.escalated])
    (incident,) = store.incidents()
    assert (incident.is_advice, incident.severity) == (True, Severity.low)
    proposal = store.latest(incident.id, Proposal)
    assert proposal is not None
    assert proposal.remedy.kind == "scale_down"
