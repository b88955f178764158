"""What was disturbed before is not taken for what is usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from data.domain import Alert, AlertStatus, now
from data.store import Store
from data.telemetry import LOG_COLUMNS, Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from models.detect import detect
from pipelines.calm import ENOUGH, Episode, calm, calm_metrics, episodes
from pipelines.triage import triage

T0 = datetime(2026, 3, 2, 3, tzinfo=UTC)
KEY = SeriesKey("api", "latency_p95_ms")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def latency(slow: list[tuple[int, int]], seconds: int, step: int = 2) -> Metrics:
    """100 ms, and four times that in each of ``slow`` (seconds from, to)."""
    when = np.arange(0, seconds, step)
    noise = np.random.default_rng(0).standard_normal(len(when))
    raised = sum(((when >= a) & (when < b)) for a, b in slow) * 300.0
    times = ((T0.timestamp() + when) * 1e6).astype("int64").astype("datetime64[us]")
    return Metrics(times, (KEY,), (100 + 3 * noise + raised)[:, None])


def test_a_fault_after_longer_trouble_is_noticed_only_against_what_was_calm() -> None:
    metrics = latency([(100, 400), (440, 480)], 480)
    assert detect(metrics, as_of=at(480)) == ()  # as slow as it mostly was
    [breach] = detect(calm_metrics(metrics, [Episode(at(95), at(410))]), as_of=at(480))
    assert breach.usual < 110


def test_the_samples_lines_and_spans_of_an_episode_go_and_the_others_stay() -> None:
    metrics = latency([], 200)
    logs = pd.DataFrame([[at(s), "api", "INFO", str(s)] for s in (10, 50, 60, 99)], columns=list(LOG_COLUMNS))
    seen = calm(Telemetry(metrics=metrics, logs=logs), [Episode(at(50), at(99))])
    assert list(seen.logs["message"]) == ["10", "99"]
    assert len(seen.metrics.timestamps) == 100 - 25 + 1 - 1
    assert len(metrics.timestamps) == 100


def test_a_past_with_nothing_else_in_it_is_better_than_none() -> None:
    metrics = latency([], 200)
    left = Episode(at(0), at(200 - 2 * (ENOUGH - 1)))
    assert calm_metrics(metrics, [left]) is metrics


def test_an_incident_that_is_over_is_an_episode_of_its_environment(store: Store) -> None:
    graph = ServiceGraph([])
    fired = now() - timedelta(minutes=5)
    alert = Alert(id="a", source="t", service="api", title="slow", fired_at=fired, group="g", environment="lab")
    [receipt] = store.receive([(alert, "")])
    triage(store, receipt.key, graph)
    since, before = fired - timedelta(hours=1), now() + timedelta(hours=1)
    assert episodes(store, "lab", since=since, before=before) == ()  # it goes on
    [receipt] = store.receive([(alert.model_copy(update={"status": AlertStatus.resolved, "fired_at": now()}), "")])
    triage(store, receipt.key, graph)
    [episode] = episodes(store, "lab", since=since, before=before)
    assert episode.start < fired < now() - timedelta(minutes=1) < episode.end
    assert episodes(store, None, since=since, before=before) == ()
    assert episodes(store, "lab", since=before, before=before) == ()
